"""Memory and processor time a sample: replay, scoring, comparing, judging and reporting.

    python benchmarks/flat_memory.py [--samples 50000,200000] [--folder DIR]

Makes sst2-like rows with saved outputs, and a second set of outputs of which one in a hundred
differs. Each step is a process of its own, which is how users run it. What a sample takes is the
difference between the largest and the smallest number of samples, so that what every process takes
falls out.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LABELS = ("negative", "positive")
OPENINGS = ("The acting", "The second half", "A script that", "This remake", "Every scene")
MIDDLES = ("was said to be", "turned out to be", "has never looked", "is, for once,", "seemed")
ENDINGS = ("clumsy and far too long", "a delight to watch", "thin", "moving", "better than it was")
WRONG, DRAWN_ANEW = 0.2, 0.02
GATE = """[gate]
mode = "fixed"
alpha = 0.05

[[gate.rule]]
metric = "sst2.accuracy"
max_drop = 0.01
"""


@dataclass(frozen=True)
class Taken:
    """What a process took: its largest resident memory in bytes, and its processor seconds."""

    memory: int
    seconds: float


def make(folder: Path, count: int) -> None:
    """Writes the rows, and what two models said of them."""
    rng = random.Random(0)
    with (
        (folder / "rows.jsonl").open("w") as rows,
        (folder / "before.jsonl").open("w") as before,
        (folder / "after.jsonl").open("w") as after,
    ):
        for number in range(count):
            words = (rng.choice(OPENINGS), rng.choice(MIDDLES), rng.choice(ENDINGS))
            name, label = f"review-{number:07d}", rng.choice(LABELS)
            text = f"{' '.join(words)} ({number})."
            rows.write(json.dumps({"id": name, "text": text, "label": label}) + "\n")
            said = rng.choice(LABELS) if rng.random() < WRONG else label
            before.write(json.dumps({"id": name, "response": said}) + "\n")
            said = rng.choice(LABELS) if rng.random() < DRAWN_ANEW else said
            after.write(json.dumps({"id": name, "response": said}) + "\n")
    (folder / "harness.toml").write_text(GATE)


def steps(folder: Path) -> Mapping[str, Sequence[str]]:
    """Step → the command's arguments, in the order in which they are run."""

    def run(name: str) -> list[str]:
        return ["run", "--model", f"replay:{folder / name}.jsonl", "--tasks", "sst2",
                "--data", f"sst2={folder / 'rows.jsonl'}", "--out", str(folder / name)]  # fmt: skip

    before, after = str(folder / "before"), str(folder / "after")
    return {
        "run": run("before"),
        "second run": run("after"),
        "compare": ["compare", before, after],
        "gate": ["gate", after, "--baseline", before, "--config", str(folder / "harness.toml")],
        "report": ["report", after],
    }


def measured(words: Sequence[str], folder: Path) -> Taken:
    """Runs a command of the harness to its end."""
    environment = {**os.environ, "HARNESS_CACHE": str(folder / "cache")}
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "harness", *words],
            cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=environment,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 4):
        raise SystemExit(f"{' '.join(words)}\n{(folder / 'output.txt').read_text()}")
    return Taken(used.ru_maxrss * 1024, used.ru_utime + used.ru_stime)


def main() -> None:
    """Prints a table a number of samples, and what one sample takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", default="50000,200000")
    parser.add_argument("--folder", type=Path, help="where the files go [a temporary folder]")
    given = parser.parse_args()
    counts = sorted(int(each) for each in given.samples.split(","))
    found: dict[str, list[Taken]] = {}
    for count in counts:
        with tempfile.TemporaryDirectory(dir=given.folder) as name:
            folder = Path(name)
            make(folder, count)
            print(f"{count:,} samples")
            for step, words in steps(folder).items():
                begun = time.perf_counter()
                taken = measured(words, folder)
                found.setdefault(step, []).append(taken)
                wall = time.perf_counter() - begun
                print(
                    f"  {step:12} {taken.memory / 2**20:8,.0f} MiB {taken.seconds:8.1f} s of "
                    f"processor time, {wall:.1f} s in all",
                    flush=True,
                )
    if len(counts) < 2:
        return
    more = counts[-1] - counts[0]
    print("a sample")
    for step, each in found.items():
        memory = (each[-1].memory - each[0].memory) / more
        seconds = (each[-1].seconds - each[0].seconds) / more
        print(f"  {step:12} {memory:8,.0f} bytes {seconds * 1e6:8.1f} µs of processor time")


if __name__ == "__main__":
    main()
