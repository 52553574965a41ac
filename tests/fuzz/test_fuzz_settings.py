"""harness.toml and the command line's values: whatever stands there is told in words."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from .mutations import DEEP, LONG_NUMBER, damaged, documents
from .oracle import LONG, SHORT, campaign, replayed, run, told

FILE: Mapping[str, Any] = {
    "run": {
        "model": "anything:x",
        "tasks": ["sst2"],
        "probes": ["case"],
        "limit": 60,
        "seed": 1,
        "num_fewshot": 0,
        "batch_size": 2,
        "dtype": "auto",
        "device": "auto",
        "cache": False,
        "executor": "local",
        "group_by": [],
        "formats": ["json"],
    },
    "data": {"sst2": "rows.jsonl"},
    "set": {},
    "tasks": {"sst2": {"template": "default", "templates": {"mine": "{{ text }}: "}}},
    "probes": {"case": {"kinds": "lower"}},
    "prices": {"x": {"prompt": 1.0, "completion": 2, "cached_prompt": 0.1}},
    "gate": {
        "alpha": 0.05,
        "mode": "fixed",
        "inconclusive": "fail",
        "max_unscored": 0.1,
        "max_missing": 0.0,
        "baseline": "good",
        "series": "main",
        "builds": 9,
        "rule": [
            {"metric": "sst2.accuracy", "max_drop": 0.3, "tier": "blocking"},
            {"metric": "sst2.accuracy", "target": 0.5, "tolerance": 0.4, "tier": "advisory"},
        ],
    },
    "align": {
        "method": "dpo",
        "model": "nowhere",
        "data": "rows.jsonl",
        "eval_tasks": ["sst2"],
        "samples": 4,
        "seed": 0,
        "development": 0.5,
        "settings": {"steps": 1},
    },
}
_RAW = {json.dumps(LONG_NUMBER): "9" * 5000, json.dumps(DEEP): "[" * 3000 + "]" * 3000}


def toml(value: Any) -> str:
    """A JSON value as TOML in one line; what is null is left out."""
    if isinstance(value, dict):
        pairs = (
            f"{json.dumps(str(key))} = {toml(each)}"
            for key, each in value.items()
            if each is not None
        )
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(each) for each in value if each is not None) + "]"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    text = json.dumps(value, ensure_ascii=False)
    return _RAW.get(text, text)


def toml_file(document: Any) -> bytes:
    """A TOML file of a document's tables."""
    if not isinstance(document, dict):
        return toml(document).encode("utf-8", "surrogatepass")
    lines = (
        f"{json.dumps(str(key))} = {toml(value)}\n"
        for key, value in document.items()
        if value is not None
    )
    return "".join(lines).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("amount", [SHORT, LONG])
@pytest.mark.usefixtures("imported")
def test_configuration_files(amount: int, work: Path, plugin: Path) -> None:
    replayed(work, "good", 55)
    (work / "harness.toml").write_bytes(toml_file(FILE))
    loaded = ("--plugin", plugin)
    sound = run("run", *loaded, "--config", "harness.toml", "--out", "x")
    assert sound.code in (0, 1), sound
    assert run("gate", "good").code in (0, 1)
    numbers = itertools.count()

    def check(given: tuple[str, bytes]) -> None:
        command, content = given
        (work / "harness.toml").write_bytes(content)
        if command == "run":
            out = ("--out", work / f"run{next(numbers)}")
            told("run", *loaded, "--config", "harness.toml", *out)
        elif command == "gate":
            told("gate", "good")
        else:
            told(command, *loaded, "--config", "harness.toml")

    whole = toml_file(FILE)
    inputs = st.tuples(
        st.sampled_from(["run", "gate", "gate", "plan", "align"]),
        documents(FILE).map(toml_file) | damaged(whole),
    )
    assert campaign((10, 700)[amount], inputs, check)


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 3000 + "]" * 3000], ids=["long", "deep"])
def test_a_value_that_python_cannot_read(value: str, work: Path) -> None:
    (work / "harness.toml").write_text(f"[gate]\nalpha = {value}\n", "utf-8")
    ended = told("gate", "good")
    assert (ended.code, "harness.toml" in ended.errors) == (2, True), str(ended)


