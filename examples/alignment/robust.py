"""Find where typing slips turn a model's answers, train on them, and measure what is left of it.

    python examples/alignment/robust.py OUT

The demo model calls a review positive or negative, and some slips of the keyboard turn its answer.
``mine`` takes the variants that broke a right answer as pairs, ``align`` learns from them and, by
``--augment typos``, from further slips in the same reviews, with the accuracy on other reviews as
guard; then base and result are asked the test reviews with slips that neither has seen. The same
as commands:

    harness run --model demo --tasks sst2 --data sst2=train.jsonl --probes typos --out runs/train
    harness mine runs/train --by perturbation --out pairs.jsonl
    harness align --method dpo --model ./demo --data pairs.jsonl --augment typos
    harness run --model aligned/train/model --tasks sst2 --data sst2=test.jsonl --probes typos
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from demo_sets import write_task

from harness import RunSpec, evaluate, read_samples
from harness.authoring.measures import predictions
from harness.stats import estimates
from harness.types import Estimate
from harness_align.api import align
from harness_align.loop import AlignResult
from harness_align.mining import failures
from harness_backends.demo import weights_folder

STRENGTHS = {"typos": {"strength": "0.3,0.6"}}
SETTINGS = {"steps": 120, "learning_rate": 3e-4, "beta": 0.1, "batch_size": 16, "wrap": False}


@dataclass(frozen=True)
class Robust:
    """What the loop found.

    Attributes:
        aligned: The training's verdict; its guard is the accuracy without slips.
        mined: Pairs that were mined.
        before: The base's flip rate on the test reviews.
        after: The result's.
        change: The difference, paired by review.
    """

    aligned: AlignResult
    mined: int
    before: Estimate
    after: Estimate
    change: Estimate


def probed(model: str, data: Path, out: Path) -> Path:
    """Asks a model reviews, as they are and with slips."""
    evaluate(
        RunSpec(
            model,
            ("sst2",),
            data={"sst2": str(data)},
            probes=("typos",),
            task_settings=STRENGTHS,
            formats=(),
            out=out,
        )
    )
    return out


def flips(folder: Path) -> dict[str, float]:
    """Review → the share of its variants that are answered otherwise than itself."""
    said: dict[str, str | None] = {}
    others: dict[str, list[str | None]] = {}
    for record in read_samples(folder, "sst2"):
        chances = predictions.distribution(record.sample, record.requests, record.responses)
        answer = None if chances is None else predictions.chosen(chances)
        if record.probe is None:
            said[record.sample.id] = answer
        else:
            others.setdefault(record.sample.id, []).append(answer)
    return {
        name: sum(each != said[name] for each in found) / len(found)
        for name, found in others.items()
    }


def robust(out: Path, steps: int = SETTINGS["steps"], count: int = 400) -> Robust:
    """Runs the loop."""
    sets = out / "sets"
    train, test = (write_task("sst2", part, count, sets) for part in ("train", "test"))
    base = str(weights_folder())
    mined = failures.mine(probed(base, train, out / "train"), "perturbation")
    pairs, _ = failures.write(out / "pairs.jsonl", mined)
    aligned = align(
        "dpo",
        base,
        str(out / "pairs.jsonl"),
        out / "aligned",
        guard=["sst2.accuracy"],
        eval_data={"sst2": str(test)},
        settings={**SETTINGS, "steps": steps},
        augment=("typos",),
        augment_settings=STRENGTHS,
        quiet=False,
    )
    one = flips(probed(base, test, out / "before"))
    other = flips(probed(str(aligned.checkpoint), test, out / "after"))
    names = [name for name in one if name in other]
    return Robust(
        aligned,
        pairs,
        estimates.mean([one[name] for name in names], bounds=(0.0, 1.0)),
        estimates.mean([other[name] for name in names], bounds=(0.0, 1.0)),
        estimates.mean([other[name] - one[name] for name in names], bounds=(-1.0, 1.0)),
    )


def main() -> int:
    """0 where flips became rarer and no guard was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=SETTINGS["steps"])
    given = parser.parse_args()
    found = robust(given.out, given.steps)
    for name, value in (("before", found.before), ("after", found.after), ("change", found.change)):
        print(f"flip rate {name}: {value.value:.3f} [{value.low:.3f}, {value.high:.3f}]")
    guards = [each for each in found.aligned.aims.rules if each.metric == "sst2.accuracy"]
    for each in guards:
        print(f"guard {each.verdict}: {each.sentence}")
    lost = any(each.verdict == "block" for each in guards)
    return 0 if found.change.high < 0 and not lost else 1


if __name__ == "__main__":
    sys.exit(main())
