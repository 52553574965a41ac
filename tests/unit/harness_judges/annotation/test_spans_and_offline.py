"""Marked parts of answers, and the page that needs no server, without a browser."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError, UsageError
from harness_judges.annotation import (
    agreement_report,
    export,
    incoming,
    offline,
    spans,
    store,
)
from harness_judges.annotation.items import Answer, Item
from harness_judges.annotation.spans import Span
from harness_judges.annotation.store import Label, Settings
from support.commands import harness
from support.judged_runs import summaries

TEXT = "Grüße 👋🏽 aus Köln"


def folder_of(
    path: Path, kind: str = "binary", labels: tuple[str, ...] = ("error", "unclear")
) -> Path:
    """Three items of two annotators; of pairs the second is shown the other way round."""
    pair = (Answer("one", TEXT), Answer("two", "short"))
    answers = pair if kind == "preference" else pair[:1]
    items = [Item("t", f"s{n}", "do </script><b>x</b>", answers[:: (-1) ** n]) for n in range(3)]
    assignment = {"ada": [0, 1, 2], "ben": [0, 2]}
    store.create(path, items, assignment, Settings(kind, "?", spans=labels), ["one", "two"])  # type: ignore[arg-type]
    return path


def mark(start: int, end: int, label: str = "error", answer: int = 0) -> dict[str, Any]:
    return {"answer": answer, "start": start, "end": end, "label": label}


# --------------------------------------------------------------------------- marks


def test_marks_count_code_points_and_are_exported_by_system(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "p", "preference")
    with store.opened(folder) as opened:
        for item, answer in ((0, 0), (1, 1)):  # the long answer is shown first, then second
            given = {"item": item, "value": 0, "spans": [mark(6, 8, "error", answer)] * 2}
            assert opened.add(incoming.label_of(opened, "ada", given))
        rows = export.rows(opened, "labels")
        alone = export.rows(opened, "spans")
    expected = {"system": "one", "start": 6, "end": 8, "label": "error", "text": "👋🏽"}
    assert [row["spans"] for row in rows] == [[expected], [expected]]
    assert [row["answers"] for row in rows] == [[TEXT, "short"]] * 2
    assert [row["id"] for row in alone] == ["s0", "s1"]
    assert all(row["answer"][row["start"] : row["end"]] == "👋🏽" for row in alone)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("x", "no list"),
        ([mark(0, 1)] * 501, "at most 500"),
        ([7], "whole numbers"),
        ([mark(True, 2)], "whole numbers"),
        ([mark(0.0, 2)], "whole numbers"),
        ([mark(2, 2)], "not inside"),
        ([mark(-1, 2)], "not inside"),
        ([mark(0, len(TEXT) + 1)], "not inside"),
        ([mark(0, 1, answer=1)], "not inside"),
        ([mark(0, 1, "typo")], "'typo', which there is not"),
        ([{**mark(0, 1), "label": ["error"]}], "which there is not"),
    ],
)
def test_marks_that_cannot_be_are_refused(given: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        spans.read(given, ("error",), (TEXT,))


def test_labels_of_marks_have_a_key_each() -> None:
    assert spans.checked_labels(["a", "b"]) == ("a", "b")
    assert len(set(spans.KEYS)) == len(spans.KEYS)
    assert not set(spans.KEYS) & set("sucynx0123456789S=")  # they judge, or do something else
    for names, said in ((["a", "a"], "twice"), (list("abcdefghijklmn"), "at most 12"),
                        (["x" * 41], "plain"), (["a\nb"], "plain")):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            spans.checked_labels(names)


def test_a_folder_without_marks_stays_what_it_was(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "p", labels=())
    with store.opened(folder) as opened:
        before = opened.identity
        assert opened.add(Label("ada", 0, 1.0))
        assert "spans" not in export.rows(opened, "labels")[0]
        with pytest.raises(UsageError, match="--spans"):
            export.rows(opened, "spans")
    connection = sqlite3.connect(folder / store.FILE)  # as version 1 wrote it
    connection.execute("ALTER TABLE labels DROP COLUMN spans")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    folder_of(folder, labels=())  # the same items, settings and people
    with store.opened(folder) as opened:
        assert opened.identity == before
        assert [(each.value, each.spans) for each in opened.labels()] == [(1.0, ())]
        assert opened.add(Label("ada", 1, 1.0))
    with pytest.raises(UsageError, match="other runs, annotators or settings"):
        folder_of(folder)


def test_the_report_says_how_far_marks_agree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, skipped = folder_of(tmp_path / "p"), folder_of(tmp_path / "q")
    given = {
        ("ada", 0): ((0, 4), (6, 8)),
        ("ben", 0): ((0, 2), (6, 8)),
        ("ada", 1): ((0, 9),),  # ben does not judge item 1
        ("ada", 2): (),
    }
    for path, value in ((folder, 1.0), (skipped, None)):
        with store.opened(path) as opened:
            for (who, item), ends in given.items():
                found = tuple(Span(0, start, end, "error") for start, end in ends)
                opened.add(Label(who, item, 1.0, spans=found))
            opened.add(Label("ben", 2, value, spans=(Span(0, 0, 5, "error"),)))
    with store.opened(skipped) as opened:  # whoever skips an answer has no part in it
        assert agreement_report.report(opened).marks["error"]["F1 (characters)"].n == 1
    assert harness(f"annotate report {folder} --format json") == 0
    marks = json.loads(capsys.readouterr().out)["marks"]
    # Of 6 and 4 characters 4 are shared, and none of 0 and 5; of 2 and 2 whole marks 1, of 0 and 1.
    assert marks["error"]["F1 (characters)"]["value"] == pytest.approx(8 / 15)
    assert marks["error"]["F1 (whole marks)"]["value"] == pytest.approx(2 / 5)
    assert marks["error"]["F1 (characters)"]["n"] == 2
    assert marks["unclear"]["F1 (characters)"]["value"] is None
    assert harness(f"annotate report {folder}") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "error F1 (characters) 0.533" in shown
    assert "unclear F1 (whole marks) – nothing is marked" in shown


def test_damaged_marks_are_no_silent_loss(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "p")
    with store.opened(folder) as opened:
        opened.add(Label("ada", 0, 1.0, spans=(Span(0, 1, 2, "error"),)))
    connection = sqlite3.connect(folder / store.FILE)
    connection.execute("UPDATE labels SET spans = '[{\"start\": 1}]'")
    connection.commit()
    connection.close()
    with store.opened(folder) as opened, pytest.raises(DataError, match="is damaged"):
        opened.labels()


# --------------------------------------------------------------------------- offline


def held(page: Path) -> dict[str, Any]:
    text = page.read_text("utf-8")
    found = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.S)
    assert len(found) == 1
    content: dict[str, Any] = json.loads(found[0])
    return content


def test_the_page_holds_what_is_shown_and_nothing_that_tells_systems_apart(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    with store.opened(folder_of(tmp_path / "p", "preference")) as opened:
        offline.write(opened, page)
        content = held(page)
        assert content["identity"] == opened.identity
    assert content["assigned"] == {"ada": [0, 1, 2], "ben": [0, 2]}
    assert content["items"]["1"]["answers"] == ["short", TEXT]
    assert content["settings"]["spans"] == [["q", "error"], ["w", "unclear"]]
    text = page.read_text("utf-8")
    assert "system" not in json.dumps(content)
    assert "default-src 'none'" in text
    assert "</script><b>" not in text  # hostile answers stay data
    assert not re.search(r'(?:src|href)="', text)  # nothing is loaded from anywhere
    assert oct(page.stat().st_mode)[-3:] == "600"


def document(opened: store.Store, labels: list[Any], **other: Any) -> dict[str, Any]:
    return {
        "format": incoming.FORMAT,
        "schema": incoming.SCHEMA,
        "identity": opened.identity,
        "annotator": "ada",
        "labels": labels,
        **other,
    }


def written(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_what_a_page_saved_is_taken_once(tmp_path: Path) -> None:
    with store.opened(folder_of(tmp_path / "p")) as opened:
        first = {"item": 0, "value": 1, "comment": "x", "seconds": 2.5, "at": 1e9,
                 "spans": [mark(0, 5, "unclear")]}  # fmt: skip
        path = written(tmp_path / "a.json", document(opened, [first]))
        assert incoming.take(opened, path) == incoming.Taken("ada", 1, 0, 0, 0)
        assert incoming.take(opened, path) == incoming.Taken("ada", 0, 1, 0, 0)
        (label,) = opened.labels()
        assert label == Label("ada", 0, 1.0, "x", 2.5, 1e9, (Span(0, 0, 5, "unclear"),))
        more = [{**first, "value": 0}, {"item": 2, "value": None}]
        path = written(tmp_path / "b.json", document(opened, more))
        assert incoming.take(opened, path) == incoming.Taken("ada", 1, 0, 0, 1)
        assert opened.labels()[0].value == 1.0
        assert incoming.take(opened, path, replace=True) == incoming.Taken("ada", 0, 1, 1, 0)
        assert {each.item: each.value for each in opened.labels()} == {0: 0.0, 2: None}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "no judgements of an offline page"),
        ({"schema": 9}, "of schema 9"),
        ({"identity": "0" * 64}, "of other items, annotators or settings"),
        ({"annotator": "eve"}, "no annotator 'eve'"),
        ({"labels": None}, "no list of labels"),
        ({"labels": [1]}, "label 0: it is no object"),
        ({"labels": [{"item": 9, "value": 1}]}, "not yours to judge"),
        ({"annotator": "ben", "labels": [{"item": 1, "value": 1}]}, "not yours to judge"),
        ({"labels": [{"item": True, "value": 1}]}, "not yours to judge"),
        ({"labels": [{"item": 0, "value": 5}]}, "not one of those offered"),
        ({"labels": [{"item": 0, "value": True}]}, "not one of those offered"),
        ({"labels": [{"item": 0, "value": 1, "comment": "x" * 5001}]}, "5,000 characters"),
        ({"labels": [{"item": 0, "value": 1, "spans": [mark(5, 99)]}]}, "not inside"),
        ({"labels": [{"item": 0, "value": 1}, {"item": 0, "value": 1}]}, "judged twice"),
        ({"labels": [{"item": 0, "value": 1}, {"item": 1, "value": 7}]}, "label 1: "),
    ],
)
def test_a_file_that_cannot_be_is_refused_as_a_whole(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    with store.opened(folder_of(tmp_path / "p")) as opened:
        path = written(tmp_path / "a.json", {**document(opened, []), **change})
        with pytest.raises((DataError, UsageError), match=said):
            incoming.take(opened, path)
        assert opened.labels() == []


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": 1}', "\0" * 20])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content, "utf-8")
    with store.opened(folder_of(tmp_path / "p")) as opened, pytest.raises(DataError):
        incoming.take(opened, path)


def test_through_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = summaries(tmp_path / "runs", "plain", [f"Summary {n}." for n in range(4)])
    monkeypatch.chdir(tmp_path)
    line = f"annotate {run} --out people --annotators ada,ben --overlap 1 --spans wrong,vague"
    assert harness(f"{line} --offline page.html") == 0
    assert "harness annotate import people FILE" in capsys.readouterr().out
    content = held(tmp_path / "page.html")
    rows = [{"item": n, "value": 4, "spans": [mark(0, 7, "vague")]} for n in range(4)]
    saved = {key: content[key] for key in ("format", "schema", "identity")}
    written(tmp_path / "ada.json", {**saved, "annotator": "ada", "labels": rows})
    written(tmp_path / "ben.json", {**saved, "annotator": "ben", "labels": rows[:2]})
    assert harness("annotate import people ada.json ben.json") == 0
    out = capsys.readouterr().out
    assert "ada.json: 4 new judgements of ada" in out
    assert "ben: 2 of 4 judged" in out
    assert harness("annotate export people --as spans --file spans.jsonl") == 0
    marked = [json.loads(line) for line in (tmp_path / "spans.jsonl").read_text().splitlines()]
    assert len(marked) == 6
    assert {row["text"] for row in marked} == {"Summary"}
    rows[0]["value"] = 1
    written(tmp_path / "ada.json", {**saved, "annotator": "ada", "labels": rows})
    assert harness("annotate import people ada.json") == 0
    assert "1 items are judged otherwise and stay so" in " ".join(capsys.readouterr().out.split())
    assert harness(f"{line} --offline page.html") == 0  # again: the same items, the same file
    assert harness("annotate import people none.json") == 2
    assert harness(f"annotate {run} --out other --spans a,a --offline x.html") == 2
    assert "names 'a' twice" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
