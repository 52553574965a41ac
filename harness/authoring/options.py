"""Reading what a user set for a task: numbers, names, and the way the model is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from harness.errors import UnknownNameError, UsageError
from harness.protocols import TaskOptions
from harness.types import (
    Classify,
    ExtractAnswer,
    Generate,
    Loglikelihood,
    PseudoLoglikelihood,
    Request,
    Tag,
)

WAYS: Mapping[str, type[Request]] = {
    "loglikelihood": Loglikelihood,
    "classify": Classify,
    "generate": Generate,
    "extract": ExtractAnswer,
    "pseudo_loglikelihood": PseudoLoglikelihood,
    "tag": Tag,
}
"""Each way to ask that a task may offer, and the request a backend must answer for it."""


def integer(options: TaskOptions, name: str, default: int, minimum: int = 1) -> int:
    """A whole number of at least ``minimum``.

    Raises:
        UsageError: The value is not one.
    """
    text = options.values.get(name)
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError:
        value = minimum - 1
    if value < minimum:
        raise UsageError(f"{name}={text} is not a whole number of at least {minimum}")
    return value


def one_of(options: TaskOptions, name: str, known: Collection[str], default: str) -> str:
    """One of the names in ``known``.

    Raises:
        UnknownNameError: The value is none of them.
    """
    value = options.values.get(name, default)
    if value not in known:
        raise UnknownNameError(name, value, known)
    return value


def scoring(options: TaskOptions, ways: Sequence[str]) -> str:
    """How the task asks: the user's ``scoring``, or the first of ``ways`` the backend answers.

    Args:
        options: ``supports`` empty means that no backend is open yet: then any way will do.
        ways: Keys of ``WAYS`` in the order of preference.

    Raises:
        UnknownNameError: ``scoring`` is none of ``ways``.
        UsageError: The backend does not answer the one asked for.

    Where the backend answers none, the first is returned: the plan refuses its requests.
    """
    open_ways = [way for way in ways if not options.supports or WAYS[way] in options.supports]
    if "scoring" in options.values:
        asked = one_of(options, "scoring", ways, ways[0])
        if asked in open_ways:
            return asked
        hint = f"Choose scoring={' or '.join(open_ways)}." if open_ways else "Take another model."
        raise UsageError(f"scoring={asked} asks for what this model's backend cannot do", hint)
    return (open_ways or ways)[0]
