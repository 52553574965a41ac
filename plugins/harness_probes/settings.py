"""Reading what a user set for a probe: shares, counts and names, one or several of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from harness.errors import UnknownNameError, UsageError
from harness.protocols import ProbeOptions

Value = TypeVar("Value")


def shares(options: ProbeOptions, name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    """Numbers above 0 and at most 1, separated by commas, each a level of its own.

    Raises:
        UsageError: One is not.
    """

    def share(text: str) -> float:
        value = float(text)
        if not 0 < value <= 1:
            raise ValueError
        return value

    return _several(options, name, default, share, "numbers above 0 and at most 1")


def counts(options: ProbeOptions, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """Whole numbers from 1, separated by commas.

    Raises:
        UsageError: One is not.
    """

    def count(text: str) -> int:
        value = int(text)
        if value < 1:
            raise ValueError
        return value

    return _several(options, name, default, count, "whole numbers from 1")


def names(
    options: ProbeOptions, name: str, known: Collection[str], default: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Some of the known names, separated by commas; all of them where no default is given.

    Raises:
        UnknownNameError: One is not known.
    """
    chosen = _several(options, name, default or tuple(known), str.strip, "names")
    for each in chosen:
        if each not in known:
            raise UnknownNameError(name, each, known)
    return chosen


def texts(options: ProbeOptions, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """Texts separated by commas."""
    return _several(options, name, default, str.strip, "names")


def flag(options: ProbeOptions, name: str, default: bool) -> bool:
    """``true`` or ``false``.

    Raises:
        UsageError: It is neither.
    """
    text = options.values.get(name, str(default)).lower()
    if text not in ("true", "false"):
        raise UsageError(f"{name}={text} is neither true nor false")
    return text == "true"


def _several(
    options: ProbeOptions,
    name: str,
    default: tuple[Value, ...],
    read: Callable[[str], Value],
    expected: str,
) -> tuple[Value, ...]:
    text = options.values.get(name)
    if text is None:
        return default
    try:
        values = tuple(dict.fromkeys(read(part) for part in text.split(",") if part.strip()))
    except ValueError as error:
        raise UsageError(f"{name}={text} is not a list of {expected}") from error
    if not values:
        raise UsageError(f"{name} is empty, expected {expected}, separated by commas")
    return values
