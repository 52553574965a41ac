"""Run folders and baselines that are damaged: refused, or judged exactly as if they were whole.

The candidate is much worse than the baseline, so that the gate blocks it, or is the same run, so
that it passes. Whatever happens to one file of either, no verdict may change.
"""

from __future__ import annotations

import gzip
import itertools
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import strategies as st

from .mutations import damaged, documents, json_lines, json_texts, packed, written
from .oracle import LONG, SHORT, Ended, campaign, replayed, run, told

FILES = ("results.json", "manifest.json", "run.json", "samples/sst2.jsonl")
GATE = '[[gate.rule]]\nmetric = "sst2.accuracy"\nmax_drop = 0.3\n'
SERIES = '[gate]\nseries = "main"\nbuilds = 20\n'
Content = bytes | None


@dataclass(frozen=True)
class Runs:
    """Whole runs, what the commands say of them, and copies that are damaged.

    Attributes:
        folder: Where ``good``, ``bad``, ``good.baseline`` and harness.toml stand.
        files: Name → content of each file of the run ``bad`` and of the run ``good``.
    """

    folder: Path
    files: Mapping[str, Mapping[str, bytes]]
    baseline: bytes

    def damaged(self, run: str, changed: Mapping[str, Content]) -> Path:
        """A copy of the run in which some files have other content or are not there."""
        copy = self.folder / f"damaged-{run}"
        shutil.rmtree(copy, ignore_errors=True)
        (copy / "samples").mkdir(parents=True)
        for name, content in {**self.files[run], **changed}.items():
            if content is not None:
                (copy / name).write_bytes(content)
        return copy


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HARNESS_CACHE", str(folder / "cache"))
        (folder / "harness.toml").write_text(GATE, "utf-8")
        made = [replayed(folder, name, right) for name, right in (("good", 55), ("bad", 20))]
        files = {each.name: {file: (each / file).read_bytes() for file in FILES} for each in made}
        baseline = folder / "good.baseline"
        assert run("baseline", "save", folder / "good", baseline).code == 0
        yield Runs(folder, files, baseline.read_bytes())


@pytest.fixture(autouse=True)
def _there(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs.folder)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


@st.composite
def changes(draw: st.DrawFn, files: Mapping[str, bytes]) -> dict[str, Content]:
    """Damaged content of one or two of the files; None for a file that is not there."""
    found: dict[str, Content] = {}
    for name in draw(st.sets(st.sampled_from(FILES), min_size=1, max_size=2)):
        whole = files[name]
        if name.endswith(".jsonl"):
            rows = [json.loads(line) for line in whole.splitlines()]
            kept = draw(st.integers(0, len(rows)))
            half = b"".join(whole.splitlines(keepends=True)[:kept])
            content = draw(st.none() | st.just(half) | damaged(whole) | json_lines(rows))
        else:
            content = draw(st.none() | damaged(whole) | json_texts(json.loads(whole)))
        found[name] = content
    return found


