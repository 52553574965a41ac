"""Saved outputs: which belongs to which sample, and what becomes of each answer."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError
from harness.protocols import BackendOptions
from harness.types import (
    Completion,
    Failed,
    Generate,
    KeyedRequest,
    Loglikelihood,
    Logprob,
    Request,
    Response,
)
from harness_backends.replay import MISSING, Replay, open_replay

ONE = (Generate("p"),)
TWO_TEXTS = (Generate("q"), Generate("q"))
TWO = (Loglikelihood("q", " a"), Loglikelihood("q", " b"))


def opened(path: Path, **options: str) -> Replay:
    return open_replay(BackendOptions(model=str(path), values=options))


def written(path: Path, content: Any) -> Path:
    """A list as JSONL where the suffix says so, else JSON; text as it is."""
    if isinstance(content, str):
        text = content
    elif path.suffix == ".jsonl":
        text = "".join(json.dumps(row) + "\n" for row in content)
    else:
        text = json.dumps(content)
    path.write_text(text, "utf-8")
    return path


def asked(ids: Sequence[str], each: Sequence[Request] = ONE) -> list[KeyedRequest]:
    return [KeyedRequest(f"{i}/{n}", r, "t", i) for i in ids for n, r in enumerate(each)]


def answers(
    replay: Replay,
    ids: Sequence[str],
    every: Sequence[str] | None = None,
    each: Sequence[Request] = ONE,
) -> list[Response]:
    requests = asked(ids, each)
    replay.match({"t": every or ids}, requests)
    found = dict(replay.run(requests))
    return [found[request.key] for request in requests]


def texts(replay: Replay, ids: Sequence[str], every: Sequence[str] | None = None) -> list[Any]:
    return [r.text if isinstance(r, Completion) else None for r in answers(replay, ids, every)]


THREE = [{"response": "x"}, {"response": "y"}, {"response": "z"}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("o.txt", "x\ny\nz\n"),
        ("o.csv", "response\nx\ny\nz\n"),
        ("o.tsv", "n\tprediction\n7\tx\n8\ty\n9\tz\n"),
        ("o.jsonl", THREE),
        ("o.json", THREE),
        ("o.json", ["x", ["y"], [["z"]]]),
        ("o.json", {"a": "x", "b": "y", "c": ["z"]}),
        ("o.json", {"id": ["c", "b", "a"], "response": ["z", "y", "x"]}),
        ("o.jsonl", [{"id": i, "output": o} for i, o in ("by", "cz", "ax")]),
        (
            "o.jsonl",
            [
                {"doc_id": n, "resps": [[f"{t}!"]], "filtered_resps": [t]}
                for n, t in enumerate("xyz")
            ],
        ),
        ("o.jsonl", [{"idx": 0, **row} for row in THREE]),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_three_outputs_in_every_format(
    name: str, content: Any, packed: bool, tmp_path: Path
) -> None:
    path = written(tmp_path / name, content)
    if packed:
        path.with_name(f"{name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path = path.with_name(f"{name}.gz")
    assert texts(opened(path), ["a", "b", "c"]) == ["x", "y", "z"]


def test_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"id": [2, 1], "response": ["two", None]})
    pq.write_table(table, tmp_path / "o.parquet")
    assert texts(opened(tmp_path / "o.parquet"), ["1", "2"]) == ["", "two"]


def rows_of(ids: Sequence[Any], name: str = "id") -> list[dict[str, Any]]:
    return [{name: each, "response": f"r{each}"} for each in ids]


@pytest.mark.parametrize(
    ("saved", "samples", "expected"),
    [
        ([1, 2, 3], "123", ["r1", "r2", "r3"]),
        ([0, 1, 2], "012", ["r0", "r1", "r2"]),
        ([0, 1, 2], "123", ["r0", "r1", "r2"]),
        ([2, 0], "123", ["r0", None, "r2"]),
        ([1, 2, 3], "012", ["r1", "r2", "r3"]),
        ([1, 2], "012", [None, "r1", "r2"]),
        ([2.0, 1.0, 3.0], "123", ["r1.0", "r2.0", "r3.0"]),
        ([0, 1, 2], "abc", ["r0", "r1", "r2"]),
        ([3, 1, 2], "abc", ["r1", "r2", "r3"]),
        (["b", "a", "q"], "abc", ["ra", "rb", None]),
    ],
)
def test_numbers_count_from_where_the_whole_set_says(
    saved: list[Any], samples: str, expected: list[Any], tmp_path: Path
) -> None:
    replay = opened(written(tmp_path / "o.jsonl", rows_of(saved)))
    assert texts(replay, list(samples)) == expected


@pytest.mark.parametrize(
    ("content", "samples", "message"),
    [
        (rows_of([0, 1, 2, 3]), "123", "numbers from 0 to 3.*not clear"),
        (rows_of([5, 6]), "ab", "numbers from 5 to 6, none of which"),
        (rows_of([0, 1]), "abc", "numbers from 0 to 1, none of which"),
        (rows_of(["x", "y"]), "ab", "none of the 2 ids, such as 'x'"),
        (rows_of([1, 1]), "12", "line 2: the id '1' occurs twice, first in .*line 1"),
        ([{"id": 1, "response": "x"}, {"response": "y"}], "12", "line 2: there is no id"),
        (THREE, "ab", "holds 3 outputs without ids, and t has 2 samples"),
        ([{"id": 1, "answer": "x"}], "1", "no column 'response'.*'id', 'answer'"),
        ([{"id": 1, "response": ["x", "y"]}], "1", "line 1: 2 texts for sample '1'"),
        ([{"id": 1, "response": {"a": 1}}], "1", "line 1: a JSON dict is no text"),
    ],
)
def test_outputs_that_do_not_fit_are_refused(
    content: Any, samples: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=f"(?s){message}"):
        answers(opened(written(tmp_path / "o.jsonl", content)), list(samples))


def test_doc_ids_count_from_zero_whichever_are_there(tmp_path: Path) -> None:
    saved = opened(written(tmp_path / "o.jsonl", rows_of([1, 2], "doc_id")))
    assert texts(saved, ["1", "2", "3"]) == [None, "r1", "r2"]
    chosen = opened(written(tmp_path / "o.jsonl", rows_of([0, 2], "doc_id")))
    assert texts(chosen, ["x", "y", "z"]) == ["r0", None, "r2"]


@pytest.mark.parametrize("name", ["o.txt", "o.de", "newstest.en-de", "o.log", "outputs"])
def test_a_name_that_says_no_format_holds_an_output_a_line(tmp_path: Path, name: str) -> None:
    assert texts(opened(written(tmp_path / name, "x\ny\n")), ["a", "b"]) == ["x", "y"]


def test_json_by_a_name_that_says_no_format_is_not_scored_as_text(tmp_path: Path) -> None:
    lines = '{"id": "a", "response": "x"}\n{"id": "b", "response": "y"}\n'
    with pytest.raises(DataError, match=r"(?s)'\.log' stands for.*JSON map.*CSV.*Parquet"):
        opened(written(tmp_path / "o.log", lines))


def test_outputs_of_all_rows_serve_a_part_of_them(tmp_path: Path) -> None:
    path = written(tmp_path / "o.txt", "x\ny\nz\n")
    assert texts(opened(path), ["b"], ["a", "b", "c"]) == ["y"]
    few = written(tmp_path / "few.txt", "x\ny\n")
    assert texts(opened(few), ["a", "b"], ["a", "b", "c"]) == ["x", "y"]  # the first two
    with pytest.raises(DataError, match="2 outputs without ids"):
        texts(opened(few), ["a", "c"], ["a", "b", "c"])  # drawn: which two these are is not known


def test_what_is_null_and_what_matches_nothing_is_said(tmp_path: Path) -> None:
    content = [{"id": i, "response": r} for i, r in (("a", None), ("b", "x"), ("q", "y"))]
    replay = opened(written(tmp_path / "o.jsonl", content))
    notes = replay.match({"t": ["a", "b", "c"]}, asked(["a", "b", "c"]))["t"]
    assert [note.partition(",")[0] for note in notes] == [
        "1 of 3 samples have no saved output",
        "1 of 3 saved outputs are null: scored as empty answers",
        "1 of 3 saved outputs belong to no sample",
    ]
    first, second, third = (response for _, response in replay.run(asked(["a", "b", "c"])))
    assert first == Completion("", finish_reason=MISSING)
    assert second == Completion("x")
    assert third == Failed("no answer saved: no output belongs to 'c'")


@pytest.mark.parametrize(
    ("value", "text"), [(3, "3"), (2.5, "2.5"), (True, "true"), ([7], "7"), ("", "")]
)
def test_numbers_become_their_text(value: Any, text: str, tmp_path: Path) -> None:
    replay = opened(written(tmp_path / "o.jsonl", [{"id": "a", "response": value}]))
    assert texts(replay, ["a"]) == [text]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"loglikelihoods": [-1.5, -2]}, [Logprob(-1.5, 1, False), Logprob(-2.0, 1, False)]),
        (
            {"loglikelihoods": [-1.5, -math.inf], "token_counts": [3, 2]},
            [Logprob(-1.5, 3, False), Logprob(-math.inf, 2, False)],
        ),
        (
            {"resps": [[["-12.3", "False"]], [["-3.5", "True"]]]},
            [Logprob(-12.3, 1, False), Logprob(-3.5, 1, True)],
        ),
        (
            {"filtered_resps": [[-12.3, False], [-3.5, True]]},
            [Logprob(-12.3, 1, False), Logprob(-3.5, 1, True)],
        ),
        ({"loglikelihoods": [math.nan, math.inf]}, [Failed("not a number")] * 2),
    ],
)
def test_log_likelihoods(row: dict[str, Any], expected: list[Response], tmp_path: Path) -> None:
    replay = opened(written(tmp_path / "o.jsonl", [{"id": "a", **row}]))
    assert Loglikelihood in replay.supports
    assert Generate not in replay.supports
    assert answers(replay, ["a"], each=TWO) == expected
    with pytest.raises(DataError, match="2 log-likelihoods for sample 'a'"):
        answers(replay, ["a"], each=(*TWO, *TWO))


def test_a_filter_is_chosen_among_several(tmp_path: Path) -> None:
    content = [
        {"doc_id": n, "filter": f, "filtered_resps": [f"{f}{n}"]} for n in (0, 1) for f in "sx"
    ]
    path = written(tmp_path / "o.jsonl", content)
    with pytest.raises(DataError, match=r"(?s)occurs twice.*replay_filter"):
        opened(path)
    assert texts(opened(path, replay_filter="x"), ["a", "b"]) == ["x0", "x1"]


def test_a_text_inside_an_object_is_named_with_a_point(tmp_path: Path) -> None:
    content = [{"small": {"text": f"{t}", "ok": True}, "large": {"text": f"{t}{t}"}} for t in "xy"]
    path = written(tmp_path / "o.jsonl", content)
    assert texts(opened(path, replay_field="large.text"), ["a", "b"]) == ["xx", "yy"]
    with pytest.raises(DataError, match=r"there is no column 'large\.words'"):
        opened(path, replay_field="large.words")
    pointed = written(tmp_path / "p.jsonl", [{"large.text": "z"}])
    assert texts(opened(pointed, replay_field="large.text"), ["a"]) == ["z"]


def record(name: str, responses: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"id": name, "requests": [{}] * len(responses), "responses": responses, **more}


def test_a_run_folders_samples_are_outputs(tmp_path: Path) -> None:
    said = [{"type": "completion", "text": text} for text in ("one", "two", "probed", "again")]
    rows = [
        record("a", [said[0]], probe=None),
        record("b", [said[1]]),
        record("a", [said[2]], probe="typos"),
        record("a", [said[3]], repeat=1),
        record("c", [{"type": "failed", "reason": "timeout"}]),
    ]
    replay = opened(written(tmp_path / "samples.jsonl", rows))
    found = answers(replay, ["a", "b", "c"])
    assert found[:2] == [Completion("one"), Completion("two")]
    assert isinstance(found[2], Failed)  # asked in vain is no empty answer


def test_a_conversation_of_a_run_folder_is_held_again(tmp_path: Path) -> None:
    """Each turn's answer is saved, and what a judge said of them is not."""

    def later(role: str, text: str) -> dict[str, Any]:
        return {
            "roles": [role],
            "requests": [],
            "responses": [{"type": "completion", "text": text}],
        }

    said = record("a", [{"type": "completion", "text": "first"}])
    rounds = [later("model", "second"), later("judge", "5")]
    replay = opened(written(tmp_path / "samples.jsonl", [said | {"later_rounds": rounds}]))
    found = answers(replay, ["a"], each=TWO_TEXTS)
    assert found == [Completion("first"), Completion("second")]
    damaged: Any
    for damaged in ([{"roles": ["model"]}], [later("model", "x") | {"roles": []}], "ab"):
        path = written(tmp_path / "damaged.jsonl", [said | {"later_rounds": damaged}])
        with pytest.raises(DataError, match="later_rounds are not as harness writes them"):
            opened(path)


def test_a_run_folders_log_likelihoods_are_outputs(tmp_path: Path) -> None:
    totals = [{"type": "logprob", "total": total} for total in (-1.5, "-inf")]
    replay = opened(written(tmp_path / "samples.jsonl", [record("a", totals)]))
    found = answers(replay, ["a"], each=TWO)
    assert [each.total for each in found] == [-1.5, -math.inf]


def test_damaged_samples_are_refused(tmp_path: Path) -> None:
    for wrong in ({"type": "completion", "text": {}}, {"type": "completion", "text": ["a", "b"]}):
        with pytest.raises(DataError):
            opened(written(tmp_path / "samples.jsonl", [record("a", [wrong])]))
    with pytest.raises(DataError, match="holds no outputs"):
        opened(written(tmp_path / "samples.jsonl", [record("a", [{"type": "failed"}])]))
