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