VALUES = (
    *("", " ", "0", "-1", "1", "2", "1e400", "nan", "NaN", "inf", "-inf", "1_0", "0x10", "９"),
    *(
        "9" * 30,
        "9" * 5000,
        "x",
        "x" * 5000,
        "a=b",
        "=",
        "a=",
        "=b",
        "a.b=c",
        "sst2.x=1",
        ",",
        ",,",
    ),
    *("sst2.limit=x", "sst2.template=x", "case.kinds=nan", "sst2.labels=a", "sst2.columns=:"),
    *("sst2=", "sst2=sample", "sst2=nowhere.jsonl", "sst2=.", "sst2=/", "sample", ".", "/", ".."),
    *("good", "good/results.json", "bad.json", "rows.jsonl", "a:b", ":", "::", "anything:", "hf:"),
    *("replay:", "replay:.", "replay:good", "replay:rows.jsonl", "replay:/", "peft:good", "peft:"),
    *("demo:x", "vllm:", "auto", "cpu", "cuda", "float32", "float99", "json", "html,x", "é", "🙈"),
    *(
        "\u202e",
        "\x1b[2J",
        "\udcff",
        "\n",
        "{{ x }}",
        "{%",
        "%s",
        "%",
        "$HOME",
        "~",
        "*",
        "[",
        "\\",
    ),
    *("sst2", "sst2,sst2", "sst2.accuracy", "sst2.accuracy@x", "sst2.nothing@0.5", "bias", "typos"),
)
GIVEN: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "run": (
        ("--model", "anything:x", "--tasks", "sst2", "--data", "sample", "--limit", "2"),
        (
            *("--model", "--tasks", "--data", "--probes", "--limit", "--sample", "--num-fewshot"),
            *("--batch-size", "--dtype", "--device", "--executor", "--seed", "--group-by", "--set"),
            *("--set", "--set", "--config", "--out", "--baseline", "--format"),
        ),
    ),
    "plan": (
        ("--model", "anything:x", "--tasks", "sst2", "--data", "sample"),
        ("--model", "--tasks", "--data", "--probes", "--limit", "--set", "--set", "--config"),
    ),
    "gate": (
        ("good", "--baseline", "good"),
        ("--baseline", "--config", "--format", "--discordance", "--repeat", "--power"),
    ),
    "compare": (("good", "good"), ("--format", "--out")),
    "report": (("good",), ("--format",)),
    "mine": (("good", "--out", "pairs.jsonl"), ("--out", "--by", "--tasks", "--metric", "--limit")),
    "align": (
        ("--method", "dpo", "--model", "nowhere", "--data", "rows.jsonl"),
        (
            *("--method", "--model", "--data", "--out", "--eval-tasks", "--guard", "--eval-data"),
            *("--limit", "--reward", "--held-out-reward", "--judge", "--samples", "--augment"),
            *("--seed", "--set", "--set", "--config", "--accelerate-config"),
        ),
    ),
    "cache": (("prune",), ("--older-than", "--model")),
    "ls": ((), ()),
    "baseline": (("save", "good"), ()),
    "init": ((), ()),
}


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    command = draw(st.sampled_from(sorted(GIVEN)))
    sound, names = GIVEN[command]
    words = list(sound)
    for _ in range(draw(st.integers(1, 2))):
        value = draw(
            st.sampled_from(VALUES) | st.text(st.characters(exclude_characters="\0"), max_size=8)
        )
        if not names or draw(st.integers(0, 5)) == 0:
            words.insert(draw(st.integers(0, len(words))), value)
        else:
            words += [draw(st.sampled_from(names)), value]
    return [command, *words]


@pytest.mark.parametrize("amount", [SHORT, LONG])
@pytest.mark.usefixtures("imported")
def test_values_of_the_command_line(amount: int, work: Path, plugin: Path) -> None:
    replayed(work, "good", 55)
    (work / "harness.toml").write_bytes(toml_file({"gate": {"rule": FILE["gate"]["rule"]}}))

    def check(words: list[str]) -> None:
        told("--plugin", plugin, *words)

    assert campaign((12, 900)[amount], command_lines(), check)
