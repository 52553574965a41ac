"""Rows of every format: the same rows, however they are written, and what is refused."""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.authoring.readers import rows, text_files
from harness.authoring.readers.rows import Header
from harness.errors import DataError
from harness.types import DataSource

ROWS = [
    {"question": "Why,\nand how?", "answer": 'She said "so"'},
    {"question": "Tab\there", "answer": "ä 語"},
    {"question": "plain", "answer": "x"},
]
Write = Callable[[Path, Sequence[Mapping[str, Any]]], None]


def _csv(path: Path, found: Sequence[Mapping[str, Any]], **how: Any) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]), **how)
        writer.writeheader()
        writer.writerows(found)


def _jsonl(path: Path, found: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in found), "utf-8")


def _parquet(path: Path, found: Sequence[Mapping[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(list(found)), path)


def _arrow(path: Path, found: Sequence[Mapping[str, Any]], file: bool = False) -> None:
    import pyarrow as pa

    table = pa.Table.from_pylist(list(found))
    make = pa.ipc.new_file if file else pa.ipc.new_stream
    with pa.OSFile(str(path), "wb") as sink, make(sink, table.schema) as writer:
        writer.write_table(table)


def _saved(path: Path, found: Sequence[Mapping[str, Any]]) -> None:
    import datasets

    datasets.Dataset.from_list(list(map(dict, found))).save_to_disk(str(path))


def _document(path: Path, value: Any, indent: int | None = None) -> None:
    path.write_text(json.dumps(value, indent=indent), "utf-8")


WRITERS: dict[str, tuple[str, Write]] = {
    "jsonl": ("x.jsonl", _jsonl),
    "json lines": ("x.json", _jsonl),
    "json array": ("x.json", _document),
    "json array, indented": ("x.json", lambda path, found: _document(path, found, 2)),
    "json data": ("x.json", lambda path, found: _document(path, {"data": found, "version": 1})),
    "json columns": (
        "x.json",
        lambda path, found: _document(path, {key: [row[key] for row in found] for key in found[0]}),
    ),
    "csv": ("x.csv", _csv),
    "csv, semicolons": ("x.CSV", lambda path, found: _csv(path, found, delimiter=";")),
    "csv, all quoted": ("x.csv", lambda path, found: _csv(path, found, quoting=csv.QUOTE_ALL)),
    "csv, line feeds": ("x.csv", lambda path, found: _csv(path, found, lineterminator="\n")),
    "tsv": ("x.tsv", lambda path, found: _csv(path, found, delimiter="\t")),
    "parquet": ("x.parquet", _parquet),
    "arrow stream": ("x.arrow", _arrow),
    "arrow file": ("x.arrow", lambda path, found: _arrow(path, found, file=True)),
    "save_to_disk": ("x", _saved),
}


def read(path: Path, header: Header | None = None) -> list[Mapping[str, Any]]:
    return [row for row, _ in rows.read_rows(path, header)]


@pytest.mark.parametrize("name", list(WRITERS))
def test_the_same_rows_come_from_every_format(name: str, tmp_path: Path) -> None:
    file, write = WRITERS[name]
    write(tmp_path / file, ROWS)
    found = list(rows.read_rows(tmp_path / file))
    assert [row for row, _ in found] == ROWS
    assert [place.ordinal for _, place in found] == [1, 2, 3]


@pytest.mark.parametrize("name", ["jsonl", "json array", "csv", "tsv"])
def test_text_may_be_gzipped_begin_with_a_mark_and_end_lines_in_any_way(
    name: str, tmp_path: Path
) -> None:
    file, write = WRITERS[name]
    flat = [{"question": f"q{i}", "answer": "a b"} for i in range(3)]
    write(tmp_path / file, flat)
    plain = (tmp_path / file).read_bytes().replace(b"\r\n", b"\n")
    for mark in (b"", b"\xef\xbb\xbf"):
        for end in (b"\n", b"\r\n", b"\r"):
            packed = tmp_path / f"{file}.gz"
            packed.write_bytes(gzip.compress(mark + plain.replace(b"\n", end)))
            assert read(packed) == flat


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    found=st.lists(
        st.fixed_dictionaries(
            dict.fromkeys(
                ("a", "b"),
                st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")),
            )
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_text_comes_back_from_csv(found: list[dict[str, str]], tmp_path: Path) -> None:
    _csv(tmp_path / "x.csv", found)
    assert read(tmp_path / "x.csv") == found


def test_shards_are_read_in_the_order_of_their_numbers_and_numbered_on(tmp_path: Path) -> None:
    for part in (10, 2):
        _jsonl(tmp_path / f"s-{part}.jsonl", [{"n": part}, {"n": part + 0.5}])
    (tmp_path / "README.md").write_text("no rows")
    found = list(rows.read_rows(tmp_path))
    assert [(row["n"], place.ordinal) for row, place in found] == [
        (2, 1), (2.5, 2), (10, 3), (10.5, 4)
    ]  # fmt: skip
    assert str(found[3][1].error("bad", "good")).startswith(f"{tmp_path}/s-10.jsonl, line 2: bad")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["train.jsonl", "test.jsonl"], "the parts test, train"),
        (["train-00000-of-00001.jsonl", "validation-00000-of-00001.jsonl"], "the parts train, val"),
        (["a.jsonl", "b.csv"], r"files of \.csv and \.jsonl"),
        (["notes.md"], "no files of rows"),
    ],
)
def test_a_folder_that_is_no_set_of_rows(files: list[str], message: str, tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).write_text('{"a": 1}\n')
    with pytest.raises(DataError, match=message):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.xlsx", b"PK", r"(?s)'\.xlsx' names no format.*JSONL.*Parquet"),
        ("x.parquet", b"a,b\n1,2\n", r"(?s)cannot be read as Parquet.*CSV"),
        ("x.arrow", b"a,b\n1,2\n", r"(?s)cannot be read as Arrow.*CSV"),
        ("x.json", b"3", "(?s)a JSON int is no table.*JSONL"),
        ("x.json", b'{"a": 1}', "(?s)a JSON object with 'a' is no table.*JSONL"),
        ("x.json", b"[1]", "row 1: a JSON int"),
        ("x.jsonl", b'[{"a": 1}]\n', "line 1: a JSON list"),
        ("x.csv", b'a,b\n1,"2\n3,4\n', "line 2: not valid CSV"),
        ("x.csv", b"a,b\n1,2\n\n1,2,3\n", "line 4: too many fields: 3 of 2"),
        ("x.csv", b"a,a\n1,2\n", "'a' stands twice"),
        ("x.csv", b"a,b\n1,\0\n", "line 2: a NUL"),
        ("x.csv", "a,b\n1,2\n".encode("utf-16"), "line 1: the file is UTF-16"),
        ("x.csv.gz", b"no gzip", "x.csv.gz: Not a gzipped file"),
    ],
)
def test_what_is_refused_when_it_is_read(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / name)


