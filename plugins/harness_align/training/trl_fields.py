"""The settings that TRL's own configs have, beyond those that the harness names."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

RELIED_ON = (
    *("output_dir", "seed", "data_seed", "resume_from_checkpoint"),
    *("report_to", "logging_steps", "reward_weights", "use_cpu"),
)
"""Fields that have a flag of their own, or that the harness itself relies on."""


def fields_of(config: Any) -> Mapping[str, Any]:
    """The fields of a TRL config that a user may set → their types."""
    hints = typing.get_type_hints(config)
    names = [each.name for each in dataclasses.fields(config) if each.init]
    return {name: hints[name] for name in names if name not in RELIED_ON}


def of_config(values: Mapping[str, Any], config: Any) -> dict[str, Any]:
    """Those of a user's settings that a config of TRL has."""
    return {name: value for name, value in values.items() if name in fields_of(config)}
