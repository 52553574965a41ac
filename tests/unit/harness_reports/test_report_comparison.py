"""The page of ``harness compare --format html``."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.authoring.reporting import answers
from harness.authoring.reporting.records import Clipper
from harness.types import BaselineRun, RunComparison
from harness_reports import changes
from harness_reports.comparison import markdown
from harness_reports.html import HtmlReporter

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = "</script><img src=x onerror=alert(1)> \u202e"
Compared = Sequence[RunComparison]


def write(compared: Compared, folder: Path) -> Path:
    path = folder / "pages" / "comparison.html"
    HtmlReporter().render_comparison(compared, path)
    return path


def embedded(path: Path) -> list[dict[str, Any]]:
    parts = path.read_text(encoding="utf-8").split('class="data">')[1:]
    return [json.loads(part.split("</script>")[0]) for part in parts]


def shown_text(path: Path) -> str:
    body = path.read_text(encoding="utf-8").split("<body>")[1].split("<script")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_each_metric_has_both_values_the_difference_and_its_evidence(
    compared: Compared, tmp_path: Path
) -> None:
    text = shown_text(write(compared, tmp_path))
    metric = compared[0].tasks[0].metrics[0]
    row = changes.view(compared).candidates[0].tasks[0].metrics[0]
    assert row.label == "exact_match ↑"
    for part in (row.baseline.value, row.candidate.value, row.difference.interval, row.p_value):
        assert part in text
    assert metric.test in text
    assert row.detectable in text
    assert f"{metric.worsened} worse, {metric.improved} better" in text
    assert "wmt22_en_de" in text
    assert "bleu was not compared" in text


def test_the_p_value_on_which_the_word_rests_is_shown(compared: Compared, tmp_path: Path) -> None:
    run = compared[0]
    task = run.tasks[0]
    metric = dataclasses.replace(task.metrics[0], p_value=0.02, adjusted_p_value=0.3)
    assert metric.verdict == "no difference shown"
    changed = dataclasses.replace(run, tasks=(dataclasses.replace(task, metrics=(metric,)),))
    text = shown_text(write((changed,), tmp_path))
    assert "0.020" in text and "0.300 corrected" in text
    assert "corrected for all 1 metrics" in text


def test_changes_lie_around_a_zero_in_the_middle(compared: Compared) -> None:
    tasks = changes.view(compared).candidates[0].tasks
    assert any(task.metrics for task in tasks)
    for task in tasks:
        rows = [*task.metrics, *(row for table in task.groups for row in table.rows)]
        for row in rows:
            assert row.mark is not None
            assert row.mark.reference == 50
        assert len({row.scale for row in task.metrics}) <= 1, "fractions share an axis"


def test_group_changes_stand_with_the_strongest_evidence_first(compared: Compared) -> None:
    tables = changes.view(compared).candidates[0].tasks[0].groups
    table = next(table for table in tables if table.metric == "exact_match")
    assert table.attribute == "subject"
    assert table.rows[0].group == "boxes"  # every third question is one about boxes


def test_all_flips_are_embedded_each_sample_once_with_its_words_marked(
    compared: Compared, tmp_path: Path
) -> None:
    (found,) = (each for each in embedded(write(compared, tmp_path)) if each["task"] == "squad")
    ids = [sample["id"] for sample in found["samples"]]
    assert len(ids) == len(set(ids))
    by_name = {each.metric: each for each in compared[0].tasks[0].metrics}
    assert [each["metric"] for each in found["metrics"]] == ["exact_match", "f1"]
    for shown in found["metrics"]:
        metric = by_name[shown["metric"]]
        assert len(shown["flips"]) == shown["changed"] == metric.changed
        outcomes = [flip[3] for flip in shown["flips"]]
        assert outcomes == sorted(outcomes, reverse=True), "worse before better"
        for flip, (place, before, after, _) in zip(metric.flips, shown["flips"], strict=True):
            sample = found["samples"][place]
            assert (sample["id"], before, after) == (flip.id, flip.baseline, flip.candidate)
            assert "".join(text for _, text in sample["before"]) == flip.baseline_response
            assert any(changed for changed, _ in sample["before"] + sample["after"])
            assert sample["input"] == flip.input
            assert tuple(sample["expected"]) == flip.expected


def test_hostile_names_and_answers_are_text(compared: Compared, tmp_path: Path) -> None:
    task = dataclasses.replace(
        compared[0].tasks[0], task=HOSTILE, forced=HOSTILE, skipped={HOSTILE: HOSTILE}
    )
    odd = dataclasses.replace(
        compared[0],
        baseline_id=HOSTILE,
        candidate_id=HOSTILE,
        candidate_model={"name": HOSTILE},
        tasks=(task,),
        notes=(HOSTILE,),
    )
    text = write([odd, odd], tmp_path).read_text(encoding="utf-8")
    assert "<img" not in text
    assert "\u202e" not in text
    assert "&lt;img src=x" in text
    assert not re.search(r"https?://|url\(|@import", text)
    assert "script-src 'sha256-" in text


def test_runs_without_texts_say_so(compared: Compared) -> None:
    task = compared[0].tasks[0]
    metric = task.metrics[0]
    bare = [dataclasses.replace(flip, prompt=None, baseline_response=None) for flip in metric.flips]
    metric = dataclasses.replace(metric, flips=tuple(bare))
    one = dataclasses.replace(compared[0], tasks=(dataclasses.replace(task, metrics=(metric,)),))
    (found,) = changes.flips([one], Clipper())
    assert found["samples"]
    assert all("before" not in sample and "prompt" not in sample for sample in found["samples"])
    assert all("after" in sample for sample in found["samples"])


def test_the_answer_and_the_baseline_come_first(compared: Compared, tmp_path: Path) -> None:
    run = dataclasses.replace(
        compared[0],
        baseline=BaselineRun("main", None, "2025-11-01T00:00:00+00:00", "0123456789abcdef", 62),
    )
    text = shown_text(write([run], tmp_path))
    told = "main, 2025-11-01 00:00 UTC, commit 0123456789ab, 62 days old"
    assert f"against the baseline {told}" in text
    assert "The baseline is 62 days older than the candidate. Renew it" in text
    said = answers.sentence(run)
    assert said in text
    assert text.index(said) < text.index("Changed samples Search")
    console = markdown(run)
    assert said.replace("_", "\\_")[:40] in console
    assert "Renew it" in console


def test_every_sample_of_a_scatter_is_counted(compared: Compared) -> None:
    for metric in compared[0].tasks[0].metrics:
        row = next(
            row
            for row in changes.view(compared).candidates[0].tasks[0].metrics
            if row.metric == metric.metric
        )
        assert row.scatter is not None
        counted = sum(int(each.told.split(" ")[0].replace(",", "")) for each in row.scatter.points)
        assert counted == len(metric.scores) == metric.difference.n
        for point in row.scatter.points:
            rise = (100 - point.y) - point.x
            assert point.state == ("worse" if rise < 0 else "better" if rise > 0 else "same")


def test_nothing_changed_makes_a_page_without_a_browser(compared: Compared, tmp_path: Path) -> None:
    tasks = [
        dataclasses.replace(
            task, metrics=tuple(dataclasses.replace(m, flips=()) for m in task.metrics)
        )
        for task in compared[0].tasks
    ]
    path = write([dataclasses.replace(compared[0], tasks=tuple(tasks))], tmp_path)
    assert embedded(path) == []
    assert 'id="samples"' not in path.read_text(encoding="utf-8")


# --------------------------------------------------------------------------- in a browser


def counted(page: Page) -> int:
    return page.locator("#list > li:not(.empty)").count()


def test_filters_and_search_count_right(
    compared: Compared, tmp_path: Path, opened_quietly: Callable[[Path], Page]
) -> None:
    path = write(compared, tmp_path)
    page = opened_quietly(path)
    metric = compared[0].tasks[0].metrics[0]
    assert counted(page) == min(25, len(metric.flips))
    assert page.inner_text("#count").endswith(f"of {metric.changed} changed samples")
    for outcome, number in (("worse", metric.worsened), ("better", metric.improved)):
        page.check(f"#verdicts input[value={outcome}]", force=True)
        assert counted(page) == min(25, number)
        assert all(
            outcome in text.lower() for text in page.locator("#list .badge").all_inner_texts()
        )
    page.check("#verdicts input[value=all]", force=True)
    page.fill("#search", metric.flips[-1].id)
    page.wait_for_timeout(250)
    assert counted(page) == 1
    page.locator("#list summary").click()
    boxes = page.locator("#list details[open] .untrusted")
    boxes.first.wait_for()
    assert page.locator("#list details[open] ins").count() > 0
    assert metric.flips[-1].prompt in boxes.last.inner_text()


def test_hostile_answers_stay_inert(
    compared: Compared, tmp_path: Path, opened_quietly: Callable[[Path], Page]
) -> None:
    page = opened_quietly(write(compared, tmp_path))
    title = page.title()
    page.check("#verdicts input[value=worse]", force=True)
    page.locator("#list summary").first.click()
    page.locator("#list details[open] .detail").first.wait_for()
    assert page.title() == title
    assert page.locator("#list img, #list script, #list b").count() == 0
    assert "onerror" in page.inner_text("#list")


@pytest.mark.parametrize("width", [320, 390, 768, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_on_every_screen(
    compared: Compared,
    tmp_path: Path,
    chromium: Browser,
    unreadable: Callable[[Page], list[object]],
    width: int,
    scheme: str,
) -> None:
    opened = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    opened.goto(write(compared, tmp_path).as_uri())
    for summary in opened.locator("summary").all()[:8]:
        summary.click()
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert unreadable(opened) == []
    opened.close()


def test_a_permalink_leads_to_a_changed_sample(
    compared: Compared, tmp_path: Path, opened_quietly: Callable[[Path], Page], chromium: Browser
) -> None:
    path = write(compared, tmp_path)
    page = opened_quietly(path)
    page.get_by_role("link", name="squad.f1 ↑").click()
    page.wait_for_timeout(100)
    assert page.input_value("#metric") == "f1"
    page.check("#verdicts input[value=better]", force=True)
    page.locator("#list summary").nth(2).click()
    page.locator("#list details[open]").wait_for()
    boxes = page.locator("#list details[open] h3").all_inner_texts()
    assert boxes[:2] == ["Input", "Expected"]
    identity = page.locator("#list details[open] .id").inner_text()
    other = chromium.new_page()
    other.goto(page.evaluate("location.href"))
    assert other.locator("#list details[open] .id").inner_text() == identity
    assert other.is_checked("#verdicts input[value=better]")
    other.close()


def test_pairs_prefer_the_better_answer(
    compared: Compared, tmp_path: Path, chromium: Browser
) -> None:
    page = chromium.new_page()
    page.goto(write(compared, tmp_path).as_uri() + "#samples?task=squad&metric=f1")
    with page.expect_download() as saved:
        page.click("[data-export=pairs]")
    pairs = [json.loads(line) for line in Path(saved.value.path()).read_text().splitlines()]
    metric = next(each for each in compared[0].tasks[0].metrics if each.metric == "f1")
    expected = [
        (flip.baseline_response, flip.candidate_response)
        if flip.worse
        else (flip.candidate_response, flip.baseline_response)
        for flip in metric.flips
    ]
    assert [(pair["chosen"], pair["rejected"]) for pair in pairs] == expected
    page.close()
