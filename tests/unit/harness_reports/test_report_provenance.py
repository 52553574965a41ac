from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.types import RunResult
from harness_reports.provenance import Provenance, read


def test_all_of_run_json_is_shown(run_folder: tuple[RunResult, Path]) -> None:
    made = read(run_folder[1])
    assert made.command.startswith("harness run --model ./ckpt")
    assert made.git_commit == "0123456789abcdef"
    rows = {f"{facts.title}: {name}": text for facts in made.sections for name, text in facts.rows}
    assert rows["Specification: tasks"] == "squad, bbq"
    assert rows["Specification: options.squad.template"] == "default"
    assert rows["Package versions: torch"] == "2.13.0"
    assert rows["Seeds: run"] == "0"
    assert "Specification: limit" not in rows


@pytest.mark.parametrize("text", [None, "", "[]", "{", "null", "\x00"])
def test_a_missing_or_broken_file_is_not_an_error(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    assert read(tmp_path) == Provenance()


def test_odd_values_are_shown_as_they_are(tmp_path: Path) -> None:
    data = {
        "command": ["harness", "run"],
        "started": "yesterday",
        "finished": 7,
        "spec": [1, 2],
        "seeds": {"run": 0, "nothing": None},
    }
    (tmp_path / "run.json").write_text(json.dumps(data))
    made = read(tmp_path)
    assert made.command == "harness run"
    assert [(facts.title, facts.rows) for facts in made.sections] == [
        ("Seeds", (("run", "0"),)),
        ("Other", (("spec", "[1, 2]"),)),
    ]