def _same_or_refused(ended: Ended, whole: int) -> None:
    assert ended.code in (2, whole), ended


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_a_damaged_run_never_gets_another_verdict(amount: int, runs: Runs) -> None:
    assert run("gate", "good", "--baseline", "good").code == 0
    assert run("gate", "bad", "--baseline", "good").code == 1

    def check(given: tuple[str, dict[str, Content]]) -> None:
        name, changed = given
        folder = runs.damaged(name, changed)
        sides = (folder, "good") if name == "bad" else ("bad", folder)
        _same_or_refused(told("gate", sides[0], "--baseline", sides[1], "--quiet"), 1)
        folder = runs.damaged("good", changed if name == "good" else {})
        _same_or_refused(told("gate", folder, "--baseline", "good", "--quiet"), 0)

    inputs = st.sampled_from(["good", "bad"]).flatmap(
        lambda name: st.tuples(st.just(name), changes(runs.files[name]))
    )
    assert campaign((15, 600)[amount], inputs, check)


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_a_damaged_run_is_not_compared_shown_or_mined(amount: int, runs: Runs) -> None:
    pairs = itertools.count()
    whole = {
        "compare": run("compare", "good", runs.damaged("bad", {}), "--format", "json"),
        "show": run("baseline", "show", runs.damaged("bad", {})),
    }

    def check(given: tuple[str, dict[str, Content]]) -> None:
        command, changed = given
        folder = runs.damaged("bad", changed)
        if command == "compare":
            ended = told("compare", "good", folder, "--format", "json")
        elif command == "report":
            ended = told("report", folder, "--format", "html,markdown,junit,json")
        elif command == "mine":
            ended = told("mine", folder, "--out", runs.folder / f"pairs{next(pairs)}.jsonl")
        elif command == "save":
            ended = told("baseline", "save", folder, runs.folder / "saved.baseline")
        else:
            ended = told("baseline", "show", folder)
        if ended.code == 0 and command in whole:
            assert ended.output == whole[command].output, ended

    inputs = st.tuples(
        st.sampled_from(["compare", "report", "mine", "save", "show"]), changes(runs.files["bad"])
    )
    assert campaign((12, 500)[amount], inputs, check)


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_a_damaged_baseline_never_gets_another_verdict(amount: int, runs: Runs) -> None:
    document = json.loads(gzip.decompress(runs.baseline))
    changed = documents(document).map(lambda each: written(each).encode("utf-8", "surrogatepass"))
    inputs = damaged(runs.baseline) | packed(changed) | damaged(gzip.decompress(runs.baseline))

    def check(content: bytes) -> None:
        file = runs.folder / "damaged.baseline"
        file.write_bytes(content)
        _same_or_refused(told("gate", "bad", "--baseline", file, "--quiet"), 1)
        _same_or_refused(told("gate", "good", "--baseline", file, "--quiet"), 0)

    assert campaign((12, 400)[amount], inputs, check)


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_a_damaged_series_gives_the_same_verdict_or_none(amount: int, runs: Runs) -> None:
    config, state = runs.folder / "series.toml", runs.folder / "gate-series" / "main.json"
    config.write_text(SERIES + GATE, "utf-8")
    gates = {
        name: ("gate", name, "--baseline", "good", "--config", config, "--quiet")
        for name in ("good", "bad")
    }
    assert [run(*gates[name]).code for name in ("good", "bad")] == [0, 1]
    whole = state.read_bytes()
    document = json.loads(whole)

    def check(content: bytes) -> None:
        for name, code in (("bad", 1), ("good", 0)):
            state.write_bytes(content)
            _same_or_refused(told(*gates[name]), code)

    assert campaign((12, 300)[amount], json_texts(document) | damaged(whole), check)
    state.unlink()


def test_an_edited_figure_is_refused(runs: Runs) -> None:
    results = json.loads(runs.files["bad"]["results.json"])
    results["tasks"]["sst2"]["metrics"]["accuracy"]["value"] = 1.0
    folder = runs.damaged("bad", {"results.json": json.dumps(results).encode()})
    for command in (("gate", folder, "--baseline", "good"), ("compare", "good", folder)):
        ended = told(*command)
        assert (ended.code, "changed after the run" in ended.errors) == (2, True), ended
    without = runs.damaged(
        "bad", {"results.json": json.dumps(results).encode(), "manifest.json": None}
    )
    assert told("gate", without, "--baseline", "good").code == 2


def test_half_of_the_answers_are_refused(runs: Runs) -> None:
    lines = runs.files["bad"]["samples/sst2.jsonl"].splitlines(keepends=True)
    folder = runs.damaged("bad", {"samples/sst2.jsonl": b"".join(lines[:30])})
    ended = told("gate", folder, "--baseline", "good")
    assert (ended.code, "30 rows" in ended.errors) == (2, True), ended
