"""Robustness and calibration: what is computed for the sections, and how they look."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.authoring.reporting.records import Clipper
from harness.results import runfolder
from harness.types import (
    Completion,
    DataSource,
    Estimate,
    Generate,
    Loglikelihood,
    Logprob,
    MetricResult,
    RunResult,
    Sample,
    SampleRecord,
    TaskResult,
)
from harness_reports.html import HtmlReporter
from harness_reports.records.calibration import CalibrationCollector
from harness_reports.records.flips import SHOWN, FlipCollector
from harness_reports.robustness import probe_views

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = "</script><img src=x onerror=alert(1)> \u202e"


def estimate(value: float, n: int = 40) -> Estimate:
    return Estimate(value, 0.02, value - 0.04, value + 0.04, n, "mean")


def measures(change: float, labels: dict[str, float]) -> dict[str, Estimate]:
    found = {"score": estimate(0.5 + change), "mean_change": estimate(change)}
    for label, value in labels.items():
        found |= {f"score@{label}": estimate(0.5 + value), f"mean_change@{label}": estimate(value)}
    return found


def task(**probes: dict[str, Estimate]) -> TaskResult:
    return TaskResult(
        "quiz",
        "1",
        40,
        0,
        DataSource("path", "quiz.jsonl"),
        "00",
        {"acc": MetricResult(estimate(0.5)), "ece": MetricResult(estimate(0.1), False)},
        probes={name: {"acc": found} for name, found in probes.items()},
        skipped_variants={"gender_swap": {HOSTILE: 1_200}, "typos": {}},
    )


def record(index: int, score: float, probe: str | None = None, text: str = "") -> SampleRecord:
    prompt = f"Which box is {index}? {text or 'The red one'}"
    scores = {"acc": score}
    sample = Sample(f"q{index}", prompt)
    answer = Completion(f"box {'right' if score else HOSTILE}")
    return SampleRecord(sample, (Generate(prompt),), (answer,), scores, probe)


RECORDS = [
    each
    for index in range(10)
    for each in (
        record(index, float(index != 9)),
        record(index, float(index >= 8), "typos", "The rde one"),
    )
]


def page(folder: Path) -> Path:
    shown = task(
        typos=measures(-0.1, {"0.05": -0.05, "0.2": -0.15}),
        case=measures(-0.02, {"upper": -0.1, "lower": 0.06}) | {"spread": estimate(0.2)},
    )
    result = RunResult("run", "complete", {"name": "m"}, {"quiz": shown})
    runfolder.write_samples(folder, "quiz", [*RECORDS, chosen(10, "a")])
    return HtmlReporter().render(result, folder)


# --------------------------------------------------------------------------- what is computed


def test_changes_share_an_axis_around_no_change() -> None:
    typos, case, _ = probe_views(task(typos=measures(-0.2, {}), case=measures(-0.05, {})))
    assert typos.rows[0].scale == case.rows[0].scale
    for probe in (typos, case):
        drawn = probe.rows[0].mark
        assert drawn is not None
        assert drawn.reference == 50
        assert drawn.value < 50
    assert typos.rows[0].change.value == "−0.200"
    assert typos.rows[0].worst_case is None


def test_a_probe_that_changed_nothing_says_why() -> None:
    (probe,) = probe_views(task())
    assert (probe.name, probe.rows) == ("gender_swap", ())
    assert probe.skipped == ((HOSTILE, "1,200"),)


def test_levels_of_strength_make_a_chart_from_the_unchanged_score_on() -> None:
    probe = probe_views(task(typos=measures(-0.1, {"0.2": -0.15, "0.05": -0.05})))[0]
    assert probe.levels is not None
    chart = probe.levels.chart
    assert chart is not None
    assert [point.x for point in chart.points] == [0, 25, 100]
    assert [point.y for point in chart.points] == pytest.approx([50, 55, 65])
    assert chart.points[0].low is None
    assert chart.points[0].title.startswith("unchanged: 0.500")
    assert chart.points[2].high == pytest.approx(61)
    assert (chart.x.high, chart.y.high) == ("0.2", "1")


def test_kinds_have_rows_but_no_chart_and_other_measures_follow() -> None:
    found = measures(0.0, {"upper": -0.1, "lower": 0.1}) | {"spread": estimate(0.2)}
    probe = probe_views(task(case=found))[0]
    assert probe.levels is not None
    assert probe.levels.chart is None
    assert [row.label for row in probe.levels.rows] == ["upper", "lower"]
    assert [row.measure for row in probe.measures] == ["spread"]


def test_the_worst_flips_come_first_with_the_words_marked() -> None:
    collector = FlipCollector(task(typos=measures(-0.1, {})), Clipper())
    for each in RECORDS:
        collector.add(each)
    found = collector.found()["typos"]
    assert (found.changed, found.variants, found.what) == (9, 10, "acc")
    assert len(found.examples) == SHOWN
    assert {flip.outcome for flip in found.examples} == {"worse"}
    first = found.examples[0]
    assert [text for changed, text in first.prompt.before if changed] == ["red"]
    assert [text for changed, text in first.prompt.after if changed] == ["rde"]


def test_a_sample_with_several_turned_variants_is_one_example() -> None:
    collector = FlipCollector(task(typos=measures(-0.1, {})), Clipper())
    for each in (record(0, 0.5), record(0, 0.4, "typos"), record(0, 0.0, "typos", "Teh one")):
        collector.add(each)
    found = collector.found()["typos"]
    assert (found.changed, [flip.after for flip in found.examples]) == (2, ["0"])


def chosen(index: int, option: str, probe: str | None = None) -> SampleRecord:
    totals = [0.0 if option == name else -1.0 for name in "abc"]
    sample = Sample(f"q{index}", "?", ("a",), ("a", "b", "c"))
    return SampleRecord(
        sample,
        tuple(Loglikelihood("?", f" {name}") for name in "abc"),
        tuple(Logprob(total, 1, False) for total in totals),
        {"acc": float(option == "a")},
        probe,
    )


def test_another_wrong_prediction_is_a_flip_too() -> None:
    collector = FlipCollector(task(typos=measures(-0.1, {})), Clipper())
    for index, (before, after) in enumerate(("aa", "ab", "bc", "ba")):
        collector.add(chosen(index, before))
        collector.add(chosen(index, after, "typos"))
    found = collector.found()["typos"]
    assert (found.changed, found.variants, found.what) == (3, 4, "the prediction")
    told = [(flip.outcome, flip.before, flip.after) for flip in found.examples]
    assert told == [("worse", "a", "b"), ("other", "b", "c"), ("better", "b", "a")]


def test_the_bins_of_a_reliability_diagram_add_up() -> None:
    collector = CalibrationCollector()
    assert collector.found() is None
    for index in range(10):
        collector.add(chosen(index, "a" if index else "b"))
        collector.add(chosen(index, "b", "typos"))
        collector.add(record(index, 1.0))
    found = collector.found()
    assert found is not None
    (only,) = found.bins
    assert (found.n, only.n, only.size) == ("10", "10", 100)
    sure = 1 / (1 + 2 * math.exp(-1))  # of three options, the others a nat behind
    assert (only.confidence, only.accuracy) == (f"{sure:.3f}", "0.900")
    assert found.error == f"{0.9 - sure:.3f}"
    assert (only.x, only.y) == (round(100 * sure, 2), 10)
    assert only.high < only.y < only.low


def test_what_no_probe_touched_has_no_section() -> None:
    assert probe_views(TaskResult("t", "1", 0, 0, DataSource("path", "p"), "", {})) == []


# --------------------------------------------------------------------------- how it looks


def test_the_sections_hold_text_alone(
    tmp_path: Path, opened_quietly: Callable[[Path], Page]
) -> None:
    opened = opened_quietly(page(tmp_path))
    assert "1,200 × </script><img" in (opened.text_content("#probes") or "")
    opened.locator("details.probes > summary").first.click()
    opened.locator(".flip-examples summary").click()
    assert opened.locator(".flip-examples ins").first.inner_text() == "rde"
    assert opened.locator(".flip-examples del").first.inner_text() == "red"
    assert "onerror=alert(1)> ⟨U+202E⟩" in opened.inner_text(".flip-examples")
    assert opened.locator("#probes img, #probes script").count() == 0
    assert opened.locator("#probes .plot .dot").count() == 3
    opened.locator(".calibration summary").click()
    assert opened.locator(".calibration .dot").count() == 1


@pytest.mark.parametrize("width", [320, 768, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_on_every_screen(
    tmp_path: Path,
    chromium: Browser,
    unreadable: Callable[[Page], list[object]],
    width: int,
    scheme: str,
) -> None:
    opened = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    opened.goto(page(tmp_path).as_uri())
    for name in ("details.probes >", ".flip-examples", ".calibration"):
        opened.locator(f"{name} summary").click()
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert unreadable(opened) == []
    opened.close()
