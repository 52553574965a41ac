"""What stands beside a verdict: which baseline it was, and all that changed, ruled or not.

A rule looks at one metric. A reader wants to know of a metric that fell and that no rule looks at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from harness.authoring.io.serialization import estimate_to_json, number
from harness.comparison import run_comparison
from harness.comparison.measure import MetricsOfTask
from harness.errors import HarnessError
from harness.gating.config import Rule
from harness.results.baseline import ScoredRun
from harness.types import MetricComparison, TaskResult

STALE_DAYS = 30
"""Days after which a baseline should be renewed: what it was compared with has moved on."""


@dataclass(frozen=True, slots=True)
class BaselineFacts:
    """Which run the candidate was compared with.

    ``path`` is where it was read from, ``started`` an ISO 8601 time, ``git_commit`` that of the
    folder in which it was made, ``age_days`` how many whole days before the candidate it was
    started; None where that is not known.
    """

    run_id: str
    path: str | None = None
    started: str | None = None
    git_commit: str | None = None
    age_days: int | None = None

    @property
    def renewal(self) -> str | None:
        """How to make a new baseline, where this one is old."""
        if self.age_days is None or self.age_days <= STALE_DAYS:
            return None
        file = self.path or "main.baseline"
        return (
            f"The baseline is {self.age_days} days older than the candidate. Renew it: evaluate "
            f"what is shipped today (harness run … --out runs/main), then "
            f"harness baseline save runs/main {file}"
        )

    def to_json(self) -> dict[str, Any]:
        """The ``baseline_run`` of a gate's block in results.json."""
        return {
            "run_id": self.run_id,
            "path": self.path,
            "started": self.started,
            "git_commit": self.git_commit,
            "age_days": self.age_days,
            "renewal": self.renewal,
        }


@dataclass(frozen=True, slots=True)
class MetricChange:
    """A metric in both runs; ``ruled``: one of the gate's rules is about it."""

    task: str
    comparison: MetricComparison
    ruled: bool

    def to_json(self) -> dict[str, Any]:
        """An entry of ``changes`` of a gate's block in results.json."""
        found = self.comparison
        return {
            "metric": f"{self.task}.{found.metric}",
            "higher_is_better": found.higher_is_better,
            "ideal": found.ideal,
            "baseline": number(found.baseline.value),
            "candidate": number(found.candidate.value),
            "difference": estimate_to_json(found.difference),
            "verdict": found.verdict,
            "ruled": self.ruled,
        }


@dataclass(frozen=True, slots=True)
class Context:
    """What stands beside a verdict.

    Attributes:
        baseline: Whom the candidate was compared with.
        changes: Every metric that both runs have. Words such as "worse" rest on p-values corrected
            for all of them.
        notes: What could not be compared, and why.
    """

    baseline: BaselineFacts
    changes: tuple[MetricChange, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def unruled_falls(self) -> tuple[MetricChange, ...]:
        """What got worse, and no rule covers it."""
        return tuple(
            each for each in self.changes if each.comparison.verdict == "worse" and not each.ruled
        )

    def to_json(self) -> dict[str, Any]:
        """Its part of the ``gate`` block of results.json."""
        return {
            "baseline_run": self.baseline.to_json(),
            "changes": [each.to_json() for each in self.changes],
        }


def context(
    rules: Sequence[Rule],
    candidate: ScoredRun,
    baseline: ScoredRun,
    metrics: MetricsOfTask,
    path: str | None = None,
    ended_early: Collection[str] = (),
) -> Context:
    """Compares the two runs on everything that both have.

    Args:
        rules: The gate's.
        candidate: The run that is judged.
        baseline: Whom it is compared with.
        metrics: Task → metric objects, for corpus metrics.
        path: Where the baseline was read from.
        ended_early: Tasks that the verdict ended early. They are left out: no interval allows for
            an end that was chosen by what was seen.
    """
    started = baseline.result.timing.get("started")
    facts = BaselineFacts(
        baseline.result.run_id,
        path,
        started if isinstance(started, str) else None,
        baseline.git_commit,
        _days(started, candidate.result.timing.get("started")),
    )
    notes = [f"{task} ended early, so its other metrics are not compared" for task in ended_early]
    whole = replace(
        candidate,
        samples={
            name: found for name, found in candidate.samples.items() if name not in ended_early
        },
    )
    try:
        compared = run_comparison.compare(baseline, whole, metrics)
    except HarnessError as error:
        return Context(facts, (), (*notes, f"not compared as a whole: {error.message}"))
    ruled = _ruled(rules, candidate.result.tasks)
    changes = [
        MetricChange(task.task, metric, (task.task, metric.metric) in ruled)
        for task in compared.tasks
        for metric in task.metrics
    ]
    return Context(facts, tuple(changes), tuple(notes))


def _days(earlier: object, later: object) -> int | None:
    """Whole days between two ISO 8601 times."""
    try:
        return (datetime.fromisoformat(str(later)) - datetime.fromisoformat(str(earlier))).days
    except (TypeError, ValueError):
        return None


def _ruled(rules: Sequence[Rule], tasks: Mapping[str, TaskResult]) -> set[tuple[str, str]]:
    """(task, metric) of every rule."""
    found = set()
    for rule in rules:
        ref = rule.ref(tasks)
        if ref is not None and ref.task in tasks:
            found.add((ref.task, ref.metric or next(iter(tasks[ref.task].metrics), "")))
    return found