HEADER = Header({"text", "label"}, absent=("text", "label"))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("label\ttext\n1\tgood\n", [{"label": "1", "text": "good"}]),
        ("good\t1\n", [{"text": "good", "label": "1"}]),
        ('"Wow" he said\t1\n', [{"text": '"Wow" he said', "label": "1"}]),
        ('"no end\t1\nx\t0\n', [{"text": '"no end', "label": "1"}, {"text": "x", "label": "0"}]),
        ('"a\tb"\t1\nx\t0\n', [{"text": "a\tb", "label": "1"}, {"text": "x", "label": "0"}]),
    ],
)
def test_a_table_may_have_no_header_and_stray_quotes(
    content: str, found: list[dict[str, str]], tmp_path: Path
) -> None:
    (tmp_path / "x.tsv").write_text(content)
    assert read(tmp_path / "x.tsv", HEADER) == found


def test_an_unknown_header_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,review,stars\n1,good,5\n")
    with pytest.raises(DataError, match=r"(?s)line 1: .*id, review, stars.*TASK\.columns="):
        read(tmp_path / "x.csv", HEADER)


def test_columns_are_taken_under_the_task_s_names(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("review,text,stars\ngood,other,5\n")
    source = DataSource("path", "x", (str(tmp_path / "x.csv"),))
    mapped = replace(source, columns=rows.parse_columns("text:review,label: stars"))
    assert [row for row, _ in rows.read(mapped, HEADER)] == [{"text": "good", "label": "5"}]
    wrong = replace(source, columns=(("text", "revue"),))
    with pytest.raises(DataError, match=r"(?s)no column 'revue'.*'review', 'text', 'stars'"):
        list(rows.read(wrong))
    for text in ("text", "text:", "text:a,text:b"):
        with pytest.raises(DataError, match="FIELD:COLUMN"):
            rows.parse_columns(text)


def test_a_field_of_a_table_of_text_is_read_as_what_is_wanted(tmp_path: Path) -> None:
    fields = {"n": 3, "list": '["a", "b"]', "python": "['a', 'b']", "flag": True}
    _csv(tmp_path / "x.csv", [fields])
    ((row, place),) = rows.read_rows(tmp_path / "x.csv")
    assert place.field(row, "n", int) == 3
    assert place.field(row, "n", (str, int)) == "3"
    assert place.field(row, "list", list) == place.field(row, "python", list) == ["a", "b"]
    assert place.field(row, "flag", bool) is True
    with pytest.raises(DataError, match=r"(?s)'nn' is missing.*n, list, python, flag.*columns="):
        place.field(row, "nn", int)


def test_not_a_number_is_no_value(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"a": NaN, "b": Infinity}\n{"a": 2.0, "b": null}\n')
    (first, place), (second, _) = rows.read_rows(tmp_path / "x.jsonl")
    assert first == {"a": None, "b": math.inf}
    assert place.field(second, "a", (str, int)) == 2  # whole numbers beside missing ones
    with pytest.raises(DataError, match="line 1: field 'a' has no value"):
        place.field(first, "a", float)


# --------------------------------------------------------------------------- text and JSON


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": "cut \\ud83d"}', r"half a surrogate pair \(\\ud83d\)"),
        ('{"\\udc00": 1}', "half a surrogate pair"),
        ('{"a": ["\\u0000"]}', "a NUL"),
        ('{"a": ' + "9" * 5000 + "}", "a number that is too long"),
        ("[" * 20_000 + "]" * 20_000, "200 brackets within brackets"),
        ("[" * 300 + "]" * 300, "200 brackets within brackets"),
        ('{"a": ' * 900 + "1" + "}" * 900, "200 brackets within brackets"),
        ('{"a": 1', "not valid JSON"),
    ],
)
def test_json_that_could_not_be_written_again_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=f"rows.jsonl, line 7: .*{message}"):
        text_files.parse_json(text, "rows.jsonl", 7)


