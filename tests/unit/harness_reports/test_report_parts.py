"""Links, footnotes, the heat map, CI addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.types import BaselineRun, GateVerdict, RunResult
from harness_reports import ci
from harness_reports.gate import gate_view
from harness_reports.heatmap import heat_map
from harness_reports.links import Footnotes, SampleLinks
from harness_reports.view import task_groups, view


def test_links_are_encoded_and_lead_only_where_there_are_samples() -> None:
    samples = SampleLinks(["squad"])
    assert samples("squad", outcome=None) == "#samples?task=squad"
    assert samples("squad", group='a&b="c"\ud800') == "#samples?task=squad&group=a%26b%3D%22c%22%3F"
    assert samples("other") == ""


def test_a_method_is_one_footnote_however_often_it_is_named() -> None:
    notes = Footnotes()
    assert [notes.number(text) for text in ("mean", "bootstrap", "mean")] == [1, 2, 1]
    assert notes.texts == ("mean", "bootstrap")


def test_the_heat_map_has_a_row_a_probe_and_shades_what_got_worse(
    run_folder: tuple[RunResult, Path],
) -> None:
    found = heat_map(view(run_folder[0]))
    assert found is not None
    assert found.tasks == ("squad",)
    cells = {name: row[0] for name, row in found.rows}
    assert cells["typos"] is not None and cells["option_order"] is not None
    assert (cells["typos"].shade, cells["typos"].shown) == (-1, True)
    assert (cells["option_order"].shade, cells["option_order"].shown) == (0, False)


def test_attributes_with_a_shown_gap_come_first(run_folder: tuple[RunResult, Path]) -> None:
    found = task_groups(view(run_folder[0]))
    assert [(each.task.name, each.attribute, each.gap) for each in found] == [
        ("squad", "subject", None),
        ("bbq", "category", None),
    ], "an interval from 0 shows no gap"


@pytest.mark.parametrize(
    ("server", "repository", "link"),
    [
        ("https://github.com", "me/model", "https://github.com/me/model/commit/0123456789ab"),
        ("https://git.example:8443", "a.b/c_d", "https://git.example:8443/a.b/c_d/commit/0123456789ab"),
        ("javascript:alert(1)//", "me/model", ""),
        ("http://github.com", "me/model", ""),
        ("https://github.com", "me/model/../../x", ""),
        ("https://github.com", 'me/"onclick=', ""),
        ("", "", ""),
    ],
)  # fmt: skip
def test_only_addresses_of_a_repository_become_links(
    monkeypatch: pytest.MonkeyPatch, server: str, repository: str, link: str
) -> None:
    monkeypatch.setenv("GITHUB_SERVER_URL", server)
    monkeypatch.setenv("GITHUB_REPOSITORY", repository)
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    run = BaselineRun("main", git_commit="0123456789abcdef")
    gate = gate_view(GateVerdict("pass", "fine", 0, baseline_run=run))
    assert ci.commit_link(gate) == link
    assert bool(ci.artifacts_address()) == bool(link)
    odd = gate_view(GateVerdict("pass", "", 0, baseline_run=BaselineRun("m", git_commit='"><b>')))
    assert ci.commit_link(odd) == ""
