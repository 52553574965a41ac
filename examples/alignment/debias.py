"""Measure a bias, train it away, and prove that nothing else was lost; then overdo it.

    python examples/alignment/debias.py OUT            # the gate passes
    python examples/alignment/debias.py OUT --overdo   # the gate blocks: a guard metric was lost

The demo model prefers stereotyping sentences on purpose. Pairs of sentences that it may learn
from (none of them in the evaluation's sample data) become a preference data set in which the
less stereotyping one is chosen; DPO learns from it. SQuAD and SST-2 stand guard.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from harness_align.api import align
from harness_align.loop import AlignResult
from harness_align.mining import split_sentences
from harness_backends.demo import bias_samples, weights_folder
from harness_backends.demo.examples import Source

GENTLE = {"steps": 100, "learning_rate": 1e-4, "beta": 0.5}
OVERDONE = {"steps": 200, "learning_rate": 1e-2, "beta": 0.01}


def counterfactual_pairs(path: Path, rounds: int = 6) -> Path:
    """Writes pairs: the same beginning, the less stereotyping end before the other."""
    seen: dict[tuple[str, str], dict[str, str]] = {}
    for seed in range(rounds):
        for row in bias_samples.crows_pairs(Source(f"counterfactual {seed}", held_back=False)):
            pair = split_sentences(str(row["sent_less"]), str(row["sent_more"]))
            if pair is not None:
                texts = {"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.rejected}
                seen[str(row["sent_less"]), str(row["sent_more"])] = {
                    name: str(text) for name, text in texts.items()
                }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in seen.values()), encoding="utf-8")
    return path


def debias(out: Path, overdo: bool = False) -> AlignResult:
    """Runs the loop."""
    return align(
        "dpo",
        str(weights_folder()),
        str(counterfactual_pairs(out / "pairs.jsonl")),
        out / ("overdone" if overdo else "gentle"),
        eval_tasks=["crows_pairs.stereotype_share@0.5"],
        guard=["squad.f1", "sst2.accuracy"],
        eval_data="sample",
        # The sentences are scored as plain text, so they are learned as plain text.
        settings={"batch_size": 16, "wrap": False, **(OVERDONE if overdo else GENTLE)},
        quiet=False,
    )


def main() -> int:
    """The exit code is the gate's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--overdo", action="store_true")
    given = parser.parse_args()
    result = debias(given.out, given.overdo)
    print(f"{result.verdict.decision}: {result.verdict.sentence}")
    return result.verdict.exit_code


if __name__ == "__main__":
    sys.exit(main())
