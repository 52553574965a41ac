"""What a report shows, decided once for all formats: a RunResult becomes rows of text.

Order, digits, arrows, axes and which group is the worst are chosen here; the formats only
lay them out. Texts are raw: each format escapes them its own way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.authoring.reporting import numbers
from harness.authoring.reporting.drawing import Mark, MeasureRow, Scale, full_axis, mark
from harness.authoring.reporting.numbers import Number
from harness.types import Estimate, MetricResult, RoleResult, RunResult, TaskResult
from harness_reports.gate import GateView, gate_view
from harness_reports.groups import FairnessTable, GroupTable, fairness_tables, group_tables
from harness_reports.provenance import Facts, facts
from harness_reports.robustness import ProbeView, probe_views

_DIRECTIONS = {True: "higher is better", False: "lower is better", None: "neither is better"}


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric of a task; ``label`` carries the arrow of the better direction."""

    metric: str
    label: str
    direction: str
    number: Number
    mark: Mark | None
    scale: Scale
    signature: str | None
    estimate: Estimate
    higher_is_better: bool | None
    ideal: float | None

    @property
    def worst_first(self) -> str | None:
        """The order of samples, as the browser's links write it, that puts the worst first."""
        if self.higher_is_better is None:
            return None
        return f"{self.metric}:{'lowest' if self.higher_is_better else 'highest'}"

    @property
    def badness(self) -> float | None:
        """How far a share is from where it should be, in [0, 1]; None for other metrics."""
        value = self.estimate.value
        if not 0 <= value <= 1:
            return None
        if self.ideal is not None:
            return abs(value - self.ideal)
        return (
            None if self.higher_is_better is None else 1 - value if self.higher_is_better else value
        )


@dataclass(frozen=True, slots=True)
class TaskView:
    """All that is shown of one task; ``headline`` is its first metric."""

    name: str
    version: str
    n: str
    errors: str
    has_errors: bool
    source: str
    sha256: str
    settings: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    metrics: tuple[MetricRow, ...]
    groups: tuple[GroupTable, ...]
    fairness: tuple[FairnessTable, ...]
    probes: tuple[ProbeView, ...]

    @property
    def headline(self) -> MetricRow | None:
        """The first metric."""
        return self.metrics[0] if self.metrics else None


@dataclass(frozen=True, slots=True)
class RunView:
    """All that is shown of a run."""

    run_id: str
    model: str
    started: str
    complete: bool
    samples: str
    errors: str
    has_errors: bool
    tasks: tuple[TaskView, ...]
    gate: GateView | None
    model_facts: Facts
    usage: Facts
    timing: Facts
    failures: tuple[str, ...] = ()
    """Sentences on tasks of which no sample could be scored."""


def view(result: RunResult) -> RunView:
    """The rows of ``result``, in the order of its tasks and metrics."""
    tasks = result.tasks.values()
    errors = sum(task.errors for task in tasks)
    return RunView(
        run_id=result.run_id,
        model=model_name(result.model),
        started=numbers.moment(str(result.timing.get("started", ""))),
        complete=result.status == "complete",
        samples=numbers.count(sum(task.n for task in tasks)),
        errors=numbers.count(errors),
        has_errors=errors > 0,
        tasks=tuple(task_view(task) for task in tasks),
        gate=gate_view(result.gate),
        model_facts=facts("Model", result.model),
        usage=_usage(result),
        timing=_timing(result.timing),
        failures=tuple(
            f"No sample of {task.name} could be scored: {task.failure}"
            for task in tasks
            if task.failure is not None
        ),
    )


def notes(tasks: Sequence[TaskView]) -> list[tuple[str, str]]:
    """(task names, note), a note that several tasks share once."""
    shared: dict[str, list[str]] = {}
    for task in tasks:
        for note in task.notes:
            shared.setdefault(note, []).append(task.name)
    return [(_named(names, len(tasks)), note) for note, names in shared.items()]


def _named(names: Sequence[str], total: int) -> str:
    if len(names) == total > 1:
        return "all tasks"
    more = len(names) - 3
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:3])} and {more} more tasks"


@dataclass(frozen=True, slots=True)
class TaskGroups:
    """All tables of one attribute of one task; ``gap`` is the largest gap that is shown."""

    task: TaskView
    attribute: str
    groups: int
    tables: tuple[GroupTable, ...]
    gap: MeasureRow | None


