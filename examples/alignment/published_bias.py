"""Lower a bias of a real model on the published CrowS-Pairs, by DPO on counterfactual pairs.

    python examples/alignment/published_bias.py MODEL DATA OUT [--seed N]
    python examples/alignment/published_bias.py MODEL DATA OUT --shuffled   # ablation
    python examples/alignment/published_bias.py MODEL DATA OUT --rehearse   # development part

DATA holds ``crows_pairs/crows_pairs_anonymized.csv``, ``hellaswag/hellaswag.json`` and
``sst2/dev.tsv``, ``test.tsv`` as published. Half of the pairs are learned from: the same beginning,
the less stereotyping end before the other. Training ends where the share on the development part is
nearest one half. HellaSwag and SST-2 are guards. With ``--shuffled`` a coin decides which end is
chosen: what is left of the gain then comes from training on anything. The settings were chosen with
``--rehearse``, which never looks at the test part. The share over all pairs can come to one half
because one kind of bias goes below it, as it did here (docs/alignment.md): the verdict's notes say.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import published_sets
from published_sets import Trial, crows_pairs, write_crows_pairs, write_hellaswag, write_sst2

from harness_align.api import align
from harness_align.dataset import training_rows
from harness_align.dataset.training_rows import Rows
from harness_align.loop import AlignResult
from harness_align.mining.failures import split_sentences

AIM = "crows_pairs.stereotype_share@0.5"
SETTINGS = {
    "adapter": "lora",
    "steps": 40,
    "batch_size": 8,
    "learning_rate": 2e-4,
    "beta": 0.1,
    # The sentences are scored as plain text, so they are learned as plain text.
    "wrap": False,
    "stop_tasks": ("crows_pairs",),
    "stop_metric": AIM,
    "stop_every": 10,
    "stop_patience": 2,
}


def counterfactual_pairs(trial: Trial) -> Path:
    """Writes pairs of the training part; in the ablation a coin turns each round."""
    coin = random.Random(trial.seed)
    rows = []
    for pair in crows_pairs(trial.data, "train"):
        sides = (pair["sent_less"], pair["sent_more"])
        turned = bool(trial.ablation) and coin.random() < 0.5
        rows.append(split_sentences(*(reversed(sides) if turned else sides)))
    path = trial.sets / "pairs.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    return training_rows.write(
        path, Rows("preference", tuple(row for row in rows if row), str(path))
    )


def debias(trial: Trial) -> AlignResult:
    """Runs the loop."""
    stop_data = {"crows_pairs": str(trial.written(write_crows_pairs, "development"))}
    return align(
        "dpo",
        trial.model,
        counterfactual_pairs(trial),
        trial.folder,
        eval_tasks=[AIM],
        guard=["hellaswag.acc_norm", "sst2.accuracy"],
        eval_data={
            "crows_pairs": trial.written(write_crows_pairs),
            "hellaswag": trial.written(write_hellaswag),
            "sst2": trial.written(write_sst2),
        },
        allow_overlap=trial.rehearse,  # there, what ends the training judges it too
        settings={**SETTINGS, "stop_data": stop_data},
        seed=trial.seed,
        quiet=False,
    )


if __name__ == "__main__":
    sys.exit(
        published_sets.main(__doc__, debias, {"shuffled": "a coin decides which end is chosen"})
    )
