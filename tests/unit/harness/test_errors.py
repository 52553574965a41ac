"""What an error suggests in place of a name that there is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import parse_gate
from harness.config import read_config
from harness.errors import ConfigError, UnknownNameError, suggestion


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("sqaud", ["squad", "sst2"], "Did you mean squad?"),
        ("MMLU", ["mmlu", "hellaswag"], "Did you mean mmlu?"),
        ("aradice", ["AraDiCE", "x"], "Did you mean AraDiCE?"),
        ("MmLu", ["mmlu", "MMLU"], "Did you mean MMLU or mmlu?"),
        ("zzz", ["b", "a"], "Known: a, b."),
        ("zzz", [f"n{n:03}" for n in range(70)], "n059 and 10 more."),
        ("zzz", [f"n{n:03}" + "-" * 96 for n in range(70)], "- and 61 more."),
        ("zzz", [], "None are available."),
    ],
)
def test_the_nearest_names_whatever_their_case_else_what_there_is(name, known, said) -> None:
    assert suggestion(name, known).endswith(said)
    assert str(UnknownNameError("task", name, known)).endswith(said)


def test_keys_of_files_are_suggested_whatever_their_case(tmp_path: Path) -> None:
    file = tmp_path / "harness.toml"
    file.write_text("[run]\nMODEL = 'x'\n")
    with pytest.raises(ConfigError, match=r"Did you mean model\?"):
        read_config(file)
    with pytest.raises(ConfigError, match=r"Did you mean alpha\?"):
        parse_gate({"ALFA": 0.05, "rule": [{"metric": "a.b", "min": 0.5}]})
