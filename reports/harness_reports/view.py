"""What a report shows, decided once for all formats: a RunResult becomes rows of text.

Order, digits, arrows, axes and which group is the worst are chosen here; the formats only
lay them out. Texts are raw: each format escapes them its own way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.types import Estimate, MetricResult, RunResult, TaskResult
from harness_reports import numbers
from harness_reports.drawing import Axis, Mark, close_axis, full_axis, mark
from harness_reports.numbers import Number
from harness_reports.provenance import Facts, facts

Verdict = Literal["pass", "block", "inconclusive"]

_ARROWS = {True: "↑", False: "↓", None: ""}
_DIRECTIONS = {True: "higher is better", False: "lower is better", None: "neither is better"}
_HEADLINES = {"pass": "Passed", "block": "Blocked", "inconclusive": "Inconclusive"}


@dataclass(frozen=True, slots=True)
class Scale:
    """The ends of an axis in words."""

    low: str
    high: str


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


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group's value; ``too_small`` where no interval could be given."""

    group: str
    number: Number
    mark: Mark | None
    too_small: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """The largest difference between two groups, ``worst`` first."""

    worst: str
    best: str
    number: Number


@dataclass(frozen=True, slots=True)
class GroupTable:
    """One metric by one attribute; ``order`` says what the first row is."""

    attribute: str
    metric: str
    label: str
    order: str
    rows: tuple[GroupRow, ...]
    gap: Gap | None
    overall: Number
    scale: Scale


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """One measure of one probe on one metric."""

    probe: str
    metric: str
    measure: str
    number: Number
    mark: Mark | None
    scale: Scale


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
    probes: tuple[ProbeRow, ...]

    @property
    def headline(self) -> MetricRow | None:
        """The first metric."""
        return self.metrics[0] if self.metrics else None


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule of a gate."""

    metric: str
    rule: str
    verdict: str
    headline: str
    sentence: str


@dataclass(frozen=True, slots=True)
class GateView:
    """The verdict; an unknown one counts as inconclusive, never as a pass."""

    verdict: Verdict
    headline: str
    sentence: str
    rules: tuple[RuleView, ...]


@dataclass(frozen=True, slots=True)
class RunView:
    """All that is shown of a run."""

    run_id: str
    model: str
    complete: bool
    samples: str
    errors: str
    has_errors: bool
    tasks: tuple[TaskView, ...]
    gate: GateView | None
    model_facts: Facts
    usage: Facts
    timing: Facts


def view(result: RunResult) -> RunView:
    """The rows of ``result``, in the order of its tasks and metrics."""
    tasks = result.tasks.values()
    errors = sum(task.errors for task in tasks)
    return RunView(
        run_id=result.run_id,
        model=model_name(result),
        complete=result.status == "complete",
        samples=numbers.count(sum(task.n for task in tasks)),
        errors=numbers.count(errors),
        has_errors=errors > 0,
        tasks=tuple(task_view(task) for task in tasks),
        gate=gate_view(result.gate),
        model_facts=facts("Model", result.model),
        usage=_usage(result),
        timing=_timing(result.timing),
    )


def model_name(result: RunResult) -> str:
    """What to call the model: its name, else whatever identifies it."""
    for key in ("name", "model", "path", "fingerprint"):
        value = result.model.get(key)
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
        groups=tuple(_group_tables(task)),
        probes=tuple(_probe_rows(task)),
    )


def metric_row(name: str, result: MetricResult) -> MetricRow:
    """One metric with its interval on the whole range it can take."""
    axis = full_axis([result.estimate], percent=_is_percent(result))
    reference = 0.0 if axis.low < 0 < axis.high else None
    return MetricRow(
        metric=name,
        label=label(name, result.higher_is_better),
        direction=_DIRECTIONS[result.higher_is_better],
        number=numbers.number(result.estimate),
        mark=mark(result.estimate, axis, reference),
        scale=_scale(axis),
        signature=result.signature,
    )


def label(metric: str, higher_is_better: bool | None) -> str:
    """The metric's name with an arrow towards the better side."""
    return f"{metric} {_ARROWS[higher_is_better]}".rstrip()


def _is_percent(result: MetricResult) -> bool:
    """Whether the metric is sacrebleu's, whose convention is 0–100: only it signs so."""
    return result.signature is not None and "nrefs:" in result.signature


def _scale(axis: Axis) -> Scale:
    return Scale(_tick(axis.low), _tick(axis.high))


def _tick(value: float) -> str:
    digits = 0 if value.is_integer() else 4
    text = f"{abs(value):,.{digits}f}"
    return ("−" if value < 0 else "") + (text.rstrip("0").rstrip(".") if digits else text)


# --------------------------------------------------------------------------- groups


def _group_tables(task: TaskResult) -> list[GroupTable]:
    tables = []
    for attribute, groups in task.groups.items():
        present = {metric for metrics in groups.values() for metric in metrics}
        ordered = [name for name in task.metrics if name in present]
        for metric in [*ordered, *sorted(present.difference(ordered))]:
            results = {name: found[metric] for name, found in groups.items() if metric in found}
            tables.append(_group_table(attribute, metric, results, task.metrics.get(metric)))
    return tables


