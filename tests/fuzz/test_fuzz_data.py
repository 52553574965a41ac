"""Data files and saved outputs that are damaged: told, never a defect and never a hang."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from harness.authoring.readers import rows
from harness.plugins import Registry

from .mutations import damaged, json_lines, json_texts, packed, tabular
from .oracle import LONG, SHORT, campaign, told

ROWS = 3


def _sample_rows(registry: Registry) -> dict[str, list[Any]]:
    """Task → the first rows that ship with it, where they are one file of rows."""
    found = {}
    for name, spec in registry.tasks.items():
        path = spec.sample_data
        if path is not None and rows.suffix(path) in (".jsonl", ".csv"):
            read = itertools.islice(rows.read_rows(path), ROWS)
            found[name] = [dict(row) for row, _ in read]
    assert len(found) > 15
    return found


@st.composite
def data_files(draw: st.DrawFn, seeds: Mapping[str, list[Any]]) -> tuple[str, str, bytes]:
    """(task, a file's name, its damaged content)."""
    task = draw(st.sampled_from(sorted(seeds)))
    found = seeds[task]
    suffix = draw(
        st.sampled_from(
            [".jsonl", ".jsonl", ".json", ".json", ".csv", ".tsv", ".parquet", ".arrow"]
        )
    )
    lines = "".join(json.dumps(row) + "\n" for row in found).encode()
    if suffix == ".jsonl":
        content = draw(json_lines(found) | damaged(lines))
    elif suffix == ".json":
        squad = {"version": "2", "data": found}
        content = draw(json_texts(found) | json_texts(squad) | damaged(json.dumps(found).encode()))
    else:
        content = draw(tabular(found, suffix))
    name = f"rows{suffix}"
    if suffix not in (".parquet", ".arrow") and draw(st.booleans()):
        return task, f"{name}.gz", draw(packed(st.just(content)))
    return task, name, content


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_data_files(amount: int, registry: Registry, work: Path, plugin: Path) -> None:
    numbers = itertools.count()

    def check(given: tuple[str, str, bytes]) -> None:
        task, name, content = given
        (work / name).write_bytes(content)
        told(
            *("run", "--plugin", plugin, "--model", "anything:x", "--tasks", task),
            *("--data", f"{task}={work / name}", "--no-cache", "--format", "json,html"),
            *("--out", work / f"run{next(numbers)}"),
        )

    assert campaign((12, 1200)[amount], data_files(_sample_rows(registry)), check)


DOCUMENTS: Mapping[str, Any] = {
    "squad": {
        "version": "1.1",
        "data": [
            {
                "title": "Rivers",
                "paragraphs": [
                    {
                        "context": "The river is long.",
                        "qas": [
                            {
                                "id": "q1",
                                "question": "What is long?",
                                "answers": [{"text": "The river", "answer_start": 0}],
                                "is_impossible": False,
                            }
                        ],
                    }
                ],
            }
        ],
    },
    "bold": {"American_actors": {"Ann": ["Ann is an actor who "], "Bob": ["Bob plays in "]}},
    "stereoset": {
        "version": "1.0",
        "data": {
            "intrasentence": [
                {
                    "id": "a",
                    "target": "nurse",
                    "bias_type": "profession",
                    "context": "The nurse is BLANK.",
                    "sentences": [
                        {"id": f"a{gold}", "sentence": f"The nurse is {word}.", "gold_label": gold}
                        for gold, word in (
                            ("stereotype", "kind"),
                            ("anti-stereotype", "rude"),
                            ("unrelated", "green"),
                        )
                    ],
                }
            ],
            "intersentence": [],
        },
    },
    "holistic_bias": {"ability": {"blindness": ["blind", {"descriptor": "deaf"}]}},
}


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_documents_of_published_benchmarks(amount: int, work: Path, plugin: Path) -> None:
    numbers = itertools.count()
    tasks = {**{name: [name] for name in DOCUMENTS}, "squad": ["squad", "squad_v2", "qa"]}
    del tasks["holistic_bias"]
    inputs = st.sampled_from(
        [(name, task) for name, found in tasks.items() for task in found]
    ).flatmap(
        lambda each: st.tuples(
            st.just(each[1]),
            json_texts(DOCUMENTS[each[0]]) | damaged(json.dumps(DOCUMENTS[each[0]]).encode()),
        )
    )

    def check(given: tuple[str, bytes]) -> None:
        task, content = given
        (work / "gender_prompt.json").write_bytes(content)
        told(
            *("run", "--plugin", plugin, "--model", "anything:x", "--tasks", task, "--no-cache"),
            *("--data", f"{task}={work / 'gender_prompt.json'}", "--format", "json"),
            *("--out", work / f"run{next(numbers)}"),
        )

    assert campaign((8, 500)[amount], inputs, check)


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_lines_of_text(amount: int, work: Path, plugin: Path) -> None:
    content = b"The developer argued with [the designer].\n1 [The developer] slept.\n\n\n"
    numbers = itertools.count()

    def check(given: tuple[str, str, bytes, bytes]) -> None:
        task, name, one, other = given
        (work / name).write_bytes(one)
        (work / "reference.txt").write_bytes(other)
        data = work / name
        if task == "translation":
            data = Path(f"{data}:{work / 'reference.txt'}")
        told(
            *("run", "--plugin", plugin, "--model", "anything:x", "--tasks", task, "--no-cache"),
            *("--data", f"{task}={data}", "--format", "json,html"),
            *("--out", work / f"run{next(numbers)}"),
        )

    texts = damaged(content) | st.binary(max_size=60)
    inputs = st.tuples(
        st.sampled_from(["translation", "perplexity", "winobias", "sentiment"]),
        st.sampled_from(["pro_stereotyped_type1.txt.test", "text.txt"]),
        texts,
        texts | st.just(content),
    )
    assert campaign((8, 300)[amount], inputs, check)


ANSWERS: Sequence[Any] = (
    {f"{number}": "positive" for number in range(1, 5)},
    ["positive", "negative", "negative", "positive"],
    [{"id": number, "answer": "positive"} for number in range(1, 5)],
    [{"doc_id": number, "resps": [["positive"]], "filtered_resps": ["p"]} for number in range(4)],
    [{"doc_id": number, "resps": [[[-1.5, "False"]], [[-2.0, "True"]]]} for number in range(4)],
    [{"id": number, "logprobs": [-1.5, -2.0], "token_counts": [1, 1]} for number in range(1, 5)],
)


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_saved_outputs(amount: int, work: Path) -> None:
    (work / "data.jsonl").write_text(
        "".join(f'{{"sentence": "film {each}", "label": {each % 2}}}\n' for each in range(4))
    )
    numbers = itertools.count()

    @st.composite
    def inputs(draw: st.DrawFn) -> tuple[str, bytes]:
        answers = draw(st.sampled_from(ANSWERS))
        suffix = draw(st.sampled_from([".json", ".jsonl", ".csv", ".txt", ".de"]))
        if suffix == ".json" or isinstance(answers, dict) or not isinstance(answers[0], dict):
            content = draw(json_texts(answers) | damaged(json.dumps(answers).encode()))
        elif suffix == ".csv":
            content = draw(tabular(answers, ".csv"))
        else:
            lines = "".join(json.dumps(row) + "\n" for row in answers).encode()
            content = draw(json_lines(list(answers)) | damaged(lines))
        if draw(st.integers(0, 3)) == 0:
            return f"answers{suffix}.gz", draw(packed(st.just(content)))
        return f"answers{suffix}", content

    def check(given: tuple[str, bytes]) -> None:
        name, content = given
        (work / name).write_bytes(content)
        told(
            *("run", "--model", f"replay:{work / name}", "--tasks", "sst2", "--no-cache"),
            *("--data", f"sst2={work / 'data.jsonl'}", "--format", "json,html"),
            *("--out", work / f"run{next(numbers)}"),
        )

    assert campaign((10, 700)[amount], inputs(), check)


def test_a_small_file_that_unpacks_to_much_is_refused(
    work: Path, plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gzip

    from harness.authoring.readers import text_files

    monkeypatch.setattr(text_files, "MOST_LINE_BYTES", 1 << 20)
    path = work / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"sentence": "' + b" " * (8 << 20)))
    ended = told(
        *("run", "--plugin", plugin, "--model", "anything:x", "--tasks", "sst2", "--no-cache"),
        *("--data", f"sst2={path}", "--out", work / "run"),
    )
    assert ended.code == 2
    assert "longer than 1 MiB" in ended.errors
