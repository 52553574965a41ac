"""A real model, SmolLM2-135M-Instruct, here and in lm-evaluation-harness: time, memory, agreement.

    LM_EVAL_PYTHON=…/bin/python python benchmarks/smollm2.py FOLDER [--threads N] [--scale X]
        [--dtype bfloat16]

FOLDER is what ``models/make_smollm2.py`` of the shared data makes. Both sides answer the same
requests in float32 (or another ``--dtype``), each as a whole process, in turns; of several rounds
the fastest counts. The ratio of processor times says the same on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

from comparison import Job, Outcome, agreement, lm_eval, ours
from engine import SHARED, best_batch_size
from workloads import Workload, multiple_choice, perplexity

from harness.types import Generate, Request, Sampling

SHOTS, NEW = 3, 256


def main() -> None:
    """Runs both sides in turns and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the model's")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--scale", type=float, default=1.0, help="how much is asked")
    parser.add_argument("--dtype", default="float32", help="of the weights, on both sides")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--tune", action="store_true", help="find lm-eval's best batch size first")
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    parser.add_argument("--alone", action="store_true", help="this side alone")
    parser.add_argument("--out", type=Path, default=Path("smollm2-benchmark.json"))
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for workload in workloads(arguments.folder, SHARED, arguments.scale):
        if arguments.only in workload.name:
            rows.append(measure(workload, arguments))
            arguments.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    show(rows)


def workloads(folder: Path, shared: Path, scale: float) -> list[Workload]:
    """The rows of the table; ``scale`` multiplies how much is asked."""

    def some(count: int) -> int:
        return max(1, round(count * scale))

    return [
        Workload("shared shots", folder, multiple_choice(shared, 1, some(64)), 10.0, 8, 4),
        Workload(
            "shots per question",
            folder,
            multiple_choice(shared, 1, some(32), per_question=True),
            6.0,
            8,
            4,
        ),
        Workload("generation, nothing shared", folder, openings(shared, some(32)), 3.0, 32),
        Workload("GSM8K, 3 shots", folder, gsm8k(shared, some(32)), 3.0, 16),
        Workload("rolling", folder, perplexity(shared, some(24)), 1.2, 4),
    ]


def openings(shared: Path, prompts: int) -> list[Request]:
    """Openings of stories continued by 192 tokens."""
    lines = (shared / "data/lambada/lambada_test_first1500.jsonl").read_text("utf-8").splitlines()
    return [
        Generate(
            " ".join(json.loads(line)["text"].split()[: 20 + place % 9]), Sampling(max_tokens=192)
        )
        for place, line in enumerate(lines[:prompts])
    ]


def gsm8k(shared: Path, questions: int) -> list[Request]:
    """Word problems behind three solved ones, the same for all, up to 256 tokens."""
    lines = (shared / "data/gsm8k/test.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    shots = random.Random(0).sample(rows[questions:], SHOTS)
    solved = "".join(f"Question: {row['question']}\nAnswer: {row['answer']}\n\n" for row in shots)
    return [
        Generate(
            f"{solved}Question: {row['question']}\nAnswer:",
            Sampling(max_tokens=NEW, stop=("Question:",)),
        )
        for row in rows[:questions]
    ]


def measure(workload: Workload, arguments: argparse.Namespace) -> dict[str, Any]:
    """One row: the fastest round of each side, and how far their answers are apart."""
    batch = workload.lm_eval_batch_size
    if arguments.tune and not arguments.alone:
        batch = best_batch_size(workload, arguments.threads)
    options = {"chat_template": "off"}
    job = Job(
        workload.checkpoint, workload.requests, arguments.threads, batch, options, arguments.dtype
    )
    here: list[Outcome] = []
    there: list[Outcome] = []
    for _ in range(arguments.rounds):
        here.append(ours(job))
        if not arguments.alone:
            there.append(lm_eval(job))
    mine = min(here, key=lambda each: each.seconds)
    row: dict[str, Any] = {
        "name": workload.name,
        "requests": len(workload.requests),
        "load": os.getloadavg(),
        "goal": workload.goal,
        "ours": _figures(mine) | {"model": mine.raw["model"], "usage": mine.raw["usage"]},
    }
    if there:
        theirs = min(there, key=lambda each: each.seconds)
        found = agreement(workload.requests, mine.responses, theirs.responses)
        row |= {
            "lm_eval": _figures(theirs) | {"batch_size": batch},
            "speedup": theirs.seconds / mine.seconds,
            "processor_speedup": theirs.processor / mine.processor,
            "worst": found.worst,
            "worst_relative": found.worst_relative,
            "texts_differ": f"{len(found.texts_differ)} of {found.texts}",
        }
    print(f"{workload.name}: {mine.seconds:.1f} s", file=sys.stderr)
    return row


def _figures(outcome: Outcome) -> dict[str, Any]:
    return {
        "seconds": outcome.seconds,
        "processor": outcome.processor,
        "phases_processor": outcome.raw["processor"],
        "peak": outcome.memory["peak"],
    }


def show(rows: list[dict[str, Any]]) -> None:
    """Prints the table."""
    print("| workload | ours | lm-eval | wall | processor | peak | apart | texts that differ |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        mine, theirs = row["ours"], row.get("lm_eval")
        peak = f"{mine['peak'] >> 20}"
        if theirs is None:
            print(f"| {row['name']} | {mine['seconds']:.1f} s | | | | {peak} MiB | | |")
            continue
        print(
            f"| {row['name']} | {mine['seconds']:.1f} s | {theirs['seconds']:.1f} s "
            f"| {row['speedup']:.1f} × | {row['processor_speedup']:.1f} × "
            f"| {peak} / {theirs['peak'] >> 20} MiB | {row['worst']:.1e} | {row['texts_differ']} |"
        )


if __name__ == "__main__":
    main()
