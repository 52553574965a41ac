"""Measure a bias, train it away, and prove that nothing else was lost; then overdo it.

    python examples/alignment/debias.py OUT               # the gate passes
    python examples/alignment/debias.py OUT --overdo      # the gate blocks: a guard was lost
    python examples/alignment/debias.py OUT --rehearse    # judged on the development set

The demo model prefers stereotyping sentences on purpose. Pairs of sentences that it may learn
from become a preference data set in which the less stereotyping one is chosen; DPO learns from it
until the bias on the development set is smallest. SQuAD and SST-2 stand guard. The settings were
chosen with --rehearse, which never looks at the test set.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from demo_sets import Part, sentence_pairs, write_crows_pairs, write_task

from harness_align.api import align
from harness_align.dataset import training_rows
from harness_align.dataset.training_rows import Rows
from harness_align.loop import AlignResult
from harness_align.mining.failures import split_sentences
from harness_backends.demo import weights_folder

AIM = "crows_pairs.stereotype_share@0.5"
GENTLE = {"steps": 160, "learning_rate": 1e-4, "beta": 0.5}
OVERDONE = {"steps": 200, "learning_rate": 1e-2, "beta": 0.01}


def counterfactual_pairs(path: Path) -> Path:
    """Writes pairs: the same beginning, the less stereotyping end before the other."""
    rows = [split_sentences(pair.less, pair.more) for pair in sentence_pairs("train")]
    return training_rows.write(
        path, Rows("preference", tuple(row for row in rows if row), str(path))
    )


def debias(out: Path, overdo: bool = False, rehearse: bool = False) -> AlignResult:
    """Runs the loop."""
    part: Part = "development" if rehearse else "test"
    sets = out / "sets"
    settings: dict[str, object] = {**OVERDONE}
    if not overdo:
        stopping = {"crows_pairs": str(write_crows_pairs("development", sets))}
        settings = {
            **GENTLE,
            "stop_tasks": ("crows_pairs",),
            "stop_metric": AIM,
            "stop_data": stopping,
            "stop_every": 20,
            "stop_patience": 3,
        }
    return align(
        "dpo",
        str(weights_folder()),
        str(counterfactual_pairs(sets / "pairs.jsonl")),
        out / ("overdone" if overdo else "gentle"),
        eval_tasks=[AIM],
        guard=["squad.f1", "sst2.accuracy"],
        eval_data={
            "crows_pairs": str(write_crows_pairs(part, sets)),
            "squad": str(write_task("squad", part, 400, sets)),
            "sst2": str(write_task("sst2", part, 400, sets)),
        },
        allow_overlap=rehearse,  # there, what ends the training judges it too
        # The sentences are scored as plain text, so they are learned as plain text.
        settings={"batch_size": 16, "wrap": False, **settings},
        quiet=False,
    )


def main() -> int:
    """The exit code is the gate's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--overdo", action="store_true")
    parser.add_argument("--rehearse", action="store_true", help="on the development set")
    given = parser.parse_args()
    result = debias(given.out, given.overdo, given.rehearse)
    print(f"{result.verdict.verdict}: {result.verdict.sentence}")
    return result.verdict.exit_code


if __name__ == "__main__":
    sys.exit(main())
