"""Values in the forms in which users give them: names, texts, numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from harness.errors import UsageError

Settings: TypeAlias = Mapping[str, str]


def split_names(value: str | Iterable[str]) -> tuple[str, ...]:
    """Names in a list, or in one text between commas."""
    names = value.split(",") if isinstance(value, str) else value
    return tuple(name for each in names if (name := str(each).strip()))


def parse_pairs(pairs: Iterable[str], name: str, expected: str = "KEY=VALUE") -> dict[str, str]:
    """Reads ``KEY=VALUE`` pairs; of equal keys the last one counts.

    White space around a key is dropped; a value is taken as it is given, ``=`` included.

    Args:
        pairs: What was given.
        name: The flag or option that they were given to; the error names it.
        expected: What the error says is expected.

    Raises:
        UsageError: A pair has no ``=``, or nothing before it.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{name} {pair!r}", f"Expected {expected}")
        found[key.strip()] = value
    return found


def texts(table: Mapping[str, Any]) -> dict[str, str]:
    """Every value of a table as the command line would have it."""
    return {key: _text(value) for key, value in table.items()}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def at_least(name: str, value: int | None, least: int) -> None:
    """Refuses a number that is too small; None is any.

    Raises:
        UsageError: It is.
    """
    if value is not None and value < least:
        raise UsageError(f"{name} is {value}, expected at least {least}")
