"""Files of groundedness, retrieval, training data, privacy, monitoring and attacks, damaged."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from .mutations import damaged, json_lines, json_texts
from .oracle import LONG, SHORT, campaign, told

LABELLED = [
    {
        "id": str(n),
        "factual": n % 2,
        "overlap": n / 9,
        "document": f"d{n // 2}",
        "model": "ab"[n % 2],
    }
    for n in range(8)
]
FRANK = [{"hash": "h", "model_name": "m", "article": "A text.", "summary": "It."}]
FACTUAL = [{"hash": "h", "model_name": "m", "Factuality": 1.0}]
XSUM = [{"id": "7", "document": "A text.", "summary": "It."}]
MARKED = [
    {
        "bbcid": "7",
        "system": "s",
        "summary": "It.",
        "worker_id": "w",
        "hallucination_type": "intrinsic",
    }
]
PASSAGES = [{"id": n, "title": "T", "text": f"A passage about {n} rivers."} for n in range(3)]
QUESTIONS = [{"id": "1", "context": "A river.", "question": "What river?", "answers": ["A"]}]
TRAINING = [
    {"prompt": f"Who lives at {n} Elm Road?", "completion": f"Ann, ann{n}@mail.net", "label": "a"}
    for n in range(4)
]
LOGS = [{"prompt": f"q {n}", "response": f"a {n}", "latency": 0.5, "time": "t"} for n in range(60)]


def lines(rows: Sequence[Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def rows_of(rows: list[Any]) -> st.SearchStrategy[bytes]:
    return damaged(lines(rows)) | json_lines(rows)


def each_of(*files: tuple[str, list[Any]]) -> st.SearchStrategy[dict[str, bytes]]:
    """All files as they are but one."""
    whole = {name: lines(rows) for name, rows in files}
    return st.sampled_from(files).flatmap(
        lambda each: rows_of(each[1]).map(lambda content: {**whole, each[0]: content})
    )


def written(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_labels_and_scores_of_metrics(amount: int, work: Path) -> None:
    scores = [{"id": row["id"], "length": n} for n, row in enumerate(LABELLED)]
    inputs = each_of(("labelled.jsonl", LABELLED), ("scores.jsonl", scores))

    def check(files: dict[str, bytes]) -> None:
        written(work, files)
        told(
            *("metric-eval", "labelled.jsonl", "--label", "factual", "--resamples", "100"),
            *("--scores", "labelled.jsonl", "--scores", "scores.jsonl", "--system", "model"),
            *("--cluster", "document", "--control", "model", "--out", "agreement.json"),
        )

    assert campaign((10, 400)[amount], inputs, check)


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_texts_and_labels_in_two_files(amount: int, work: Path, plugin: Path) -> None:
    numbers = itertools.count()
    inputs = each_of(("one.jsonl", FRANK), ("two.jsonl", FACTUAL)) | each_of(
        ("one.jsonl", XSUM), ("two.jsonl", MARKED)
    )

    def check(files: dict[str, bytes]) -> None:
        written(work, files)
        told(
            *("run", "--plugin", plugin, "--model", "anything:x", "--tasks", "faithfulness"),
            *("--data", f"faithfulness={work / 'one.jsonl'}:{work / 'two.jsonl'}", "--no-cache"),
            *("--format", "json", "--out", f"run{next(numbers)}"),
        )

    assert campaign((10, 400)[amount], inputs, check)


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_passages_that_are_retrieved(amount: int, work: Path, plugin: Path) -> None:
    numbers = itertools.count()
    inputs = each_of(("passages.jsonl", PASSAGES), ("qa.jsonl", QUESTIONS))
    ways = st.sampled_from(["bm25", "anything:x"])

    def check(given: tuple[dict[str, bytes], str]) -> None:
        written(work, given[0])
        told(
            *("run", "--plugin", plugin, "--model", "anything:x", "--tasks", "qa", "--no-cache"),
            *("--data", f"qa={work / 'qa.jsonl'}", "--retrieve", "passages.jsonl"),
            *("--set", f"retrieval.retriever={given[1]}", "--format", "json"),
            *("--out", f"run{next(numbers)}"),
        )

    assert campaign((10, 400)[amount], st.tuples(inputs, ways), check)


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_training_data(amount: int, work: Path) -> None:
    commands = (
        ("data", "check", "rows.jsonl", "--label", "label", "--card", "card.md"),
        ("data", "clean", "rows.jsonl", "--out", "clean.jsonl"),
        ("data", "split", "rows.jsonl", "--out", "parts", "--label", "label"),
        ("privacy", "plant", "rows.jsonl", "--out", "planted.jsonl", "--secrets", "s.json"),
    )

    def check(given: tuple[tuple[str, ...], bytes]) -> None:
        (work / "rows.jsonl").write_bytes(given[1])
        told(*given[0])

    assert campaign(
        (10, 400)[amount], st.tuples(st.sampled_from(commands), rows_of(TRAINING)), check
    )


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_logs_of_production_and_lists_of_terms(amount: int, work: Path) -> None:
    terms = b"# of our own\nfilthy liar\nscum\n"
    (work / "whole.jsonl").write_bytes(lines(LOGS))
    inputs = st.tuples(rows_of(LOGS[:3]), st.just(terms) | damaged(terms), st.booleans())

    def check(given: tuple[bytes, bytes, bool]) -> None:
        (work / "log.jsonl").write_bytes(given[0])
        (work / "terms.txt").write_bytes(given[1])
        one, other = ("log.jsonl", "whole.jsonl") if given[2] else ("whole.jsonl", "log.jsonl")
        told("monitor", one, "--against", other, "--metrics", "toxicity:terms.txt")

    assert campaign((10, 300)[amount], inputs, check)


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_attacks_that_are_mined(amount: int, work: Path) -> None:
    asked = [{"type": "loglikelihood", "context": "good?", "continuation": f" {each}"}
             for each in ("yes", "no")]  # fmt: skip
    said = [{"type": "logprob", "total": total, "token_count": 1, "is_greedy": False}
            for total in (-2.0, -1.0)]  # fmt: skip
    record = {
        "id": "1",
        "input": "good?",
        "targets": ["yes"],
        "choices": ["yes", "no"],
        "cluster": None,
        "groups": {},
        "metadata": {},
        "probe": "attack",
        "variant": 0,
        "requests": asked,
        "responses": said,
        "scores": {},
        "error": None,
    }
    sample = {"id": "1", "succeeded": True, "changed_words": 1, "words": 4, "record": record}
    document = {"model": {}, "tasks": {"sst2": {"n": 1, "measures": {}, "samples": [sample]}}}
    (work / "attack.json").write_text(json.dumps(document))
    assert told("mine", work, "--by", "attack", "--out", "pairs.jsonl").code == 0
    (row,) = map(json.loads, (work / "pairs.jsonl").read_text().splitlines())
    assert (row["chosen"], row["rejected"]) == (" yes", " no")

    def check(content: bytes) -> None:
        (work / "attack.json").write_bytes(content)
        told("mine", work, "--by", "attack", "--out", "pairs.jsonl")

    whole = json.dumps(document).encode()
    assert campaign((15, 500)[amount], json_texts(document) | damaged(whole), check)
