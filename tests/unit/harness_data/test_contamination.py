"""``harness contamination``: overlap, exact tests, the command, a real model."""

from __future__ import annotations

import json
import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.types import Sample
from harness_data.contamination import overlap
from harness_data.contamination.exact_tests import groups_p_value, order_p_value
from harness_data.contamination.items import Item, one_a_cluster, text_of
from harness_data.contamination.likelihood import min_k, word_requests
from support.commands import harness
from support.memorizing import train

WORDS = [f"w{number}" for number in range(12)]


def sentence(rng: random.Random, count: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(count))


# --------------------------------------------------------------------------- overlap


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_overlap_is_that_of_brute_force(seed: int) -> None:
    rng = random.Random(seed)
    items = [Item(str(n), sentence(rng, rng.randrange(2, 12))) for n in range(6)]
    lines = [sentence(rng, rng.randrange(0, 9)) for _ in range(30)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlap, "_PIECE", rng.randrange(5, 40))
        patch.setattr(overlap, "COMMON", 1000)
        found = overlap.overlap(items, [lines], size=3)
    words = " ".join(lines).split()
    grams = {tuple(words[at : at + 3]) for at in range(len(words) - 2)}
    for item in items:
        own = item.text.split()
        wanted = {tuple(own[at : at + 3]) for at in range(len(own) - 2)}
        share = len(wanted & grams) / len(wanted) if wanted else None
        assert found.shares.get(item.id) == pytest.approx(share) if wanted else share is None
    assert found.words == len(words)
    assert found.too_short == sum(len(item.text.split()) < 3 for item in items)


def test_an_n_gram_does_not_go_from_one_document_to_the_next() -> None:
    item = Item("1", "a b c d e f")
    assert overlap.overlap([item], [["a b c"], ["d e f"]], size=6).shares == {"1": 0}
    assert overlap.overlap([item], [["a b c", "D, e f!"]], size=6).shares == {"1": 1}


def test_a_phrase_that_many_have_is_no_sign() -> None:
    item = Item("1", "all rights reserved by the author")
    many = [["All rights reserved by the author."]] * (overlap.COMMON + 1)
    found = overlap.overlap([item], many, size=6)
    assert (found.found, found.common) == ([], 1)
    assert overlap.overlap([item], many[:-1], size=6).found == ["1"]


def test_short_items_make_short_n_grams() -> None:
    assert overlap.size_for([Item("1", "one two")] * 3) == overlap.SHORTEST
    assert overlap.size_for([Item("1", " ".join(WORDS * 2))] * 3) == overlap.LONGEST
    assert overlap.size_for([]) == overlap.LONGEST


def test_memory_does_not_grow_with_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "_PIECE", 50_000)
    items = [Item("1", " ".join(WORDS * 2))]

    def peak(lines: int) -> int:
        text = " ".join(WORDS) * 3
        tracemalloc.start()
        overlap.overlap(items, [(text for _ in range(lines))])
        reached = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return reached

    assert peak(24_000) < 1.5 * peak(8_000)


# --------------------------------------------------------------------------- exact tests


def test_false_alarms_of_the_order_test_are_as_rare_as_they_say() -> None:
    rng = np.random.default_rng(0)
    found = [
        order_p_value(rng.standard_t(2, size=(6, 20)), draws=300, seed=n)[1] for n in range(600)
    ]
    for level in (0.05, 0.2):
        error = 3 * (level * (1 - level) / 600) ** 0.5
        assert np.mean(np.array(found) <= level) <= level + error


def test_false_alarms_of_the_comparison_of_groups_are_as_rare_as_they_say() -> None:
    rng = np.random.default_rng(1)
    found = [
        groups_p_value(rng.exponential(size=15), rng.exponential(size=10), 200, n)
        for n in range(500)
    ]
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 3 * (0.05 * 0.95 / 500) ** 0.5


def test_what_is_there_is_found() -> None:
    rng = np.random.default_rng(2)
    logprobs = rng.normal(size=(10, 20))
    logprobs[:, 0] += 2
    assert order_p_value(logprobs)[1] < 0.001
    assert order_p_value(-logprobs)[1] > 0.99
    assert groups_p_value(rng.normal(size=30) + 1, rng.normal(size=30)) < 0.01
    assert order_p_value(np.zeros((4, 20)))[1] == 1  # nothing varies
    assert groups_p_value(np.ones(5), np.ones(5)) == 1


