"""The alignment's report: on the console, as align.json, and as one HTML file with its curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.authoring.io import files
from harness.authoring.literal import one_line
from harness.types import Estimate
from harness_align import loop
from harness_align.evaluation import verdict
from harness_align.loop import AlignResult
from harness_align.search import Found

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {"pass": "green", "block": "red", "inconclusive": "yellow"}
SERIES = (
    ("loss", ("loss",)),
    ("reward", ("reward", "rewards/held_out/mean")),
    ("reward margin", ("rewards/margins", "margin")),
    ("reward accuracy", ("rewards/accuracies", "accuracy")),
    ("KL to the reference", ("kl",)),
    ("log-probability", ("logps/chosen", "logps/rejected")),
    ("gradient norm", ("grad_norm",)),
    ("answer length", ("completions/mean_length",)),
    ("truncated answers", ("completions/clipped_ratio",)),
)
"""Charts, and the names under which the trainers log their lines."""


def write(result: AlignResult) -> Path:
    """Writes align.json and report.html into the alignment's folder; returns the latter."""
    files.write_json(result.job.out / "align.json", loop.to_json(result))
    path = result.job.out / "report.html"
    files.write_atomically(path, html(result))
    return path


def html(result: AlignResult) -> str:
    """The report as one HTML file without scripts; every text is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("align.html").render(
        result=result,
        job=result.job,
        verdict=result.verdict,
        role=verdict.role,
        interval=interval,
        kept_weights=kept_weights,
        setting=setting,
        number=number,
        charts=charts(result),
        scatters=[] if result.search is None else scatters(result.search),
    )


def kept_weights(step: int) -> str:
    """What early stopping kept, in words."""
    whose = f"of step {step}" if step else "of the base: no step made the watched metric better"
    return f"Early stopping kept the weights {whose}."


def number(value: float) -> str:
    """Four significant digits; a dash for what is not known."""
    return "–" if math.isnan(value) else f"{value:.4g}"


def interval(estimate: Estimate) -> str:
    """``value [low, high]``."""
    if math.isnan(estimate.low):
        return number(estimate.value)
    return f"{estimate.value:.4g} [{estimate.low:.4g}, {estimate.high:.4g}]"


# --------------------------------------------------------------------------- charts

WIDTH, HEIGHT = 320, 120


@dataclass(frozen=True, slots=True)
class Scatter:
    """A search's values against one quantity: points (x, y, hover text) in the drawing."""

    title: str
    bounds: str
    points: tuple[tuple[float, float, str], ...]


def scatters(found: Found) -> list[Scatter]:
    """The search's course, then one drawing a parameter; trials that have a value only.

    The axis is logarithmic where a parameter's values span decades.
    """
    finished = [each for each in found.trials if each.value is not None]
    values = [each.value or 0.0 for each in finished]
    low, high = min(values), max(values)
    columns: dict[str, list[Any]] = {"trial": [each.number for each in finished]}
    columns |= {name: [each.settings[name] for each in finished] for name in found.best}
    made = []
    for name, chosen in columns.items():
        points = tuple(
            (
                round(place * WIDTH, 1),
                round(HEIGHT - (value - low) / ((high - low) or 1.0) * HEIGHT, 1),
                f"trial {each.number}: {name} {setting(own)}, {value:.4g}",
            )
            for each, own, place, value in zip(
                finished, chosen, _places(chosen), values, strict=True
            )
        )
        bounds = f"{name} {_ends(chosen)}; {number(low)} to {number(high)}"
        made.append(Scatter(f"{found.metric} by {name}", bounds, points))
    return made


def _ends(values: Sequence[Any]) -> str:
    if all(isinstance(value, int | float) for value in values):
        return f"{setting(min(values))} to {setting(max(values))}"
    return ", ".join(dict.fromkeys(map(str, values)))