def _group_table(
    attribute: str,
    metric: str,
    results: Mapping[str, MetricResult],
    overall: MetricResult | None,
) -> GroupTable:
    estimates = {name: result.estimate for name, result in results.items()}
    higher_is_better = next(iter(results.values())).higher_is_better
    whole = overall.estimate if overall is not None else None
    centre = whole.value if whole is not None and math.isfinite(whole.value) else None
    solid = [estimate for estimate in estimates.values() if _is_bounded(estimate)]
    axis = close_axis(solid, [] if centre is None else [centre])
    digits = numbers.digits_for(estimates.values())
    ordered = worst_first(estimates, higher_is_better)
    rows = tuple(
        GroupRow(
            group=name,
            number=numbers.number(estimates[name], digits),
            mark=mark(estimates[name], axis, centre) if estimates[name] in solid else None,
            too_small=not _is_bounded(estimates[name]),
        )
        for name in ordered
    )
    return GroupTable(
        attribute=attribute,
        metric=metric,
        label=label(metric, higher_is_better),
        order="largest first" if higher_is_better is None else "worst first",
        rows=rows,
        gap=_gap([(name, estimates[name]) for name in ordered], digits),
        overall=numbers.number(whole if whole is not None else _NOTHING, digits),
        scale=_scale(axis),
    )


_NOTHING = Estimate(math.nan, math.nan, math.nan, math.nan, 0, "")


def worst_first(estimates: Mapping[str, Estimate], higher_is_better: bool | None) -> list[str]:
    """Group names from the worst to the best; those without an interval come last.

    Where neither direction is better, the largest in size comes first: the further a bias
    score is from 0, the worse.
    """

    def key(name: str) -> tuple[bool, float, str]:
        estimate = estimates[name]
        if not math.isfinite(estimate.value):
            return True, math.inf, name
        if higher_is_better is None:
            rank = -abs(estimate.value)
        else:
            rank = estimate.value if higher_is_better else -estimate.value
        return not _is_bounded(estimate), rank, name

    return sorted(estimates, key=key)


def _is_bounded(estimate: Estimate) -> bool:
    return math.isfinite(estimate.low) and math.isfinite(estimate.high)


def _gap(ordered: Sequence[tuple[str, Estimate]], digits: int) -> Gap | None:
    """Between the extremes; groups too small for an interval take no part.

    The standard error treats groups as independent: sqrt(SE₁² + SE₂²). The largest of several
    differences overstates the true one, and the method says so.
    """
    solid = [(name, estimate) for name, estimate in ordered if _is_bounded(estimate)]
    if len(solid) < 2:
        return None
    low = min(solid, key=lambda pair: pair[1].value)
    high = max(solid, key=lambda pair: pair[1].value)
    first, second = (low, high) if solid[0][0] != high[0] else (high, low)
    difference = high[1].value - low[1].value
    stderr = math.hypot(high[1].stderr, low[1].stderr)
    estimate = Estimate(
        difference,
        stderr,
        math.nan,
        math.nan,
        high[1].n + low[1].n,
        f"largest of {len(solid)} groups, taken as independent; tends to overstate",
    )
    return Gap(first[0], second[0], numbers.number(estimate, digits))


# --------------------------------------------------------------------------- probes


def _probe_rows(task: TaskResult) -> list[ProbeRow]:
    """Measures in the probes' order; changes share one close axis around no change."""
    found = [
        (probe, metric, measure, estimate)
        for probe, metrics in task.probes.items()
        for metric, measures in metrics.items()
        for measure, estimate in measures.items()
    ]
    changes = close_axis([row[3] for row in found if _is_change(row[2])], [0.0])
    rows = []
    for probe, metric, measure, estimate in found:
        change = _is_change(measure)
        axis = changes if change else full_axis([estimate])
        rows.append(
            ProbeRow(
                probe=probe,
                metric=metric,
                measure=measure.replace("_", " "),
                number=numbers.number(estimate, signed=change),
                mark=mark(estimate, axis, 0.0 if axis.low < 0 else None),
                scale=_scale(axis),
            )
        )
    return rows


def _is_change(measure: str) -> bool:
    """Whether a measure is a difference, whose sign matters."""
    return "change" in measure or "difference" in measure


# --------------------------------------------------------------------------- gate


def gate_view(gate: Mapping[str, object] | None) -> GateView | None:
    """The gate's block of results.json in words; None without one."""
    if gate is None:
        return None
    verdict = _verdict(gate.get("verdict"))
    rules = gate.get("rules")
    return GateView(
        verdict=verdict,
        headline=_HEADLINES[verdict],
        sentence=str(gate.get("sentence") or ""),
        rules=tuple(_rule(rule) for rule in (rules if isinstance(rules, (list, tuple)) else ())),
    )


def _rule(rule: object) -> RuleView:
    data = rule if isinstance(rule, Mapping) else {"sentence": str(rule)}
    verdict = _verdict(data.get("verdict"))
    return RuleView(
        metric=str(data.get("metric") or ""),
        rule=str(data.get("rule") or ""),
        verdict=verdict,
        headline=_HEADLINES[verdict],
        sentence=str(data.get("sentence") or ""),
    )


def _verdict(value: object) -> Verdict:
    if value == "pass":
        return "pass"
    return "block" if value == "block" else "inconclusive"


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
    return Facts("Usage", tuple(shown))


def _timing(timing: Mapping[str, float | str]) -> Facts:
    return Facts(
        "Timing",
        tuple(
            (
                name.removesuffix("_seconds").replace("_", " "),
                value if isinstance(value, str) else _seconds(name, value),
            )
            for name, value in timing.items()
        ),
    )


def _seconds(name: str, value: float) -> str:
    return numbers.duration(value) if "second" in name else f"{value:,.4g}"
