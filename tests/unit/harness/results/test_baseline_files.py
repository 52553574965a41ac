"""Baseline files: small, the same for the same run, and not to be tampered with."""

import gzip
import json
import math
from pathlib import Path

import pytest

from harness.authoring.io.serialization import canonical_hash
from harness.authoring.measures.predictions import response_text
from harness.errors import DataError
from harness.results.baseline import load_run, save_baseline
from harness.types import (
    Classify,
    ClassProbs,
    Completion,
    Failed,
    GateVerdict,
    Generate,
    Loglikelihood,
    Logprob,
    RollingLoglikelihood,
    Sample,
    SampleRecord,
    Unscored,
)
from support.scored_runs import binary, numbers, unscored


def test_a_saved_run_reads_back_as_it_was(make_run, tmp_path: Path) -> None:
    scores = unscored(binary(30, range(20)), ["s0004"])
    scores["s0001"] = {"accuracy": 0.0, "recall_macro": (1.0, 2.0, 0.0, 1.0)}
    clusters, groups = {"s0002": "a"}, {"s0003": "Age"}
    gate = GateVerdict("pass", "nothing fell", 0)
    folder = make_run("main", scores, clusters=clusters, groups=groups, gate=gate)
    file = tmp_path / "main.baseline"
    saved = save_baseline(folder, file)
    loaded = load_run(file)
    assert loaded == saved == load_run(folder)
    sample = loaded.samples["quiz"]["s0004"]
    assert sample.scores == {"accuracy": Unscored("no answer found")}
    assert sample.error == "no answer found"
    assert loaded.samples["quiz"]["s0001"].scores["recall_macro"] == (1.0, 2.0, 0.0, 1.0)
    assert loaded.samples["quiz"]["s0002"].cluster == "a"
    assert loaded.samples["quiz"]["s0003"].groups == {"topic": "Age"}
    assert loaded.spec == {"seed": 3, "model": "m"}
    assert load_run(folder / "results.json") == saved


def test_the_same_run_gives_the_same_bytes(make_run, tmp_path: Path) -> None:
    folder = make_run("main", binary(30, range(20)))
    one, other = tmp_path / "one", tmp_path / "sub" / "other"
    save_baseline(folder, one)
    save_baseline(folder, other)
    assert one.read_bytes() == other.read_bytes()
    assert not list(tmp_path.rglob("*.partial"))


def test_prompts_are_kept_only_when_asked_for(make_run, tmp_path: Path) -> None:
    folder = make_run("main", binary(10, range(5)))
    save_baseline(folder, tmp_path / "without")
    save_baseline(folder, tmp_path / "with", with_prompts=True)
    plain = gzip.decompress((tmp_path / "without").read_bytes()).decode()
    assert "question" not in plain and "yes" not in plain
    sample = load_run(tmp_path / "with", texts=True).samples["quiz"]["s0001"]
    assert (sample.prompt, sample.response) == ("Q: question s0001\nA:", "yes")
    assert load_run(tmp_path / "with").samples["quiz"]["s0001"].prompt is None


def test_it_is_small(make_run, tmp_path: Path) -> None:
    folder = make_run("main", binary(2000, range(0, 2000, 3)))
    save_baseline(folder, tmp_path / "small")
    run = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert (tmp_path / "small").stat().st_size < run / 30


def edit(file: Path, change) -> None:
    document = json.loads(gzip.decompress(file.read_bytes()))
    change(document)
    file.write_bytes(gzip.compress(json.dumps(document).encode()))


def flatter(document) -> None:
    document["content"]["samples"]["quiz"][9]["scores"]["accuracy"] = 1.0


def rehash(document) -> None:
    document["content"]["samples"] = 3
    document["sha256"] = canonical_hash(document["content"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (flatter, "does not match its hash"),
        (lambda document: document.update(schema=2), "schema: .* got '2'"),
        (lambda document: document.update(format="zip"), "'zip'"),
        (lambda document: document.pop("content"), "not a baseline"),
        (rehash, "not a baseline"),
    ],
)
def test_a_changed_file_is_refused(make_run, tmp_path: Path, change, words: str) -> None:
    file = tmp_path / "main.baseline"
    save_baseline(make_run("main", binary(10, range(5))), file)
    edit(file, change)
    with pytest.raises(DataError, match=words):
        load_run(file)


@pytest.mark.parametrize(
    "content",
    [
        b"\x1f\x8b",
        b"\x1f\x8b\x08\x00garbage",
        gzip.compress(b"[1]", mtime=0),
        gzip.compress(b"{", mtime=0),
    ],
)
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "garbage"
    file.write_bytes(content)
    with pytest.raises(DataError, match="not a baseline"):
        load_run(file)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        load_run(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"results\.json"):
        load_run(tmp_path / "empty")


def test_half_runs_are_no_baselines(make_run, tmp_path: Path) -> None:
    good = binary(10, range(5))
    with pytest.raises(DataError, match="incomplete"):
        save_baseline(make_run("half", good, status="incomplete"), tmp_path / "x")
    with pytest.raises(DataError, match="no samples of quiz"):
        save_baseline(make_run("bare", good, samples=False), tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_nan_survives(make_run, tmp_path: Path) -> None:
    folder = make_run("main", numbers([0.5, math.nan]))
    save_baseline(folder, tmp_path / "x")
    score = load_run(tmp_path / "x").samples["quiz"]["s0001"].scores["f1"]
    assert isinstance(score, float)
    assert math.isnan(score)


SAMPLE = Sample("1", "text")


@pytest.mark.parametrize(
    ("requests", "responses", "expected"),
    [
        ([Generate("p")], [Completion(" an answer\n")], "an answer"),
        ([Generate("p")], [Failed("timeout")], "(failed: timeout)"),
        (
            [Loglikelihood("p", " yes"), Loglikelihood("p", " no")],
            [Logprob(-2.0, 1, False), Logprob(-1.0, 1, True)],
            "no",
        ),
        (
            [Loglikelihood("p", " yes"), Loglikelihood("p", " no")],
            [Logprob(-1.0, 1, False), Logprob(-2.0, 1, True)],
            "yes",
        ),
        ([Classify("t", ("a", "b"))], [ClassProbs((0.3, 0.7))], "b"),
        ([RollingLoglikelihood("t")], [Logprob(-12.5, 4, False)], "log-likelihood -12.5"),
        ([], [], ""),
    ],
)
def test_answers_as_text(requests, responses, expected: str) -> None:
    record = SampleRecord(SAMPLE, tuple(requests), tuple(responses), {})
    assert response_text(record).strip() == expected
