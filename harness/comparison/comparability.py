"""Which runs may be compared: what of a task must agree."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from harness.types import TaskResult

ALWAYS = {
    "num_fewshot": "number of few-shot examples",
    "template": "prompt template",
    "scoring": "scoring",
    "samples": "samples",
}
"""Settings that must agree for every task, with their names in words."""
_BY_REPEATS = ("at_least_one", "majority")
"""Reducers of repeats whose meaning depends on how many there are."""


@dataclass(frozen=True, slots=True)
class TaskIdentity:
    """What must agree for two runs' scores of a task to be comparable.

    Attributes:
        version: The task's version.
        data_sha256: Hash of its data.
        settings: How it was asked and scored.
        scored_by: Names of the settings that decide what a score means, as the task declares
            them (see ``harness.protocols.DeclaresScoring``).
    """

    version: str
    data_sha256: str
    settings: Mapping[str, str] = field(default_factory=dict)
    scored_by: Collection[str] = ()

    @classmethod
    def of_result(cls, task: TaskResult) -> TaskIdentity:
        """From a task's result."""
        return cls(task.version, task.data_sha256, task.settings, task.scored_by)


def incomparable(baseline: TaskIdentity, candidate: TaskIdentity) -> str | None:
    """Why the two cannot be compared, in words; None where they can."""
    reasons = []

    def check(name: str, before: str | None, after: str | None, length: int | None = None) -> None:
        if before != after:
            old, new = ("none" if each is None else each[:length] for each in (before, after))
            reasons.append(f"{name} {old} in the baseline, {new} in the candidate")

    check("task version", baseline.version, candidate.version)
    check("data (SHA-256)", baseline.data_sha256, candidate.data_sha256, 12)
    declared = sorted({*baseline.scored_by, *candidate.scored_by} - ALWAYS.keys())
    for name in (*ALWAYS, *declared):
        before, after = baseline.settings.get(name), candidate.settings.get(name)
        if name == "samples" and None in (before, after):
            continue  # all of the data: what they have in common can be compared
        check(ALWAYS.get(name, name), before, after)
    return "; ".join(reasons) or None


def other_repeats(
    baseline: Mapping[str, str], candidate: Mapping[str, str], metric: str
) -> str | None:
    """Why a metric that depends on the number of answers cannot be compared; None where it can.

    That at least one answer is right, and what most say, is another question of five answers than
    of two. ``pass@k`` and ``pass^k`` are estimated without bias from any number.

    Args:
        baseline: The settings of the task in the baseline.
        candidate: The same in the candidate.
        metric: The metric's name.
    """
    if metric.rpartition(".")[2] not in _BY_REPEATS:
        return None
    before, after = (settings.get("repeats", "1") for settings in (baseline, candidate))
    if before == after:
        return None
    return f"{metric} of {before} answers in the baseline, of {after} in the candidate"
