from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from harness.authoring import literal
from harness.types import (
    BaselineRun,
    DataSource,
    Estimate,
    Evidence,
    GateVerdict,
    MetricChange,
    MetricResult,
    RuleVerdict,
    RunResult,
    TaskResult,
)
from harness_reports import markdown

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OWN_HTML = ("<details><summary>", "</details>")


def tokens(text: str) -> list[Token]:
    return [token for block in PARSER.parse(text) for token in (block, *(block.children or ()))]


def test_the_verdict_comes_first_and_values_carry_intervals(
    run_folder: tuple[RunResult, Path],
) -> None:
    text = markdown.text(run_folder[0])
    assert text.startswith("### ❌ Blocked\n\nsquad.f1 fell by 0.041")
    assert "| bleu ↑ | 27.43 ± 0.61 | [26.20, 28.60] | 500 | 0 |" in text
    assert "> **squad**: Sample data was used" in text
    assert "gender\\_swap: 198 variants not asked, no gendered word." in text
    assert "| candles (small) |" in text
    assert text.count("<details>") == text.count("</details>") >= 5


def test_it_is_written_into_the_run_folder(run_folder: tuple[RunResult, Path]) -> None:
    result, folder = run_folder
    path = markdown.MarkdownReporter().render(result, folder)
    assert path == folder / "report.md"
    assert path.read_text(encoding="utf-8") == markdown.text(result)


def test_every_row_of_a_table_has_all_its_cells(run_folder: tuple[RunResult, Path]) -> None:
    rows: list[int] = []
    heads: list[int] = []
    for token in PARSER.parse(markdown.text(run_folder[0])):
        if token.type == "tr_open":
            rows.append(0)
        elif token.type in ("td_open", "th_open"):
            rows[-1] += 1
        if token.type == "thead_close":
            heads.append(rows[-1])
    # Metrics; robustness; the gate's rules and fairness.
    assert [heads.count(cells) for cells in (6, 7, 5)] == [1, 1, 2]
    assert len(rows) > 25


HOSTILE = st.lists(
    st.sampled_from(
        [*"|`*_[]()<>!#&@~$\\-+=.1a :\n\t", "\u202e", "\x00", "<img src=x>", "](", "&amp;", "---"]
    ),
    max_size=20,
).map("".join)


@given(HOSTILE)
@settings(deadline=None)
def test_escaped_text_reads_as_itself(raw: str) -> None:
    shown = markdown.escape(raw)
    found = tokens(f"{shown}\n")
    assert {token.type for token in found} <= {
        "paragraph_open",
        "paragraph_close",
        "inline",
        "text",
        "text_special",
    }
    read = "".join(token.content for token in found if token.type.startswith("text"))
    assert read.replace("\u200b", "") == literal.one_line(raw).strip()


@given(HOSTILE)
@settings(deadline=None)
def test_a_cell_stays_one_cell_and_a_summary_one_summary(raw: str) -> None:
    metrics = {raw or "m": MetricResult(Estimate(0.5, 0.1, 0.3, 0.7, 3, "mean"))}
    task = TaskResult(raw, "1", 3, 0, DataSource("path", raw), raw, metrics, {raw: {raw: metrics}})
    text = markdown.text(RunResult(raw, "complete", {"name": raw}, {raw: task}))
    for token in tokens(text):
        if token.type in ("html_block", "html_inline"):
            assert token.content.startswith(OWN_HTML)
            assert "<img" not in token.content
        assert token.type not in ("image", "link_open", "code_inline", "fence")
    first = next(line for line in text.splitlines() if "0.500 ± 0.100" in line)
    cells = first.replace("\\\\", "").replace("\\|", "").strip("|").split("|")
    assert len(cells) == 6


def test_a_name_notifies_nobody() -> None:
    assert "@someone" not in markdown.escape("cc @someone")


def test_a_comment_never_outgrows_what_a_forge_accepts(
    run_folder: tuple[RunResult, Path],
) -> None:
    result = run_folder[0]
    task = result.tasks["bbq"]
    many = {f"attribute {index}": task.groups["category"] for index in range(200)}
    wide = dataclasses.replace(task, groups=many)
    text = markdown.text(dataclasses.replace(result, tasks={"bbq": wide}))
    assert len(text) < 65_536
    assert re.search(r"\d+ further tables are in the HTML report", text)
    assert text.startswith("### ❌ Blocked")
    assert "How it was made" in text


def test_a_comment_names_the_baseline_what_fell_without_a_rule_and_where_to_look(
    run_folder: tuple[RunResult, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "me/model")
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    result, _ = run_folder
    change = Estimate(-0.671, 0.01, -0.71, -0.62, 400, "paired")
    evidence = Evidence(0.001, -0.01, 0.012, 0.9, 400, "paired", 0.501, 0.5)
    gate = GateVerdict(
        "pass",
        "squad.f1 fell by 0.001: passed",
        0,
        rules=(RuleVerdict("squad.f1", "max_drop = 0.02", "blocking", "pass", "fine", evidence),),
        baseline_run=BaselineRun("main", "m.gz", "2026-01-01T00:00:00+00:00", "0123456789abc", 45),
        changes=(MetricChange("xsum.rouge1", 1.0, 0.329, change, "worse", False, True),),
    )
    text = markdown.text(dataclasses.replace(result, gate=gate))
    head, _, _ = text.partition("<details>")
    assert "Fell, but no rule covers it: xsum.rouge1 1.000 → 0.329" in head
    assert "Baseline: main, 2026-01-01 00:00 UTC, commit 0123456789ab, 45 days old" in head
    assert "[its commit](https://github.com/me/model/commit/0123456789ab)" in head
    assert "[artifacts of this job](https://github.com/me/model/actions/runs/7#artifacts)" in head
    assert "harness baseline save runs/main m.gz" in head
    row = "| ✅ Passed | squad.f1 max\\_drop = 0.02 | 0.501 → 0.500 | −0.001 | [−0.012, +0.010] |"
    assert row in head
    assert "| Verdict | Rule | Before → after | Change | 90 % interval |" in head
    assert "**worse** | no rule |" in text
