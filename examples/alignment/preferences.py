"""Train a reward model on human preferences, and see whether it learned more than length.

    python examples/alignment/preferences.py MODEL hh-rlhf/harmless-base/test.jsonl.gz OUT

The report gives the accuracy on held-out pairs, on pairs of equal length, and what the untrained
model and simple rules, such as choosing the longer answer, would reach.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness_align.api import align
from harness_align.loop import AlignResult


def reward_model(model: str, data: Path, out: Path, steps: int = 80) -> AlignResult:
    """Trains on three quarters of the prompts, and measures on the rest."""
    return align(
        "reward",
        model,
        str(data),
        out,
        development=0.25,
        settings={"steps": steps, "batch_size": 16, "learning_rate": 1e-3, "max_length": 320},
        quiet=False,
    )


def main() -> int:
    """The exit code is the verdict's: whether it is shown to know more than simple rules."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    result = reward_model(given.model, given.data, given.out)
    print(f"{result.verdict.verdict}: {result.verdict.sentence}")
    for effect in result.effects.estimates:
        estimate = effect.estimate
        print(f"{effect.name}: {estimate.value:.4g} [{estimate.low:.4g}, {estimate.high:.4g}]")
    return result.verdict.exit_code


if __name__ == "__main__":
    sys.exit(main())
