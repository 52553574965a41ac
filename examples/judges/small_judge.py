"""A small model that talks, judges itself and is judged: is it any good as a judge?

    python examples/judges/small_judge.py CHECKPOINT --llmbar FOLDER [--out runs/small-judge]

CHECKPOINT is a chat model's folder, FOLDER one of LLMBar's sets (``dataset.json``, and
``GPT-4-Swap-result.json`` for the stored judge). Every command is printed before it runs. At the
end stand the figures that docs/judges.md shows.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness import load_run
from harness.types import Estimate

PROMPTS = (
    "Name three colours of the rainbow.",
    "Write one sentence about the sea.",
    "What is the capital of France?",
    "Explain in one sentence why the sky is blue.",
    "Give a friendly greeting for a new colleague.",
    "Which is larger, 7 or 12?",
    "Turn this into a question: You like tea.",
    "Name an animal that can fly.",
    "Write a short slogan for a bakery.",
    "What day comes after Monday?",
    "Say politely that a shop is closed.",
    "List two uses of water.",
)


def main() -> None:
    """Runs all steps and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--llmbar", type=Path, required=True, help="folder with dataset.json")
    parser.add_argument("--out", type=Path, default=Path("runs/small-judge"))
    parser.add_argument("--pairs", type=int, default=100, help="of LLMBar")
    arguments = parser.parse_args()
    steps = Steps(arguments.checkpoint, arguments.out)
    steps.converse()
    steps.judge_itself()
    steps.prepare(arguments.llmbar, arguments.pairs)
    steps.judge_pairs("small", str(arguments.checkpoint))
    steps.judge_pairs("stored", f"replay:{steps.file('stored.jsonl')}")
    steps.repeat()
    print(steps.table())


class Steps:
    """The commands; each leaves a folder or a file in ``out``."""

    def __init__(self, checkpoint: Path, out: Path) -> None:
        self._model, self._out = str(checkpoint), out
        out.mkdir(parents=True, exist_ok=True)

    def file(self, name: str) -> Path:
        """A file of ours."""
        return self._out / name

    def converse(self) -> None:
        """Conversations of several turns, with the model's own answers in between."""
        self._harness("run", "--model", self._model, "--tasks", "chat", "--data", "sample",
                      "--limit", "6", "--set", "chat.max_tokens=48",
                      *self._into("chat"))  # fmt: skip

    def judge_itself(self) -> None:
        """The model grades its answers, five times each, and compares them with drawn ones."""
        rows = [{"id": f"p{n}", "input": text} for n, text in enumerate(PROMPTS)]
        prompts = self._write("prompts.jsonl", rows)
        self._harness(
            "run", "--model", self._model, "--judge", self._model, "--tasks", "judge",
            "--data", f"judge={prompts}", "--set", "judge.answer_tokens=32",
            "--repeats", "5", "--temperature", "0.8", *self._into("itself"),
        )  # fmt: skip
        self._harness(
            "run", "--model", self._model, "--judge", self._model, "--tasks", "arena",
            "--data", f"arena={prompts}", "--set", f"arena.baseline={self.file('itself')}",
            "--set", "arena.answer_tokens=32", *self._into("arena"),
        )  # fmt: skip

    def prepare(self, folder: Path, count: int) -> None:
        """LLMBar's pairs as two saved systems, people's labels, and GPT-4's stored judgements."""
        pairs = json.loads((folder / "dataset.json").read_text("utf-8"))[:count]
        ids = [f"l{n}" for n in range(len(pairs))]
        self._write(
            "pairs.jsonl",
            (
                {"id": i, "input": row["input"], "turns": [row["input"]]}
                for i, row in zip(ids, pairs, strict=True)
            ),
        )
        for system, column in (("first", "output_1"), ("second", "output_2")):
            self._write(
                f"{system}.jsonl",
                ({"id": i, "response": row[column]} for i, row in zip(ids, pairs, strict=True)),
            )
        self._write(
            "labels.jsonl",
            ({"id": i, "value": int(row["label"] == 1)} for i, row in zip(ids, pairs, strict=True)),
        )
        stored = json.loads((folder / "GPT-4-Swap-result.json").read_text("utf-8"))
        said = [
            [row["results"][-1][f"swap = {swap}"]["completion"][0] for swap in (False, True)]
            for row in stored[: len(pairs)]
        ]
        self._write(
            "stored.jsonl",
            ({"id": i, "response": each} for i, each in zip(ids, said, strict=False)),
        )
        self._harness(
            "run", "--model", f"replay:{self.file('second.jsonl')}", "--tasks", "chat",
            "--data", f"chat={self.file('pairs.jsonl')}", *self._into("second"),
        )  # fmt: skip

    def judge_pairs(self, name: str, judge: str) -> None:
        """A judge compares the two systems in both orders, and is calibrated on the labels."""
        self._harness(
            "run", "--model", f"replay:{self.file('first.jsonl')}", "--judge", judge,
            "--tasks", "arena", "--data", f"arena={self.file('pairs.jsonl')}",
            "--set", f"arena.baseline={self.file('second')}", *self._into(name),
        )  # fmt: skip
        self._harness(
            "judge", "calibrate", str(self.file(name)), "--labels", str(self.file("labels.jsonl")),
            "--out", str(self.file(f"{name}.json")),
        )  # fmt: skip

    def repeat(self) -> None:
        """How far scores move when nothing changed."""
        self._harness(
            "noise", self._model, "--tasks", "chat", "--data", "sample", "--limit", "4",
            "--set", "chat.max_tokens=32", "--batch-sizes", "1,8", "--repeats", "2",
            "--temperature", "0.8", "--out", str(self.file("noise")),
        )  # fmt: skip

    def table(self) -> str:
        """The figures as Markdown."""
        figures = ("agreement", "kappa", "consistency", "first_position", "length_bias")
        rows = [f"| judge | {' | '.join(figures)} |", "|---" * (len(figures) + 1) + "|"]
        for name in ("small", "stored"):
            content = json.loads(self.file(f"{name}.json").read_text("utf-8"))
            found = content["criteria"]["win_rate"]["figures"]
            rows.append(
                f"| {name} | {' | '.join(_interval(found.get(each)) for each in figures)} |"
            )
        for name in ("itself", "arena", "small", "stored"):
            task = next(iter(load_run(self.file(name)).result.tasks.values()))
            told = {key: _of(each.estimate) for key, each in task.metrics.items()}
            rows += ["", f"{name}: {told}", *(f"  {note}" for note in task.notes)]
        return "\n".join(rows)

    def _into(self, name: str) -> tuple[str, ...]:
        return "--out", str(self.file(name)), "--format", "console"

    def _write(self, name: str, rows: Iterable[Mapping[str, Any]]) -> Path:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        self.file(name).write_text(text, encoding="utf-8")
        return self.file(name)

    def _harness(self, *words: str) -> None:
        print("\n$ harness", shlex.join(words), flush=True)
        started = time.monotonic()
        done = subprocess.run([sys.executable, "-m", "harness", *words], check=False)
        if done.returncode:
            raise SystemExit(done.returncode)
        print(f"({time.monotonic() - started:.0f} s)", flush=True)


def _interval(found: Mapping[str, float | None] | None) -> str:
    if not found or found["value"] is None:
        return "–"
    ends = "" if found["low"] is None else f" [{found['low']:.2f}, {found['high']:.2f}]"
    return f"{found['value']:.2f}{ends}"


def _of(found: Estimate) -> str:
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


if __name__ == "__main__":
    main()
