"""What the user set for a task or a probe: the part that the planner reads, and the task's own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.authoring import option_models
from harness.authoring.options import lazily
from harness.config import RunSpec
from harness.errors import UnknownNameError
from harness.planned import Prompting
from harness.protocols import Options, TaskSpec, option_names

if TYPE_CHECKING:
    from harness.run.planning.common_options import CommonOptions

COMMON_OPTIONS: Options = lazily("harness.run.planning.common_options", "CommonOptions")
"""Options that every task has."""
_OF_SHOTS = ("num_fewshot", "shots", "fewshot")


@dataclass(frozen=True, slots=True)
class SetForTask:
    """What the user set for one task.

    Attributes:
        own: What the task itself is opened with.
        common: What the planner reads.
        draws_shots: Whether the task draws its solved examples itself.
    """

    own: Mapping[str, str]
    common: CommonOptions
    draws_shots: bool


def of_task(spec: RunSpec, task: TaskSpec) -> SetForTask:
    """What the user set for a task, with the task's own defaults of common options.

    Raises:
        UnknownNameError: The task has no such option.
        UsageError: A value does not fit.
    """
    from harness.run.planning.common_options import CommonOptions

    declared = option_names(task.options)
    common = CommonOptions.model_fields
    options = {**task.defaults, **checked(spec, task.name, (*declared, *common))}
    draws_shots = "num_fewshot" in declared or "shots" in declared
    own = {
        key: value
        for key, value in options.items()
        if key not in common or key == "template" or key in declared
    }
    if "num_fewshot" in declared and spec.num_fewshot:
        own.setdefault("num_fewshot", str(spec.num_fewshot))
    planned = {
        key: value
        for key, value in options.items()
        if key in common and not (draws_shots and key in _OF_SHOTS)
    }
    return SetForTask(own, option_models.read(CommonOptions, planned, task.name), draws_shots)


def checked(spec: RunSpec, name: str, known: Collection[str]) -> dict[str, str]:
    """What the user set for a task or probe of that name.

    Raises:
        UnknownNameError: There is no such option.
    """
    options = dict(spec.task_settings.get(name, {}))
    for key in options:
        if key not in known:
            raise UnknownNameError(f"option of {name}", key, known)
    return options


def prompting(spec: RunSpec, common: CommonOptions) -> Prompting:
    """What is put around every prompt of a task."""
    return Prompting(
        common.thinking_tokens,
        spec.system if common.system is None else common.system,
        common.prefill,
        common.fewshot_style == "turns",
        spec.temperature if common.temperature is None else common.temperature,
        common.top_p,
        seed=spec.seed,
    )
