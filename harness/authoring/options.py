"""Reading what a user set for a task: numbers, names, and the way the model is asked."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from harness.authoring import option_models
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

if TYPE_CHECKING:
    from pydantic import BaseModel

Model = TypeVar("Model", bound="BaseModel")

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


def read(model: type[Model], options: TaskOptions, task: str) -> Model:
    """What the user set for a task, and the defaults of the rest.

    Args:
        model: Declares the task's own options; others, such as ``template``, are not looked at.
        options: What the user chose.
        task: The task's name, for messages.

    Raises:
        UnknownNameError: A value is none of the names that there are.
        UsageError: A value does not fit.
    """
    own = {key: value for key, value in options.values.items() if key in model.model_fields}
    return option_models.read(model, own, task)


def lazily(module: str, name: str) -> Callable[[], type[BaseModel]]:
    """The model of that name in that module, imported when it is needed; for ``options=``."""

    def model() -> type[BaseModel]:
        found: type[BaseModel] = getattr(importlib.import_module(module), name)
        return found

    return model


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
        asked = options.values["scoring"]
        if asked not in ways:
            raise UnknownNameError("scoring", asked, ways)
        if asked in open_ways:
            return asked
        hint = f"Choose scoring={' or '.join(open_ways)}." if open_ways else "Take another model."
        raise UsageError(f"scoring={asked} asks for what this model's backend cannot do", hint)
    return (open_ways or ways)[0]