def task_groups(run: RunView) -> list[TaskGroups]:
    """The attributes of all tasks: the largest shown gap first, then those without one."""
    found = []
    for task in run.tasks:
        gaps = {table.attribute: table.largest_shown for table in task.fairness}
        for attribute in dict.fromkeys(table.attribute for table in task.groups):
            tables = tuple(each for each in task.groups if each.attribute == attribute)
            groups = max(len(table.rows) for table in tables)
            found.append(TaskGroups(task, attribute, groups, tables, gaps.get(attribute)))
    return sorted(found, key=lambda each: 1.0 if each.gap is None else -each.gap.estimate.value)


def model_name(model: Mapping[str, object]) -> str:
    """What to call the model: its name, else whatever identifies it."""
    for key in ("spec", "name", "fingerprint"):
        value = model.get(key)
        if isinstance(value, str) and value:
            return value
    return "model"


def task_view(task: TaskResult) -> TaskView:
    """The rows of one task."""
    return TaskView(
        name=task.name,
        version=task.version,
        n=numbers.count(task.n),
        errors=numbers.count(task.errors),
        has_errors=task.errors > 0,
        source=task.data.label,
        sha256=task.data_sha256,
        settings=tuple(task.settings.items()),
        notes=task.notes,
        metrics=tuple(metric_row(name, result) for name, result in task.metrics.items()),
        groups=tuple(group_tables(task)),
        fairness=tuple(fairness_tables(task)),
        probes=tuple(probe_views(task)),
    )


def metric_row(name: str, result: MetricResult) -> MetricRow:
    """One metric with its interval on the whole range it can take."""
    axis = full_axis([result.estimate], percent=_is_percent(result))
    reference = result.ideal
    if reference is None and axis.low < 0 < axis.high:
        reference = 0.0
    return MetricRow(
        metric=name,
        label=numbers.label(name, result.higher_is_better, result.ideal, result.calibration),
        direction=_DIRECTIONS[result.higher_is_better]
        if result.ideal is None
        else f"{numbers.trimmed(result.ideal)} is ideal",
        number=numbers.number(result.estimate),
        mark=mark(result.estimate, axis, reference),
        scale=axis.scale,
        signature=result.signature,
        estimate=result.estimate,
        higher_is_better=result.higher_is_better,
        ideal=result.ideal,
    )


def _is_percent(result: MetricResult) -> bool:
    """Whether the metric is sacrebleu's, whose convention is 0–100: only it signs so."""
    return result.signature is not None and "nrefs:" in result.signature


# --------------------------------------------------------------------------- costs


def _usage(result: RunResult) -> Facts:
    usage = result.usage
    rows = [
        ("requests", numbers.count(usage.requests)),
        ("answered from the cache", numbers.count(usage.cached)),
        ("prompt tokens", numbers.count(usage.prompt_tokens)),
        ("completion tokens", numbers.count(usage.completion_tokens)),
        ("tokens computed", numbers.count(usage.computed_tokens)),
        ("tokens reused", numbers.count(usage.reused_tokens)),
    ]
    shown = [(name, text) for name, text in rows if text != "0" or name == "requests"]
    if usage.cost is not None:
        shown.append(("cost", f"${usage.cost:,.2f}"))
    shown += numbers.spent(result.spent)
    shown += [(role, _of_role(each)) for role, each in result.roles.items()]
    return Facts("Usage", tuple(shown))


def _of_role(role: RoleResult) -> str:
    """What another model of the run is, and what it took, in a line."""
    usage = role.usage
    counts = (
        (usage.requests, "requests"),
        (usage.cached, "of them from the cache"),
        (usage.prompt_tokens, "prompt tokens"),
        (usage.completion_tokens, "completion tokens"),
    )
    parts = [f"{numbers.count(count)} {name}" for count, name in counts if count]
    if usage.cost is not None:
        parts.append(f"${usage.cost:,.2f}")
    return f"{role.model.get('name') or role.model.get('spec')}: {', '.join(parts)}"


def _timing(timing: Mapping[str, float | str]) -> Facts:
    return Facts("Timing", tuple(_time(name, value) for name, value in timing.items()))


def _time(name: str, value: float | str) -> tuple[str, str]:
    if isinstance(value, str):
        return name, numbers.moment(value)
    if name.endswith("seconds"):
        words = name.removesuffix("seconds").rstrip("_").replace("_", " ")
        return words or "duration", numbers.duration(value)
    return name.replace("_", " "), numbers.trimmed(value)
