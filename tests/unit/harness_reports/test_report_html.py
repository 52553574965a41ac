from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.authoring.reporting.page import embedded_json
from harness.results import runfolder
from harness.types import DataSource, GateVerdict, RuleVerdict, RunResult, TaskResult
from harness_reports.html import HtmlReporter

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> <!-- \"'> \u202e \x00"


class Page(HTMLParser):
    """Collects elements, their attributes and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.ids: list[str] = []
        self.shown = ""
        self._inside: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")
        if (identity := dict(attrs).get("id")) is not None:
            self.ids.append(identity)

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.shown += data


def render(result: RunResult, folder: Path) -> tuple[str, Page]:
    path = HtmlReporter().render(result, folder)
    assert path == folder / "report.html"
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


def test_one_file_refers_to_nothing_outside(run_folder: tuple[RunResult, Path]) -> None:
    text, page = render(*run_folder)
    for tag, attributes in page.elements:
        assert tag not in ("iframe", "object", "embed", "base", "img", "video", "audio")
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "action", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,"))
    style = text.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_forbids_the_network_and_foreign_scripts(
    run_folder: tuple[RunResult, Path],
) -> None:
    _, page = render(*run_folder)
    policy = next(
        attributes["content"]
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert re.search(r"script-src 'sha256-[^ ']+'", policy)
    assert not re.search(r"https?:|\*", policy)


def test_every_link_has_its_place_and_ids_are_unique(run_folder: tuple[RunResult, Path]) -> None:
    _, page = render(*run_folder)
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    places = {link.removeprefix("#").partition("?")[0] for link in links if link}
    assert places <= set(page.ids)
    assert {"samples", "method-1"} <= places
    assert len(page.ids) == len(set(page.ids))


def test_numbers_verdict_groups_probes_and_provenance_are_there(
    run_folder: tuple[RunResult, Path],
) -> None:
    text, page = render(*run_folder)
    shown = re.sub(r"\s+", " ", page.shown)
    for part in (
        "✗ Blocked",
        "squad.f1 fell by 0.041 [0.028, 0.054], more than the 0.02 allowed.",
        "27.43 ± 0.61 [26.20, 28.60]",
        "nrefs:1|case:mixed",
        "by category",
        "too small for an interval",
        "candles small",
        "lamps against cups; MOVER",
        "Not asked: 198 × no gendered word",
        "typos",
        "−0.031 ± 0.011",
        "harness run --model ./ckpt --tasks squad,bbq --data sample",
        "Sample data was used",
        "0123456789abcdef",
        "cd" * 32,
        "$1.25",
    ):
        assert part in shown, part
    assert text.index("✗ Blocked") < text.index('id="summary"')


def test_hostile_texts_stay_text_everywhere(tmp_path: Path) -> None:
    task = TaskResult(
        HOSTILE,
        HOSTILE,
        1,
        0,
        DataSource("path", HOSTILE),
        HOSTILE,
        {},
        settings={HOSTILE: HOSTILE},
        notes=(HOSTILE,),
    )
    result = RunResult(
        HOSTILE,
        "complete",
        {"name": HOSTILE},
        {HOSTILE: task},
        gate=GateVerdict(
            "block",
            HOSTILE,
            1,
            rules=(RuleVerdict(HOSTILE, HOSTILE, "blocking", "inconclusive", HOSTILE),),
        ),
    )
    (tmp_path / "run.json").write_text(json.dumps({"command": HOSTILE, "spec": {HOSTILE: HOSTILE}}))
    text, page = render(result, tmp_path)
    tags = [tag for tag, _ in page.elements]
    assert "img" not in tags
    assert tags.count("script") == 1
    assert "\u202e" not in text
    assert "\x00" not in text
    assert page.shown.count("⟨U+202E⟩") >= 10


def test_hostile_samples_stay_data(run_folder: tuple[RunResult, Path]) -> None:
    text, page = render(*run_folder)
    assert [tag for tag, _ in page.elements].count(
        "script"
    ) == 3  # two tasks with samples, one code
    squad = json.loads(page.scripts[0])
    assert squad["samples"][0]["responses"] == ['</script><img src=x onerror="document.title=1">']
    assert squad["samples"][3]["responses"] == ["nul \x00 and escape \x1b[31mred\x1b[0m"]
    assert "\u202e" not in text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(codec=None)),
        lambda children: st.lists(children) | st.dictionaries(st.text(), children),
        max_leaves=10,
    )
)
@settings(deadline=None)
def test_embedded_json_is_harmless_and_loses_nothing(value: object) -> None:
    text = embedded_json(value)
    assert text.isascii()
    assert not set("<>&") & set(text)
    assert json.loads(text) == value


def test_embedded_json_refuses_what_is_not_json() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded_json({"value": float("nan")})


def test_a_run_without_samples_groups_probes_or_gate_still_makes_a_page(tmp_path: Path) -> None:
    task = TaskResult("t", "1", 0, 0, DataSource("path", "t.jsonl"), "00", {})
    result = RunResult("run", "incomplete", {}, {"t": task})
    _, page = render(result, tmp_path)
    assert "This run is incomplete." in page.shown
    assert not {"samples", "groups", "probes"} & set(page.ids)


def test_the_page_renders_again_from_the_folder_alone(run_folder: tuple[RunResult, Path]) -> None:
    result, folder = run_folder
    first, _ = render(result, folder)
    again, _ = render(runfolder.read_result(folder), folder)
    assert first == again


def test_task_names_in_links_are_not_taken_from_data(run_folder: tuple[RunResult, Path]) -> None:
    result, folder = run_folder
    odd = dataclasses.replace(result.tasks["perplexity"], name='x" onclick="y')
    _, page = render(dataclasses.replace(result, tasks={odd.name: odd}), folder)
    assert all("onclick" not in attributes for _, attributes in page.elements)
