"""Reading what a user set for a task: numbers, names, and the way the model is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from harness.errors import UnknownNameError, UsageError
from harness.protocols import TaskOptions
from harness.types import Classify, Generate, Loglikelihood, Request, RollingLoglikelihood

WAYS: Mapping[str, type[Request]] = {
    "loglikelihood": Loglikelihood,
    "classify": Classify,
    "generate": Generate,
    "rolling": RollingLoglikelihood,
}
"""Each way to ask a model, and the request a backend must answer for it."""


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
        UsageError: The backend answers none of them, or not the one asked for.
    """
    open_ways = [way for way in ways if not options.supports or WAYS[way] in options.supports]
    if "scoring" in options.values:
        asked = one_of(options, "scoring", ways, ways[0])
        if asked in open_ways:
            return asked
        hint = f"Choose scoring={' or '.join(open_ways)}." if open_ways else "Take another model."
        raise UsageError(f"scoring={asked} asks for what this model's backend cannot do", hint)
    if not open_ways:
        raise UsageError(
            f"this model's backend answers {_names(options.supports)} requests only, "
            f"and the task asks for {' or '.join(WAYS[way].__name__ for way in ways)}",
            "Take a model whose backend does (harness plugins lists the backends).",
        )
    return open_ways[0]


def _names(kinds: Collection[type]) -> str:
    return ", ".join(sorted(kind.__name__ for kind in kinds))
