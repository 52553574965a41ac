from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path

import pytest

from harness.authoring.io import files
from harness.authoring.reporting.numbers import number
from harness.types import DataSource, Estimate, MetricResult, RunResult, TaskResult
from harness_reports.console import ConsoleReporter


def printed(result: RunResult, folder: Path, full: bool = False) -> str:
    file = io.StringIO()
    assert ConsoleReporter(file, full).render(result, folder) is None
    return file.getvalue()


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)


def test_the_table_fits_eighty_columns_without_escape_codes(
    run_folder: tuple[RunResult, Path],
) -> None:
    text = printed(*run_folder)
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "f1 ↑" in text
    assert "disambiguated_accuracy ↑" in text
    assert re.search(r"bleu ↑ +27\.43 ± 0\.61 +\[26\.20, 28\.60\] +500 +0\n", text)
    assert "…" not in text.split("squad: Sample data")[0], "a value was cut"


def test_notes_groups_gap_probes_and_verdict_follow(run_folder: tuple[RunResult, Path]) -> None:
    text = printed(*run_folder, full=True)
    order = [
        "✗ Blocked: squad.f1 fell",
        "ckpt <b>of</b> ours: 4 tasks",
        "squad: Sample data was used",
        "squad by subject, worst first",
        "candles (small)",
        "\ngap ",
        "bbq by category, worst first",
        "… 1 more in the HTML report",
        "squad: robustness of exact_match ↑",
        "squad, variants not asked: gender_swap 198 × no gendered word",
        "✗ squad.f1 max_drop = 0.02: It fell",
        "? bbq.accuracy",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_hostile_names_print_as_text(tmp_path: Path) -> None:
    hostile = "[bold red]x[/] \x1b[31m :smile: \u202e"
    task = TaskResult(hostile, "1", 3, 3, DataSource("path", "p"), "00", {}, notes=(hostile,))
    text = printed(RunResult("run", "incomplete", {"name": hostile}, {"t": task}), tmp_path)
    assert "[bold red]x[/] ⟨U+001B⟩[31m :smile: ⟨U+202E⟩" in text
    assert "\x1b" not in text
    assert "The run is incomplete." in text


def test_a_narrow_terminal_keeps_every_number(
    run_folder: tuple[RunResult, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    result, folder = run_folder
    only = {"wmt22_en_de": result.tasks["wmt22_en_de"]}
    text = printed(dataclasses.replace(result, tasks=only), folder)
    assert "27.43 ± 0.61" in text
    assert "[26.20, 28.60]" in text


def test_the_answer_comes_first_and_the_rest_fits_on_a_screen(
    run_folder: tuple[RunResult, Path],
) -> None:
    text = printed(*run_folder)
    lines = text.splitlines()
    assert lines[0].startswith("✗ Blocked: squad.f1 fell by 0.041")
    said = " ".join(" ".join(lines[:6]).split())
    result, _ = run_folder
    samples = sum(task.n for task in result.tasks.values())
    errors = sum(task.errors for task in result.tasks.values())
    assert errors > 1
    assert f"4 tasks, {samples:,} samples, {errors} errors" in said
    assert "1 of 2 probes lower a score, most: typos on squad.exact_match −0.031" in said
    assert "no gap between groups is shown" in said  # its interval begins at 0
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert "Not shown: groups, probes (--full)" in text
    assert text.index("squad.f1 max_drop = 0.02") < text.index("squad.exact_match ↑")


def test_a_suite_is_one_line_that_names_its_worst_score(
    run_folder: tuple[RunResult, Path],
) -> None:
    result, folder = run_folder
    files.write_json(folder / "run.json", {"suites": {"mine": ["squad", "bbq"], "odd": "squad"}})
    text = printed(result, folder)
    (line,) = (line for line in text.splitlines() if line.startswith("mine, 2 tasks"))
    assert "worst: squad.exact_match ↑" in " ".join(text.split())
    assert "bbq.accuracy" not in text.partition("value ± standard error")[0].partition("metric ")[2]
    assert "odd" not in line


@pytest.mark.parametrize("width", [80, 40])
def test_no_number_is_cut_however_narrow(
    run_folder: tuple[RunResult, Path], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    result, folder = run_folder
    text = printed(result, folder)
    assert max(map(len, text.splitlines())) <= width
    flat = " ".join(text.split())
    for task in result.tasks.values():
        for row in task.metrics.values():
            shown = number(row.estimate)
            assert shown.value in flat
            assert shown.interval in flat or width == 40, "a long interval wraps at its comma"


def test_a_long_run_shows_one_score_a_task_and_counts_the_rest(tmp_path: Path) -> None:
    estimate = Estimate(0.5, 0.1, 0.3, 0.7, 20, "mean")
    metrics = {f"m{index}": MetricResult(estimate) for index in range(3)}
    tasks = {
        f"t{index}": TaskResult(f"t{index}", "1", 20, 0, DataSource("path", "p"), "00", metrics)
        for index in range(30)
    }
    text = printed(RunResult("run", "complete", {"name": "m"}, tasks), tmp_path)
    assert len(text.splitlines()) <= 24
    assert "t0.m0 ↑" in text and "t0.m1" not in text
    assert "Not shown: 74 more scores (--full)" in text


def test_what_a_probe_measured_in_pairs_is_on_the_screen(tmp_path: Path) -> None:
    measures = {
        "retrieval_difference": Estimate(0.25, 0.05, 0.15, 0.35, 40, "mean"),
        "recall_at_3": Estimate(0.5, 0.1, 0.3, 0.7, 40, "mean"),
    }
    tasks = {
        f"t{index}": TaskResult(
            f"t{index}",
            "1",
            40,
            0,
            DataSource("path", "p"),
            "00",
            {"f1": MetricResult(measures["recall_at_3"])},
            probes={"retrieval": {"f1": measures}},
        )
        for index in range(3)
    }
    result = RunResult("run", "complete", {"name": "m"}, tasks)
    text = " ".join(printed(result, tmp_path).split())
    line = "f1, retrieval: retrieval difference +0.250 [+0.150, +0.350]; recall at 3 0.500"
    assert f"t0.{line}" in text and f"t1.{line}" in text
    assert f"t2.{line}" not in text
    assert "Not shown: probes (--full)" in text
    one = printed(dataclasses.replace(result, tasks={"t0": tasks["t0"]}), tmp_path)
    assert "Not shown" not in one