@pytest.mark.parametrize(
    "text", ['"\\ud83d\\ude00"', '"\\\\ud83d"', "[" * 200 + "]" * 200, "1e999"]
)
def test_json_that_is_text_all_the_same(text: str) -> None:
    assert text_files.parse_json("\ufeff" + text) == json.loads(text)


VALUES = st.text() | st.integers() | st.none()


@given(st.lists(VALUES) | st.dictionaries(st.text(), st.lists(VALUES)))
def test_what_is_read_can_be_written(value: Any) -> None:
    try:
        found = text_files.parse_json(json.dumps(value))
    except DataError:
        assert any(mark in json.dumps(value) for mark in ("\\ud", "\\u0000"))
        return
    json.dumps(found, ensure_ascii=False).encode()


def test_a_line_that_unfolds_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "MOST_LINE_BYTES", 2**20)
    monkeypatch.setattr(text_files, "MOST_DOCUMENT_BYTES", 3 * 2**20)
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n"' + b"x" * 2**21 + b'"\n'))
    with pytest.raises(DataError, match="line 2: the line is longer than 1 MiB"):
        list(rows.read_rows(path))
    path.write_bytes(gzip.compress((b" " * 1023 + b"\n") * 4096))
    with pytest.raises(DataError, match=r"larger than 0\.00\d+ GiB"):
        text_files.read_text(path)


def test_csv_keeps_a_line_end_within_quotes_and_names_the_line_of_the_row(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b'a,b\r\n"one\r\ntwo",2\r\nthree\r\n')
    found = text_files.read_csv(path, ["a"])
    assert next(found) == (2, {"a": "one\ntwo", "b": "2"})
    with pytest.raises(DataError, match="line 4: too few fields: 1 of 2"):
        next(found)


@pytest.mark.parametrize("text", ["{[]: 1}", "[1, 2", "{'a': }", "[" * 300 + "]" * 300])
def test_a_cell_that_is_no_list_stays_text(text: str) -> None:
    assert rows.structure(text) == text
