"""Items, assignment, the store and the figures, without a browser."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from harness import compare, evaluate, gate, read_samples
from harness.cli import app
from harness.errors import DataError, UnknownNameError, UsageError
from harness_judges.annotation import agreement_report, export, store
from harness_judges.annotation.assignment import assign
from harness_judges.annotation.importer import Annotations
from harness_judges.annotation.items import Answer, Item, gather
from harness_judges.annotation.rendering import as_json
from harness_judges.annotation.store import Label, Settings
from harness_judges.judging.arena_task import answers_of
from support.judged_runs import summaries


@given(st.integers(1, 200), st.integers(1, 5), st.floats(0, 1))
def test_everyone_gets_the_shared_items_and_the_rest_goes_round(count, people, overlap):
    names = [f"p{each}" for each in range(people)]
    found = assign(count, names, overlap)
    times = Counter(item for items in found.values() for item in items)
    assert set(times) == set(range(count))
    shared = [item for item, often in times.items() if often == people]
    if people > 1:
        assert overlap * count <= len(shared) + 1e-6 < overlap * count + 1.001
        alone = [len(items) - len(shared) for items in found.values()]
        assert max(alone) - min(alone) <= 1
    assert all(list(items) == sorted(set(items)) for items in found.values())


def test_shared_items_come_from_the_beginning_on():
    shared = set(assign(100, ["a", "b"], 0.2)["a"]) & set(assign(100, ["a", "b"], 0.2)["b"])
    assert len(shared) == 20
    assert all(any(start <= each < start + 10 for each in shared) for start in range(0, 100, 10))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    first = [f"first {place}" for place in range(12)]
    second = ["first 0", *(f"second {place}" for place in range(1, 12))]
    third = [f"third {place}" for place in range(10)]
    return [
        summaries(folder, "one", first),
        summaries(folder, "two", second),
        summaries(folder / "other", "three", third),
    ]


def test_pairs_are_blinded_balanced_and_seeded(runs):
    found = gather(runs[:2], "preference", seed=3)
    assert len(found.items) == 11  # equal answers are no pair
    assert any("same answer" in why for why in found.left_out)
    firsts = Counter(item.answers[0].system for item in found.items)
    assert set(firsts) == {"one", "two"}
    assert gather(runs[:2], "preference", seed=3) == found
    assert gather(runs[:2], "preference", seed=4).items != found.items
    by_id = {item.sample_id: item for item in found.items}
    reversed_runs = gather(runs[1::-1], "preference", seed=3)
    assert {item.sample_id for item in reversed_runs.items} == set(by_id)


def test_scores_show_every_answer_alone(runs):
    found = gather(runs[:2], "score", limit=None)
    assert len(found.items) == 24 and all(len(each.answers) == 1 for each in found.items)
    assert len(gather(runs[:2], "score", limit=5).items) == 5


def chats(folder: Path, turns: int, repeats: int = 1, style: str = "messages") -> Path:
    """A run of conversations of the demo model."""
    folder.mkdir(exist_ok=True)
    said = [f"Turn {n}?" for n in range(1, turns + 1)]
    rows = folder / "turns.jsonl"
    rows.write_text("".join(json.dumps({"id": f"c{n}", "turns": said}) + "\n" for n in range(3)))
    out = folder / f"{turns}-{repeats}-{style}"
    evaluate(
        "demo",
        ["chat"],
        data={"chat": rows},
        task_settings={"chat": {"max_tokens": "6", "style": style}},
        repeats=repeats,
        temperature=1.5,
        out=out,
        formats=(),
    )
    return out


@pytest.mark.parametrize("style", ["messages", "text"])
def test_a_conversation_is_shown_as_a_whole(tmp_path, style):
    run = chats(tmp_path, turns=2, style=style)
    (record, *_) = read_samples(run, "chat")
    first, last = record.responses[0].text, record.later_rounds[0].responses[0].text
    items = gather([run], "score").items
    (item,) = (each for each in items if each.sample_id == record.sample.id)
    assert item.instruction == "Turn 1?"
    assert item.answers[0].text == f"{first}\n\nUser: Turn 2?\n\nAssistant: {last}"


def test_conversations_are_no_training_data(tmp_path):
    """What users say in between is nothing that a model should learn to write."""
    items = gather([chats(tmp_path, turns=2)], "score").items
    folder = tmp_path / "people"
    store.create(
        folder, items, {"ada": range(3)}, Settings("binary", "?"), [items[0].answers[0].system]
    )
    with store.opened(folder) as opened:
        for place in range(3):
            assert opened.add(Label("ada", place, float(place % 2), seconds=1.0))
        assert len(export.rows(opened, "labels")) == 3
        with pytest.raises(DataError, match="conversations, which are no training data"):
            export.rows(opened, "completion")


def test_of_repeats_the_first_answer_is_shown(tmp_path):
    run = chats(tmp_path, turns=1, repeats=3)
    first = {
        each.sample.id: each.responses[0].text
        for each in read_samples(run, "chat")
        if not each.repeat
    }
    shown = {each.sample_id: each.answers[0].text for each in gather([run], "score").items}
    assert shown == first
    assert answers_of(run, "chat") == first


def test_bad_runs_are_refused(runs, tmp_path):
    with pytest.raises(UsageError, match="two runs or more"):
        gather(runs[:1], "preference")
    with pytest.raises(UsageError, match="given twice"):
        gather([runs[0], runs[0]], "preference")
    with pytest.raises(UnknownNameError, match="unknown task 'squad'"):
        gather(runs[:1], "score", ["squad"])
    with pytest.raises(DataError, match=r"results\.json"):
        gather([tmp_path], "score")


def people(folder: Path, kind: str, values: dict, **settings: object) -> Path:
    """A folder whose annotators gave these values, item by item; None was not judged."""
    count = len(next(iter(values.values())))
    answers = (Answer("one", "a"), Answer("two", "b")) if kind == "preference" else (
        Answer("one", "a"),)  # fmt: skip
    made = [Item("t", f"s{place}", "do", answers) for place in range(count)]
    if kind == "preference":  # every other pair is shown the other way round
        made = [
            Item(each.task, each.sample_id, each.instruction, each.answers[:: (-1) ** place])
            for place, each in enumerate(made)
        ]
    assignment = {name: range(count) for name in values}
    store.create(folder, made, assignment, Settings(kind, "?", **settings), ["one", "two"])
    with store.opened(folder) as opened:
        for name, given in values.items():
            for item, value in enumerate(given):
                if value is not None:
                    assert opened.add(Label(name, item, value, seconds=2.0))
    return folder


def test_figures_by_hand(tmp_path):
    # Krippendorff 2011, section B: two observers, ten binary units; α = .095
    a = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    b = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    folder = people(tmp_path / "p", "binary", {"ada": a, "ben": b})
    with store.opened(folder) as opened:
        found = agreement_report.report(opened)
    assert found.coefficients["Krippendorff's α (nominal)"].value == pytest.approx(0.095, abs=5e-4)
    assert found.shared == 10 and len(found.disagreements) == 4
    assert found.pairs["ada and ben"].value == pytest.approx(
        (0.6 - (0.2 * 0.4 + 0.8 * 0.6)) / (1 - (0.2 * 0.4 + 0.8 * 0.6))
    )
    assert found.annotators[0].mean.value == 0.2 and found.annotators[0].seconds == 2.0
    assert json.loads(as_json(found, 3))["disagreeing_items"] == 4


def test_a_preference_is_for_a_system_whichever_was_shown_first(tmp_path):
    # Who always takes the first answer prefers each system in half of the pairs.
    folder = people(tmp_path / "p", "preference", {"ada": [0.0] * 20, "ben": [0.0, 1.0] * 10})
    with store.opened(folder) as opened:
        found = agreement_report.report(opened)
        rows = export.rows(opened, "labels")
    ada, ben = found.annotators
    assert ada.first_shown.value == 1.0 and ada.mean.value == 0.5
    assert ben.first_shown.value == 0.5 and ben.mean.value == 1.0
    assert {row["preferred"] for row in rows if row["annotator"] == "ben"} == {"one"}
    assert found.pairs["ada and ben"].value == pytest.approx(0)


def test_limits_are_said(tmp_path):
    one = people(tmp_path / "one", "binary", {"ada": [1, 0, 1]})
    same = people(tmp_path / "same", "binary", {"ada": [1] * 12, "ben": [1] * 12})
    apart = people(tmp_path / "apart", "score", {"ada": [3, None], "ben": [None, 4]})
    for folder, what in ((one, "one annotator only"), (same, "every judgement is 1"),
                         (apart, "no item is judged by two")):  # fmt: skip
        with store.opened(folder) as opened:
            found = agreement_report.report(opened)
        assert any(what in note for note in found.notes)
        for each in found.coefficients.values():
            assert each.value != each.value  # no silent number


def test_exports_for_training(tmp_path):
    pairs = people(tmp_path / "p", "preference", {"ada": [0.0, 0.0, 0.5], "ben": [0.0, 0.5, 0.5]})
    with store.opened(pairs) as opened:
        rows = export.rows(opened, "preference")
        assert [(row["chosen"], row["rejected"]) for row in rows] == [("a", "b"), ("b", "a")]
        assert rows[1]["agreement"] == 0.5 and rows[1]["source"] == "people:t:s1"
        with pytest.raises(UsageError, match="do not say which answers are good"):
            export.rows(opened, "completion")
    scored = people(tmp_path / "s", "score", {"ada": [5, 2, 3], "ben": [4, 1, 3]})
    with store.opened(scored) as opened:
        with pytest.raises(UsageError, match="do not say"):
            export.rows(opened, "completion")
        with pytest.raises(UsageError, match="no pairs"):
            export.rows(opened, "preference")
        assert [row["label"] for row in export.rows(opened, "completion", 3)] == [True, False, True]
    empty = people(tmp_path / "e", "score", {"ada": [None, None]})
    with store.opened(empty) as opened, pytest.raises(DataError, match="no judgement"):
        export.rows(opened, "labels")


def test_the_store_goes_on_only_with_the_same_items(tmp_path):
    folder = people(tmp_path / "p", "binary", {"ada": [1, 0, None]})
    people(folder, "binary", {"ada": [1, 0, 1]})  # what stands is not given twice
    with store.opened(folder) as opened:
        assert [label.value for label in opened.labels()] == [1, 0, 1]
        assert opened.undo("ada") == 2
        assert opened.progress("ada").item == 2
        assert opened.add(Label("ada", 2, 0.0))
        assert not opened.add(Label("ada", 2, 1.0))
        assert opened.undo("ben") is None
    with pytest.raises(UsageError, match="other runs"):
        people(folder, "binary", {"ada": [1, 0, 1], "ben": [1, 1, 1]})
    with pytest.raises(UsageError, match="other runs"):
        people(folder, "score", {"ada": [1, 2, 1]})


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough" * 50])
def test_a_damaged_store_is_refused(tmp_path, content):
    (tmp_path / store.FILE).write_bytes(content)
    with pytest.raises(DataError, match=r"is damaged|is of version"), store.opened(tmp_path):
        pass


def test_a_store_of_another_version_is_refused(tmp_path):
    folder = people(tmp_path / "p", "binary", {"ada": [1]})
    connection = sqlite3.connect(folder / store.FILE)
    connection.execute("PRAGMA user_version = 9")
    connection.commit()
    connection.close()
    with pytest.raises(DataError, match="version 9"), store.opened(folder):
        pass


def test_judgements_are_compared_as_runs(tmp_path):
    """Two systems, scored by two people on the same samples: paired by sample."""
    answers = [[Item("t", f"s{n}", "do", (Answer(name, f"{name} {n}"),)) for n in range(40)]
               for name in ("one", "two")]  # fmt: skip
    items = [*answers[0], *answers[1]]
    folder = tmp_path / "people"
    shown = dict.fromkeys(("ada", "ben"), range(len(items)))
    store.create(folder, items, shown, Settings("score", "Good?"), ["one", "two"])
    with store.opened(folder) as opened:
        for number, item in enumerate(items):
            for name in shown:
                value = 2 + (item.answers[0].system == "two") + number % 2
                assert opened.add(Label(name, number, float(value)))
    runs = []
    for system in ("one", "two"):
        runs.append(tmp_path / system)
        done = CliRunner().invoke(
            app, ["import", str(folder), "--model", system, "--out", str(runs[-1])]
        )
        assert done.exit_code == 0, done.output
    (task,) = compare(*runs).tasks
    (metric,) = task.metrics
    assert (task.task, metric.metric, metric.verdict) == ("human", "score", "better")
    assert (metric.baseline.value, metric.candidate.value, metric.difference.n) == (2.5, 3.5, 40)
    verdict = gate(runs[1], runs[0], rules=[{"metric": "human.score", "max_drop": 0.1}])
    assert verdict.verdict == "pass"  # people need no calibration


def test_preferences_as_runs_mirror_each_other(tmp_path):
    folder = people(tmp_path / "p", "preference", {"ada": [0.0, 1.0, 0.0, 0.5], "ben": [0.0] * 4})
    found = {run.model: run.tasks[0] for run in Annotations().read(folder)}
    one = {each.sample.id: each.scores["preferred"] for each in found["one"].records}
    two = {each.sample.id: each.scores["preferred"] for each in found["two"].records}
    assert one == {"t/s0": 1.0, "t/s1": 0.5, "t/s2": 1.0, "t/s3": 0.25}
    assert two == {key: 1 - value for key, value in one.items()}
    empty = people(tmp_path / "e", "binary", {"ada": [None]})
    with pytest.raises(DataError, match="no judgement yet"):
        Annotations().read(empty)
    assert not Annotations().recognises(tmp_path)
