"""The alignment's report: align.json, and one HTML page in the style of all others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import Registry, read_result
from harness.authoring.io import files
from harness.authoring.reporting import answers, charts, forest, numbers
from harness.authoring.reporting.charts import Chart
from harness.authoring.reporting.page import page
from harness.errors import HarnessError
from harness.types import Estimate, RuleVerdict
from harness_align import loop
from harness_align.evaluation.verdict import gain_of, role
from harness_align.loop import AlignResult
from harness_align.search import Found

HEADLINES = {"pass": "Better", "block": "Blocked", "inconclusive": "Inconclusive"}
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


RUNS = ("before", "after", "untrained")
"""Folders of the runs that an alignment measures."""


def write(result: AlignResult, registry: Registry | None = None) -> Path:
    """Writes align.json and report.html into the alignment's folder; returns the latter.

    Args:
        result: What the alignment found.
        registry: Whose HTML format writes the pages of the runs before and after; None writes
            none.
    """
    if registry is not None and "html" in registry.reporters:
        for folder in run_folders(result):
            try:
                registry.reporter("html").open().render(read_result(folder), folder)
            except HarnessError:  # a run that was measured by another version has no page
                continue
    files.write_json(result.job.out / "align.json", loop.to_json(result))
    path = result.job.out / "report.html"
    files.write_atomically(path, html(result))
    return path


def run_folders(result: AlignResult) -> list[Path]:
    """The run folders of this alignment, as far as they are written."""
    folders = (result.job.out / name for name in RUNS)
    return [folder for folder in folders if (folder / "results.json").is_file()]


def html(result: AlignResult) -> str:
    """The report as one self-contained HTML page; every text is escaped."""
    return page(
        "harness_align",
        "align.html",
        styles=("base.css", "forest.css", "charts.css", "align.css"),
        scripts=("base.js", "forest.js"),
        data=[],
        result=result,
        job=result.job,
        verdict=result.verdict,
        headline=HEADLINES[result.verdict.verdict],
        role=role,
        sentence=None if result.comparison is None else answers.sentence(result.comparison),
        aims=[] if not result.aims.rules else gain_plots(result.aims.rules),
        changes=[] if result.comparison is None else forest.changes(list(_items(result))),
        held_out=list(held_out(result)),
        runs=[
            (folder.name, f"{folder.name}/report.html")
            for folder in run_folders(result)
            if (folder / "report.html").is_file()
        ],
        kept_weights=kept_weights,
        setting=setting,
        number=numbers.significant,
        spent=numbers.spent(result.spent),
        charts=training_charts(result),
        scatters=[] if result.search is None else scatters(result.search),
    )


def kept_weights(step: int) -> str:
    """What early stopping kept, in words."""
    whose = f"of step {step}" if step else "of the base: no step made the watched metric better"
    return f"Early stopping kept the weights {whose}."


def interval(estimate: Estimate, signed: bool = False) -> str:
    """``value [low, high]``."""
    number = numbers.number(estimate, signed=signed)
    return " ".join(part for part in (number.value, number.interval) if part)


# --------------------------------------------------------------------------- rows


def gain_plots(rules: Sequence[RuleVerdict]) -> list[forest.Forest]:
    """How much better each target and guard is: positive is better, whatever its direction."""
    items = []
    for each in rules:
        gain = gain_of(each)
        state = {"pass": "better", "block": "worse"}.get(each.verdict, "no difference shown")
        if role(each) == "guard" and each.verdict == "pass":
            state = "no difference shown"
        if gain is None:
            gain = Estimate(math.nan, math.nan, math.nan, math.nan, 0, "")
        items.append(
            forest.Item(
                label=f"{each.metric} ({role(each)})",
                estimate=gain,
                number=numbers.number(gain, signed=True),
                state=state,
                before=values(each),
            )
        )
    return forest.changes(items, "Gain of targets and guards: positive is better")


def values(judged: RuleVerdict) -> str:
    """``0.713 → 0.751``; empty where there are no two values."""
    found = judged.evidence
    if found is None or found.baseline is None or found.candidate is None:
        return ""
    ends = (found.baseline, found.candidate)
    digits = numbers.digits_for(
        Estimate(each, math.nan, math.nan, math.nan, 0, "") for each in ends
    )
    return " → ".join(numbers.decimal(each, digits) for each in ends)


def _items(result: AlignResult) -> Iterator[forest.Item]:
    assert result.comparison is not None
    for change in answers.changes(result.comparison):
        yield forest.Item(
            label=change.label,
            estimate=change.metric.difference,
            number=change.change,
            state=change.metric.verdict,
            before=change.values,
        )


def held_out(result: AlignResult) -> Iterator[tuple[str, str, str, str]]:
    """(measure, value with interval, n, meaning) of what held-out prompts say."""
    for each in result.effects.estimates:
        yield each.name, interval(each.estimate), numbers.count(each.estimate.n), each.note
    for name, (old, new) in result.effects.shares.items():
        told = f"{numbers.significant(old)} → {numbers.significant(new)}"
        yield name, told, "", "before → after"


# --------------------------------------------------------------------------- charts


def training_charts(result: AlignResult) -> list[Chart]:
    """A chart for each of ``SERIES`` that a stage logged, and for early stopping's metric.

    The step whose weights were kept is marked; the watched metric's ideal is a line.
    """
    marker = None if result.kept_step is None else (float(result.kept_step), "kept")
    made = []
    for stage, steps in result.curves.items():
        for title, names in SERIES:
            series = {
                name: [(float(step), logs[name]) for step, logs in steps.items() if name in logs]
                for name in names
            }
            name = title if len(result.curves) == 1 else f"{stage}: {title}"
            made.append(charts.over_steps(name, series, marker))
    watched: dict[str, list[tuple[float, float]]] = {}
    for step, name, value in result.metrics:
        watched.setdefault(name, []).append((float(step), value))
    ideals = _ideals(result)
    for name, points in watched.items():
        made.append(charts.over_steps(name, {name: points}, marker, ideals.get(name)))
    return [chart for chart in made if chart is not None]


def _ideals(result: AlignResult) -> Mapping[str, float]:
    """``TASK.METRIC``, with and without ``@IDEAL`` → the ideal of each target and guard."""
    found: dict[str, float] = {}
    for each in result.aims.rules:
        name, _, ideal = each.metric.partition("@")
        if ideal:
            found[name] = found[each.metric] = float(ideal)
    return found


def scatters(found: Found) -> list[Chart]:
    """The search's course, then one drawing a parameter; trials that have a value only.

    The axis is logarithmic where a parameter's values span decades.
    """
    finished = [each for each in found.trials if each.value is not None]
    if not finished:
        return []
    columns: dict[str, list[Any]] = {"trial": [each.number for each in finished]}
    columns |= {name: [each.settings[name] for each in finished] for name in found.best}
    made = []
    for name, chosen in columns.items():
        points = [
            (
                place,
                each.value or 0.0,
                f"trial {each.number}: {name} {setting(own)}, {each.value:.4g}",
            )
            for each, own, place in zip(finished, chosen, _places(chosen), strict=True)
        ]
        made.append(charts.scatter(f"{found.metric} by {name}", name, points, _ends(chosen)))
    return made


def _ends(values: Sequence[Any]) -> tuple[str, str]:
    if all(isinstance(value, int | float) for value in values):
        return setting(min(values)), setting(max(values))
    known = list(dict.fromkeys(map(str, values)))
    return known[0], known[-1] if len(known) > 1 else ""


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
