"""``harness monitor``: alarms as rare as they say, changes found, logs and runs as references."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import MissingExtraError
from harness_data.monitoring import alarms, records, signals
from harness_data.preparation import findings
from support.commands import harness


def exchanges(
    count: int, seed: int, refusing: float = 0.05, words: int = 30
) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    found = []
    for number in range(count):
        refuses = rng.random() < refusing
        answer = (
            "I'm sorry, I can't help with that." if refuses else "word " * rng.randrange(5, words)
        )
        row = {"prompt": f"Question {'x ' * rng.randrange(1, 20)}", "response": answer}
        found.append(
            {**row, "latency": rng.random(), "time": f"2026-01-01T00:00:{number % 60:02d}"}
        )
    return found


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return write(tmp_path / "reference.jsonl", exchanges(400, 1))


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5])
def test_false_alarms_are_as_rare_as_they_say(rate: float) -> None:
    """Reference and production drawn alike, production looked at after every one of 150 values."""
    rng = np.random.default_rng(int(1000 * rate))
    raised = 0
    times = 150
    for _ in range(times):
        values = (rng.random(250) < rate).astype(float)
        with pytest.MonkeyPatch.context() as patch:  # the interval that is shown takes long
            patch.setattr(alarms, "confidence_sequence", lambda *_: (0.0, 1.0))
            found = alarms.watch("x", values[:100], values[100:], 0.1)
        raised += found.alarm is not None
    assert raised / times <= 0.1 + 3 * (0.1 * 0.9 / times) ** 0.5


def test_a_change_is_found_and_told_when() -> None:
    rng = np.random.default_rng(3)
    reference = (rng.random(300) < 0.1).astype(float)
    changed = np.concatenate([rng.random(100) < 0.1, rng.random(200) < 0.6]).astype(float)
    found = alarms.watch("x", reference, changed, 0.01)
    assert 100 < found.alarm < 200
    assert found.higher
    assert np.isnan(found.interval[0])  # no one mean fits before and after
    low, high = alarms.watch("x", reference, changed[100:], 0.01).interval
    assert found.reference_interval[1] < low <= changed[100:].mean() <= high
    turned = alarms.watch("x", 1 - reference, 1 - changed, 0.01)
    assert turned.alarm == found.alarm
    assert not turned.higher
    assert alarms.watch("x", reference, changed, 0.01, tolerance=0.7).alarm is None
    assert alarms.watch("x", reference[: alarms.FEWEST - 1], changed, 0.01) is None
    assert alarms.watch("x", reference, [], 0.01).alarm is None


def test_nothing_new_is_no_alarm_and_more_refusals_are_one(
    reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = write(tmp_path / "same.jsonl", exchanges(200, 2))
    page = tmp_path / "page.html"
    assert harness(f"monitor {same} --against {reference} --out {page}") == 0
    assert "<h1>No alarm</h1>" in page.read_text("utf-8")
    worse = write(tmp_path / "worse.jsonl", exchanges(200, 3, refusing=0.5))
    out = tmp_path / "told.json"
    assert harness(f"monitor {same} {worse} --against {reference} --out {out}") == 1
    told = json.loads(out.read_text("utf-8"))
    assert "refusal" in told["alarms"]
    row = next(row for row in told["rows"] if row["name"] == "refusal")
    assert 200 < row["alarm"] <= 300
    assert "higher, since exchange" in row["verdict"]
    assert "at most 1 % of cases" in told["promise"]
    assert "changed: " in capsys.readouterr().out
    longer = write(tmp_path / "longer.jsonl", exchanges(200, 4, words=90))
    assert harness(f"monitor {longer} --against {reference} --out {out}") == 1
    assert "answer_length_high" in json.loads(out.read_text("utf-8"))["alarms"]


def test_answers_in_another_language_are_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    english = "The library of the old town opens at nine in the morning and closes late."
    german = "Die Bibliothek der alten Stadt öffnet um neun Uhr und schließt erst spät am Abend."

    def rows(count: int, answer: str) -> list[dict[str, Any]]:
        return [{"prompt": f"When, {n}?", "response": f"{answer} {n}"} for n in range(count)]

    reference = write(tmp_path / "reference.jsonl", rows(100, english))
    out = tmp_path / "told.json"
    log = write(tmp_path / "log.jsonl", [*rows(50, english), *rows(60, german)])
    assert harness(f"monitor {log} --against {reference} --out {out}") == 1
    told = {row["name"]: row for row in json.loads(out.read_text("utf-8"))["rows"]}
    assert 50 < told["other_language"]["alarm"] <= 100
    assert told["other_language"]["words"] == "answers in another language than en"

    def missing(_: object) -> None:
        raise MissingExtraError("telling languages", "data")

    monkeypatch.setattr(findings, "languages", missing)
    assert harness(f"monitor {log} --against {reference} --out {out}") == 0
    assert "other_language" not in out.read_text("utf-8")


def test_the_screen_names_each_signal_in_full(
    reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    log = write(tmp_path / "log.jsonl", exchanges(50, 2))
    assert harness(f"monitor {log} --against {reference}") == 0
    shown = capsys.readouterr().out
    assert "prompt_length_high" in shown
    assert "…" not in shown
    few = write(tmp_path / "few.jsonl", exchanges(6, 2))
    page = tmp_path / "page.html"
    assert harness(f"monitor {log} --against {few} --out {page}") == 4
    shown = capsys.readouterr().out
    assert "50 exchanges; nothing could be watched" in shown
    assert "<h1>Nothing watched</h1>" in page.read_text("utf-8")


def test_a_registered_metric_is_watched(tmp_path: Path) -> None:
    def rows(seed: int, right: float) -> list[dict[str, Any]]:
        rng = random.Random(seed)
        found = []
        for _ in range(160):
            number = rng.randrange(100, 999)
            said = number if rng.random() < right else number + 1
            found.append(
                {
                    "prompt": "How many?",
                    "context": f"There are {number}.",
                    "response": f"It is {said}.",
                }
            )
        return found

    reference = write(tmp_path / "reference.jsonl", rows(1, 0.95))
    out = tmp_path / "told.json"
    options = f"--against {reference} --metrics grounding.numbers --out {out}"
    assert harness(f"monitor {write(tmp_path / 'same.jsonl', rows(2, 0.95))} {options}") == 0
    assert harness(f"monitor {write(tmp_path / 'worse.jsonl', rows(3, 0.3))} {options}") == 1
    assert json.loads(out.read_text("utf-8"))["alarms"] == ["number_precision"]


def test_numbers_of_the_log_are_watched(tmp_path: Path) -> None:
    def rows(seed: int, liked: float, quality: int) -> list[dict[str, Any]]:
        rng = random.Random(seed)
        return [
            {**each, "liked": rng.random() < liked, "quality": rng.randrange(quality, quality + 4)}
            for each in exchanges(300, seed)
        ]

    reference = write(tmp_path / "reference.jsonl", rows(1, 0.8, 1))
    out = tmp_path / "told.json"
    options = f"--against {reference} --columns liked,quality --out {out}"
    assert harness(f"monitor {write(tmp_path / 'same.jsonl', rows(2, 0.8, 1))} {options}") == 0
    names = {row["name"] for row in json.loads(out.read_text("utf-8"))["rows"]}
    assert {"liked", "quality_low", "quality_high"} <= names
    assert harness(f"monitor {write(tmp_path / 'worse.jsonl', rows(3, 0.4, 3))} {options}") == 1
    assert json.loads(out.read_text("utf-8"))["alarms"] == ["liked", "quality_high"]


def test_scores_of_a_run_are_watched(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert harness(f"run --model demo --tasks squad --data sample --quiet --out {run}") == 0
    found = records.read(run)
    assert {each.numbers["f1"] for each in found} >= {0.0, 1.0}
    assert [each.name for each in signals.of_columns(["f1", "f1"], found)] == ["f1"]


def test_a_run_is_a_reference(tmp_path: Path) -> None:
    run = tmp_path / "run"
    line = "run --model demo --tasks xsum --data sample --quiet"
    assert harness(f"{line} --out {run}") == 0
    found = records.read(run)
    assert len(found) == 60
    assert all(each.prompt and each.answer for each in found)
    log = write(tmp_path / "log.jsonl", [{"prompt": r.prompt, "response": r.answer} for r in found])
    assert harness(f"monitor {log} --against {run}") == 0
    few = write(tmp_path / "few.jsonl", exchanges(10, 1))
    assert harness(f"monitor {log} --against {few}") == 4


def test_what_is_long_is_set_by_the_reference() -> None:
    found = [records.Record("p", "w " * n, "", {}, None) for n in range(1, 101)]
    named = {each.name: each for each in signals.standard(found)}
    assert sum(named["answer_length_high"].value(each) for each in found) == 10
    assert sum(named["answer_length_low"].value(each) for each in found) == 9
    assert "latency_high" not in named


@pytest.mark.parametrize(
    ("logs", "options", "said"),
    [
        ("nowhere.jsonl", "", "nowhere.jsonl"),
        ("{empty}", "", "no prompts and answers"),
        ("{other}", "", "a row with text"),
        ("{log}", "--metrics nothing", "unknown metric"),
        ("{log}", "--metrics accuracy", "not texts"),
        ("{log}", "--metrics rouge:nothing", "nothing"),
        ("{log}", "--alpha 0", "--alpha"),
        ("{log}", "--columns stars", "unknown number of the reference 'stars'"),
    ],
)
def test_bad_input_is_told(
    logs: str,
    options: str,
    said: str,
    reference: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = {
        "empty": write(tmp_path / "empty.jsonl", []),
        "other": write(tmp_path / "other.jsonl", [{"text": "x"}]),
        "log": write(tmp_path / "log.jsonl", exchanges(5, 1)),
    }
    out = tmp_path / "o.html"
    line = f"monitor {logs.format(**names)} --against {reference} {options} --out {out}"
    assert harness(line) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "unforeseen" not in error
    assert not out.exists()
