"""Teach a weak model by a strong one's answers, without an annotator.

    python examples/alignment/contrastive.py OUT [--weak CHECKPOINT]

The demo model is the strong one; the weak one is an earlier checkpoint of it, trained here for a
few hundred steps unless one is given. Both answer questions about passages; the strong model's
answers are the chosen ones, right or wrong: nobody looks at them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness import plugins
from harness.config import RunSpec
from harness.types import Sampling
from harness_align import data, pairing
from harness_align.api import align
from harness_align.data import Row, Rows
from harness_align.loop import AlignResult
from harness_backends.demo import train, weights_folder
from harness_backends.demo.examples import Source
from harness_backends.demo.families import qa


def questions(count: int, seed: str = "contrastive") -> Rows:
    """Prompts about passages that are in no sample data."""
    source = Source(seed, held_back=False)
    prompts: dict[str, None] = {}
    while len(prompts) < count:
        prompts.setdefault(qa.example(source).prompt)
    return Rows("prompt", tuple(Row(i, text) for i, text in enumerate(prompts, 1)), "questions")


def earlier_checkpoint(out: Path, steps: int = 400) -> Path:
    """The demo model's training, stopped early."""
    folder = out / "weak"
    if not (folder / "config.json").exists():
        train.run(train.Settings(steps=steps), folder)
    return folder


def contrast(out: Path, weak: Path | None = None, prompts: int = 400) -> AlignResult:
    """Makes the pairs and runs the loop from the weak model."""
    weak = weak or earlier_checkpoint(out)
    models = {
        role: RunSpec(str(model), ("questions",))
        for role, model in (("strong", weights_folder()), ("weak", weak))
    }
    spec = pairing.PairSpec(models, Sampling(max_tokens=24, temperature=0.7))
    made = pairing.make(spec, questions(prompts), plugins.load(), print)
    print(pairing.describe(made))
    return align(
        "contrastive",
        str(weak),
        str(data.write(out / "pairs.jsonl", made.pairs)),
        out / "aligned",
        eval_tasks=["squad.f1"],
        guard=["sst2.accuracy"],
        eval_data="sample",
        settings={
            "sft_steps": 250,
            "sft_learning_rate": 2e-3,
            "steps": 40,
            "batch_size": 16,
            "learning_rate": 1e-4,
            "max_length": 512,
            "max_new_tokens": 24,
        },
        quiet=False,
    )


def main() -> int:
    """The exit code is the gate's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weak", type=Path)
    given = parser.parse_args()
    result = contrast(given.out, given.weak)
    print(f"{result.verdict.decision}: {result.verdict.sentence}")
    return result.verdict.exit_code


if __name__ == "__main__":
    sys.exit(main())
