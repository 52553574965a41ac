from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path

import pytest

from harness.types import DataSource, RunResult, TaskResult
from harness_reports.console import ConsoleReporter


def printed(result: RunResult, folder: Path) -> str:
    file = io.StringIO()
    assert ConsoleReporter(file).render(result, folder) is None
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
    text = printed(*run_folder)
    order = [
        "squad: Sample data was used",
        "squad by subject, worst first",
        "candles (small)",
        "gap ",
        "bbq by category, worst first",
        "… 1 more in the HTML report",
        "squad: robustness of exact_match ↑",
        "squad, variants not asked: gender_swap 198 × no gendered word",
        "✗ Blocked",
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
