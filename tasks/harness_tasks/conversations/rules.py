"""Rules that an answer of a conversation keeps or breaks, told without a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from harness.authoring.io.serialization import dumps
from harness.authoring.readers.text_files import parse_json
from harness.errors import DataError

Check = Callable[[str, Any], bool]


def _texts(value: Any) -> list[str]:
    """A text, or a list of them, as lower-case texts."""
    return [each.casefold() for each in (value if isinstance(value, list) else [value])]


def _is_json(answer: str, wanted: bool) -> bool:
    try:
        dumps(parse_json(answer))  # which NaN, that JSON does not have, does not survive
    except (DataError, ValueError):
        return not wanted
    return wanted


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of rule: what its value must be, and whether an answer keeps it."""

    takes: str
    holds: Check


KINDS: Mapping[str, Rule] = MappingProxyType(
    {
        "contains": Rule("texts", lambda a, v: all(each in a.casefold() for each in _texts(v))),
        "contains_any": Rule("texts", lambda a, v: any(each in a.casefold() for each in _texts(v))),
        "excludes": Rule("texts", lambda a, v: not any(e in a.casefold() for e in _texts(v))),
        "equals": Rule("texts", lambda a, v: a.strip().casefold() in _texts(v)),
        "starts_with": Rule("texts", lambda a, v: a.strip().casefold().startswith((*_texts(v),))),
        "ends_with": Rule("texts", lambda a, v: a.strip().casefold().endswith((*_texts(v),))),
        "min_words": Rule("count", lambda a, v: len(a.split()) >= v),
        "max_words": Rule("count", lambda a, v: len(a.split()) <= v),
        "json": Rule("flag", _is_json),
    }
)
"""Rule → what it takes. Case and white space around an answer do not matter."""

_EXPECTED = {
    "texts": "a text, or a list of texts",
    "count": "a whole number from 0",
    "flag": "true or false",
}


def fault(name: str, value: Any) -> tuple[str, str] | None:
    """What is wrong with a rule, and what is expected; None where nothing is."""
    kind = KINDS.get(name)
    if kind is None:
        return f"the rule {name!r}", f"one of {', '.join(KINDS)}"
    if kind.takes == "texts":
        texts = value if isinstance(value, list) else [value]
        good = bool(texts) and all(isinstance(each, str) and each for each in texts)
    elif kind.takes == "count":
        good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    else:
        good = isinstance(value, bool)
    return None if good else (f"{name} is {str(value)[:60]!r}", _EXPECTED[kind.takes])


def kept(answer: str, rules: Mapping[str, Any]) -> list[bool]:
    """Whether an answer keeps each of the rules."""
    return [KINDS[name].holds(answer, value) for name, value in rules.items()]
