"""What a method lets a user set: our training settings, and every further one of its TRL config.

Ours keep their names, TRL's names for the same thing are taken too (``max_steps`` is ``steps``),
and any other field of the config (``warmup_ratio``, ``precompute_ref_log_probs``) is passed on
unchanged. TRL, which takes seconds to import, is imported only for a name that is not ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model, model_validator

from harness.errors import ConfigError, UnknownNameError
from harness_align import spec as specs
from harness_align.training.trl_fields import fields_of

_NOT_SETTINGS = (*specs.SET_ELSEWHERE, *specs.DERIVED)
TRL_NAMES: Mapping[str, str] = {
    "max_steps": "steps",
    "num_train_epochs": "epochs",
    "lr_scheduler_type": "schedule",
    "per_device_train_batch_size": "batch_size",
    "gradient_accumulation_steps": "gradient_accumulation",
    "save_steps": "save_every",
    "save_total_limit": "keep",
    "loss_type": "loss",
    "num_generations": "generations",
    "max_completion_length": "max_new_tokens",
}
"""TRL's name → ours for the same thing."""


class Settings(BaseModel):
    """Base of the settings of each method."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)
    trainers: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """Our names for TRL's; values of further fields of the config as it types them."""
        values: dict[str, Any] = {}
        for name, value in dict(given).items():
            own = TRL_NAMES.get(name, name)
            if own in values:
                raise ConfigError(f"{name} and {own} are the same setting", "Give one of them.")
            values[own] = value if own in cls.model_fields else cls._further(own, value)
        return values

    @classmethod
    def _further(cls, name: str, value: Any) -> Any:
        if name in specs.NAMES and name not in _NOT_SETTINGS:
            return specs.parse(name, value)
        known = {
            field: kind
            for config in _configs(cls.trainers)
            for field, kind in fields_of(config).items()
        }
        if name in known:
            return _typed(name, known[name], value)
        raise UnknownNameError("alignment option", name, {*cls.model_fields, *known})


@cache
def model(
    method: str, trainers: tuple[str, ...], of_others: frozenset[str] = frozenset()
) -> type[BaseModel]:
    """The settings of a method.

    Args:
        method: Its name.
        trainers: The trainers that its stages may use, whose configs hold the further settings.
        of_others: Settings that only other methods have. They are taken and change nothing, so
            that one [align] table serves several methods.
    """
    chosen: Any = {
        name: (field.annotation, field)
        for name, field in specs.declared().items()
        if name not in _NOT_SETTINGS and name not in of_others
    }
    made = create_model(f"{method}Settings", __base__=Settings, **chosen)
    made.trainers = trainers
    return made


def split(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as fields of the training spec: what is not one of them goes to the trainer."""
    own = {name: value for name, value in values.items() if name in specs.NAMES}
    further = {name: value for name, value in values.items() if name not in specs.NAMES}
    return {**own, "trainer": {**own.get("trainer", {}), **further}} if further else own


def _configs(trainers: Iterable[str]) -> list[Any]:
    """TRL's configs; none where it is not installed."""
    from harness_align.training.methods import trainer_named

    try:
        return [trainer_named(name).config() for name in trainers]
    except ImportError:
        return []


def _typed(name: str, kind: Any, value: Any) -> Any:
    """The value as TRL types it; a text may be JSON where the field is a list or a table."""
    try:
        as_json = isinstance(value, str) and value[:1] in ("[", "{")
        return TypeAdapter(kind).validate_python(json.loads(value) if as_json else value)
    except ValueError as error:
        wanted = getattr(kind, "__name__", None) or str(kind)
        raise ConfigError(f"{name} is {value!r}, expected {wanted} (a setting of TRL)") from error