def setting(value: Any) -> str:
    """A training setting's value."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _places(values: Sequence[Any]) -> list[float]:
    """Positions in [0, 1] along an axis."""
    if not all(isinstance(value, int | float) for value in values):
        known = list(dict.fromkeys(map(str, values)))
        return [known.index(str(value)) / max(1, len(known) - 1) for value in values]
    numbers = [float(value) for value in values]
    if min(numbers) > 0 and max(numbers) / min(numbers) > 30:
        numbers = [math.log(value) for value in numbers]
    low, high = min(numbers), max(numbers)
    return [(value - low) / ((high - low) or 1.0) for value in numbers]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: its name, its last value, and its points in the drawing."""

    name: str
    last: float
    points: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A small line chart over the steps; bounds are those of the values."""

    title: str
    lines: tuple[Line, ...]
    low: float
    high: float
    first: int
    last: int


def charts(result: AlignResult) -> list[Chart]:
    """A chart for each of ``SERIES`` that a stage logged, and for early stopping's metric."""
    made = []
    for stage, steps in result.curves.items():
        for title, names in SERIES:
            series = {
                name: [(step, logs[name]) for step, logs in steps.items() if name in logs]
                for name in names
            }
            name = title if len(result.curves) == 1 else f"{stage}: {title}"
            made += _chart(name, series)
    watched: dict[str, list[tuple[int, float]]] = {}
    for step, name, value in result.metrics:
        watched.setdefault(name, []).append((step, value))
    return made + [
        chart for name, points in watched.items() for chart in _chart(name, {name: points})
    ]


def _chart(title: str, series: Mapping[str, Sequence[tuple[int, float]]]) -> list[Chart]:
    series = {name: points for name, points in series.items() if len(points) > 1}
    if not series:
        return []
    steps = [step for points in series.values() for step, _ in points]
    values = [value for points in series.values() for _, value in points]
    first, last, low, high = min(steps), max(steps), min(values), max(values)
    across, up = max(last - first, 1), (high - low) or 1.0

    def drawn(points: Sequence[tuple[int, float]]) -> str:
        return " ".join(
            f"{(step - first) / across * WIDTH:.1f},{HEIGHT - (value - low) / up * HEIGHT:.1f}"
            for step, value in points
        )

    lines = tuple(Line(name, points[-1][1], drawn(points)) for name, points in series.items())
    return [Chart(title, lines, low, high, first, last)]


# --------------------------------------------------------------------------- console


def show(result: AlignResult, console: Console) -> None:
    """Prints the verdict and what it rests on."""
    from rich.markup import escape
    from rich.table import Table

    if result.comparison is not None:
        table = Table(title="Before and after", title_justify="left")
        for column in ("metric", "before", "after", "change", "p"):
            table.add_column(column)
        for task in result.comparison.tasks:
            for metric in task.metrics:
                table.add_row(
                    escape(one_line(f"{task.task}.{metric.metric}")),
                    number(metric.baseline.value),
                    number(metric.candidate.value),
                    interval(metric.difference),
                    number(metric.p_value),
                )
        console.print(table)
    effects = Table(title="On held-out prompts", title_justify="left")
    for column in ("", "value", ""):
        effects.add_column(column)
    for effect in result.effects.estimates:
        note = f"[dim]{escape(one_line(effect.note))}[/dim]"
        effects.add_row(escape(one_line(effect.name)), interval(effect.estimate), note)
    for name, (old, new) in result.effects.shares.items():
        effects.add_row(name, f"{number(old)} → {number(new)}", "")
    if result.effects.estimates:
        console.print(effects)
    if result.kept_step is not None:
        console.print(kept_weights(result.kept_step))
    for each in result.aims.rules:
        colour = COLOURS[each.verdict]
        console.print(f"[{colour}]{each.verdict:<13}[/] {verdict.role(each)}: ", end="")
        console.print(one_line(each.sentence), markup=False, highlight=False)
    decision = result.verdict.verdict
    console.print(f"[bold {COLOURS[decision]}]{decision.upper()}[/]")
