"""Train a real model on what its own run was unsure of, by DPO, and judge it on other sentences.

    python examples/alignment/published_mined.py MODEL DATA OUT [--seed N]
    python examples/alignment/published_mined.py MODEL DATA OUT --random     # ablation
    python examples/alignment/published_mined.py MODEL DATA OUT --shuffled   # ablation
    python examples/alignment/published_mined.py MODEL DATA OUT --rehearse   # development part

DATA holds ``sst2/dev.tsv`` and ``test.tsv``, and ``hellaswag/hellaswag.json``, as published. The
model is asked about the short sentences of SST-2's published test set (`harness run`). Those that
it hardly decided, as many of either label, become pairs of the right label and the wrong one
(`harness mine --by uncertain --balance`), and these are learned by DPO with LoRA. SST-2's
development set decides, with HellaSwag as the guard. With ``--random`` as many sentences are drawn
by lot: what is left of the gain does not come from mining. With ``--shuffled`` a coin decides which
label is chosen: what is left then comes from training on anything. Settings were chosen on the
development part (``--rehearse``), which is no part of the test part.
"""

from __future__ import annotations

import sys
from pathlib import Path

import published_sets
from published_sets import Trial, turned_by_a_coin, undecided, write_hellaswag, write_sst2

from harness_align.api import align
from harness_align.dataset import training_rows
from harness_align.dataset.training_rows import Rows
from harness_align.loop import AlignResult

PAIRS = 400
WORDS = 16
"""Of the longest sentence that is learned from."""
SETTINGS = {
    "adapter": "lora",
    "steps": 50,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "beta": 0.1,
    # The labels are scored as plain continuations, so they are learned as such.
    "wrap": False,
}


def mined(trial: Trial) -> Path:
    """Writes pairs of labels for sentences that the model hardly decided."""
    found = undecided(trial, PAIRS, WORDS)
    rows = tuple(row for each in found for row in each.rows)
    if trial.ablation == "shuffled":
        rows = turned_by_a_coin(rows, trial.seed)
    path = trial.sets / "pairs.jsonl"
    return training_rows.write(path, Rows("preference", rows, str(path)))


def learn(trial: Trial) -> AlignResult:
    """Runs the loop."""
    return align(
        "dpo",
        trial.model,
        mined(trial),
        trial.folder,
        eval_tasks=["sst2.accuracy"],
        guard=["hellaswag.acc_norm"],
        eval_data={
            "sst2": trial.written(write_sst2),
            "hellaswag": trial.written(write_hellaswag),
        },
        settings=SETTINGS,
        seed=trial.seed,
        quiet=False,
    )


if __name__ == "__main__":
    ablations = {
        "random": "as many sentences, drawn by lot",
        "shuffled": "a coin decides which label is chosen",
    }
    sys.exit(published_sets.main(__doc__, learn, ablations))