def test_the_least_likely_words_count() -> None:
    assert min_k([-1.0, -5.0, -2.0, -3.0, -4.0], 0.4) == pytest.approx(-4.5)
    assert min_k([-1.0], 0.2) == -1
    requests = word_requests("one two  three", 64)
    assert [(r.context, r.continuation) for r in requests] == [
        ("one", " two"),
        ("one two", " three"),
    ]


def test_items_are_texts_and_one_stands_for_its_cluster() -> None:
    sample = Sample("1", "What?", ("b",), ("a", "b"))
    assert text_of(sample) == "What?\na\nb"
    items = [Item("1", "x", "c"), Item("2", "y", "c"), Item("3", "z"), Item("4", "z")]
    assert [item.id for item in one_a_cluster(items)] == ["1", "3", "4"]


# --------------------------------------------------------------------------- the command


def test_a_corpus_with_the_test_set_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(4)
    names = [f"name{number}" for number in range(400)]
    rows = [
        {"id": str(n), "document": " ".join(rng.sample(names, 25)), "summary": "s"}
        for n in range(20)
    ]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    clean = tmp_path / "clean.txt"
    clean.write_text(" ".join(rng.choices(names, k=3000)), "utf-8")
    dirty = tmp_path / "dirty.jsonl"
    dirty.write_text(
        "".join(json.dumps({"meta": {"text": f"x {row['document']} y"}}) + "\n" for row in rows[:7])
    )
    line = f"contamination --model demo --tasks summarization --data summarization={data}"
    line += " --tests overlap --gate"
    assert harness(f"{line} --corpus {clean} --out {tmp_path / 'a'}") == 0
    assert harness(f"{line} --corpus {clean} --corpus {dirty} --out {tmp_path / 'b'}") == 1
    told = json.loads((tmp_path / "b" / "contamination.json").read_text("utf-8"))
    shares = told["tasks"]["summarization"]["overlap"]["shares"]
    assert shares.keys() == {row["id"] for row in rows[:7]}
    assert min(shares.values()) > 0.9  # all but the n-gram that ends with the summary
    assert "7 of 20 items" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--tests nothing", "unknown test 'nothing'"),
        ("--tests ,", "names nothing"),
        ("--tests overlap", "has no corpus"),
        ("--corpus nowhere.txt", "no such file"),
        ("--variants nothing", "unknown probe"),
        ("--control squad=sample", "unknown task of --control"),
        ("--control sst2", "--data 'sst2'"),
        ("--model replay:nowhere.json", "nowhere.json"),
    ],
)
def test_bad_input_is_told(
    options: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"contamination --model demo --tasks sst2 --data sample --out {tmp_path / 'o'}"
    assert harness(f"{line} {options}") == 2
    error = capsys.readouterr().err
    assert said in error
    assert "unforeseen" not in error
    assert not (tmp_path / "o").exists()


def test_what_cannot_be_tested_is_inconclusive(capsys: pytest.CaptureFixture[str]) -> None:
    line = "contamination --model demo --tasks sst2 --data sample --limit 8 --gate"
    assert harness(line) == 4
    shown = capsys.readouterr().out
    assert "15 are needed" in shown
    assert "10 are needed" in shown


@pytest.mark.slow
@pytest.mark.shared
def test_a_model_that_learned_the_test_set_is_told_from_one_that_did_not(
    shared: Path, tmp_path: Path
) -> None:
    lines = (shared / "data" / "sst2" / "dev.tsv").read_text("utf-8").splitlines()[:240]
    rows = [line.split("\t") for line in lines]
    parts = {"test": rows[:80], "other": rows[80:160], "control": rows[160:]}
    for name, part in parts.items():
        text = "".join(f"{text}\t{label}\n" for text, label in part)
        (tmp_path / f"{name}.tsv").write_text(text, "utf-8")
    found = {}
    for name in ("test", "other"):
        texts = [f"{text}\n{('negative', 'positive')[int(label)]}" for text, label in parts[name]]
        joined = ["\n\n".join(texts[at : at + 5]) for at in range(0, 80, 5)]
        model = train(shared / "models" / "stories260k", joined, tmp_path / name, 5, 2e-3)
        out = tmp_path / f"out-{name}"
        line = f"contamination --model {model} --tasks sst2 --data sst2={tmp_path / 'test.tsv'}"
        line += f" --control sst2={tmp_path / 'control.tsv'} --gate --out {out}"
        assert harness(line) == (1 if name == "test" else 0)
        found[name] = json.loads((out / "contamination.json").read_text())["tasks"]["sst2"]
    assert found["test"]["found"] == ["order", "min_k"]
    assert found["other"]["found"] == []
    assert min(found["other"][test]["p_value"] for test in ("order", "min_k")) > 0.05
