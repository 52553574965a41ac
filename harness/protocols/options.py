"""What a thing that a user can choose by name says of its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias, cast

if TYPE_CHECKING:
    from pydantic import BaseModel

Options: TypeAlias = "Mapping[str, str] | type[BaseModel] | Callable[[], type[BaseModel]]"
"""Declares options: a pydantic model, a function that makes one, or name → one line of help.

A model declares type, range, default and help once; ``harness ls NAME`` shows all of them, and
``harness.authoring.option_models`` reads values by it. A function keeps pydantic, which takes a
moment to import, from loading before the thing is used.
"""


def model_of(options: Options) -> type[BaseModel] | None:
    """The pydantic model of the options; None where they are only listed."""
    if isinstance(options, Mapping):
        return None
    return options if isinstance(options, type) else options()


def option_names(options: Options) -> tuple[str, ...]:
    """What may be set."""
    model = model_of(options)
    return tuple(cast("Mapping[str, str]", options) if model is None else model.model_fields)
