"""Options declared once: what a user may set, its type, range, default and help.

    class Options(BaseModel):
        mark: str = Field("!", description="what to shout with")
        times: int = Field(1, ge=1, le=9, description="how often")

    ProbeSpec("shout", "…", lambda options: Shout(read(Options, options.values)), options=Options)

``harness ls NAME`` shows them, and a value that does not fit is refused by name. The older form, a
mapping of names to lines of help, is listed, and its values stay texts.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from harness.errors import HarnessError, UnknownNameError, UsageError
from harness.protocols import Options, model_of, option_names

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic.fields import FieldInfo

Model = TypeVar("Model", bound="BaseModel")


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be set.

    Attributes:
        name: Its name.
        help: What it does, in a line.
        expected: Type and range in words; empty where they are not declared.
        default: As it is written; empty where there is none or it is not declared.
    """

    name: str
    help: str
    expected: str = ""
    default: str = ""

    @property
    def line(self) -> str:
        """Help, type and default in one line."""
        facts = [self.expected, f"default {self.default}" if self.default else ""]
        told = ", ".join(filter(None, facts))
        return f"{self.help} ({told})" if told else self.help


def listed(options: Options) -> Iterator[Option]:
    """Every option, in the order in which it is declared."""
    model = model_of(options)
    if model is None:
        for name, text in typing.cast("Mapping[str, str]", options).items():
            yield Option(name, text)
        return
    for name, field in model.model_fields.items():
        default = (
            "" if field.is_required() else _shown(field.get_default(call_default_factory=True))
        )
        yield Option(name, field.description or "", expected(field), default)


def read(
    model: type[Model],
    values: Mapping[str, Any],
    owner: str = "",
    error: type[HarnessError] = UsageError,
) -> Model:
    """The options with their defaults, from texts where the values are texts.

    Args:
        model: Declares them.
        values: What the user set.
        owner: Whose options these are, for messages; the name of a task or a probe stands before
            the option's, as in ``--set NAME.KEY``.
        error: Raised for a value that does not fit.

    Raises:
        UnknownNameError: There is no such option.
        HarnessError: A value does not fit; the message says what does.
    """
    from pydantic import ValidationError

    if model.model_config.get("extra") != "allow":
        check_names(model, values, owner)
    prepared = {
        name: _parts(model.model_fields[name], value) if name in model.model_fields else value
        for name, value in values.items()
    }
    try:
        return model.model_validate(prepared)
    except ValidationError as wrong:
        raise _explained(model, values, wrong, owner, error) from wrong


def given(
    options: Options,
    values: Mapping[str, Any],
    owner: str = "",
    error: type[HarnessError] = UsageError,
) -> dict[str, Any]:
    """What the user set, each value as it is declared; options that were not set are left out.

    Raises:
        UnknownNameError: There is no such option.
        HarnessError: A value does not fit.
    """
    model = model_of(options)
    if model is None:
        check_names(options, values, owner)
        return dict(values)
    return read(model, values, owner, error).model_dump(exclude_unset=True)


def check_names(options: Options, values: Iterable[str], owner: str = "") -> None:
    """Refuses names that are no options.

    Raises:
        UnknownNameError: There is no such option.
    """
    known = option_names(options)
    for name in values:
        if name not in known:
            raise UnknownNameError(f"option of {owner}" if owner else "option", name, known)


def _explained(
    model: type[BaseModel],
    values: Mapping[str, Any],
    wrong: ValidationError,
    owner: str,
    error: type[HarnessError],
) -> HarnessError:
    first = wrong.errors()[0]
    told = str(first["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if not first["loc"]:
        return error(told)
    name = str(first["loc"][0])
    field = model.model_fields[name]
    # As it is set: --set TASK.KEY, but --set KEY of a backend, an executor or an aligner.
    shown = f"{owner}.{name}" if owner and " " not in owner else name
    known = _choices(field.annotation)
    if first["type"] == "literal_error" and known and issubclass(UnknownNameError, error):
        return UnknownNameError(shown, str(first["input"]), known)
    if first["type"] == "missing":
        return error(f"{shown} is not given, expected {expected(field)}")
    value = values.get(name, first["input"])
    if first["type"] in ("value_error", "assertion_error"):
        return error(f"{shown} is {value!r}: {told}")
    return error(f"{shown} is {value!r}, expected {expected(field)}")


# --------------------------------------------------------------------------- types in words

_NAMES: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
}


def expected(field: FieldInfo) -> str:
    """The type and the range of a field, in words."""
    kind, optional = _plain(field.annotation)
    text = _kind_in_words(kind)
    text += _range(field.metadata)
    return f"{text}, or none" if optional and field.is_required() else text


def _plain(kind: Any) -> tuple[Any, bool]:
    """(the type without None, whether None is allowed)."""
    if typing.get_origin(kind) is Annotated:
        return _plain(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        members = [each for each in typing.get_args(kind) if each is not types.NoneType]
        optional = len(members) < len(typing.get_args(kind))
        return (_plain(members[0])[0] if len(members) == 1 else kind), optional
    return kind, False


def _kind_in_words(kind: Any) -> str:
    origin = typing.get_origin(kind)
    if origin is Literal:
        if len(typing.get_args(kind)) == 1:
            return str(typing.get_args(kind)[0])
        return "one of " + ", ".join(map(str, typing.get_args(kind)))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_kind_in_words(each) for each in typing.get_args(kind))
    if origin is Annotated:
        base, *facts = typing.get_args(kind)
        return _kind_in_words(base) + _range([each for fact in facts for each in _facts(fact)])
    if origin in (tuple, list, set, frozenset):
        one = _kind_in_words(typing.get_args(kind)[0])
        if one.startswith("one of "):
            return f"some of {one.removeprefix('one of ')}, with commas"
        return f"{_plural(one)}, separated by commas"
    if origin is not None:
        return "a table"
    return _NAMES.get(kind, getattr(kind, "__name__", str(kind)))


def _plural(text: str) -> str:
    """``a whole number of at least 1`` as several of them."""
    for one, many in (("a whole number", "whole numbers"), ("a number", "numbers")):
        text = text.replace(one, many, 1)
    return "texts" if text == "a text" else text


def _facts(fact: Any) -> Collection[Any]:
    """The bounds in a pydantic ``Field``, or the fact itself."""
    metadata: Collection[Any] = getattr(fact, "metadata", (fact,))
    return metadata


def _choices(kind: Any) -> list[str]:
    """The names that a type allows, where it allows nothing else."""
    kind, _ = _plain(kind)
    if typing.get_origin(kind) is Literal:
        return [str(each) for each in typing.get_args(kind)]
    if typing.get_origin(kind) in (tuple, list, set, frozenset):
        return _choices(typing.get_args(kind)[0])
    return []


def _range(metadata: Collection[Any]) -> str:
    words = {
        "ge": "of at least {}",
        "gt": "above {}",
        "le": "at most {}",
        "lt": "below {}",
    }
    found = []
    for each in metadata:
        for name, form in words.items():
            bound = getattr(each, name, None)
            if bound is not None and not (isinstance(bound, float) and math.isinf(bound)):
                found.append(form.format(f"{bound:g}"))
    return f" {' and '.join(found)}" if found else ""


def _parts(field: FieldInfo, value: Any) -> Any:
    """A text with commas as the list that the field holds."""
    kind, _ = _plain(field.annotation)
    if isinstance(value, str) and typing.get_origin(kind) in (tuple, list, set, frozenset):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value) if value != {} else ""
