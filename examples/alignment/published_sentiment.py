"""RLOO on a real model with a reward that is checked exactly: the sentiment of SST-2's sentences.

    python examples/alignment/published_sentiment.py MODEL DATA OUT [--seed N]
    python examples/alignment/published_sentiment.py MODEL DATA OUT --shuffled   # ablation
    python examples/alignment/published_sentiment.py MODEL DATA OUT --rehearse

DATA holds ``sst2/dev.tsv`` and ``test.tsv``, and ``hellaswag/hellaswag.json``, as published. The
model writes its answer; the reward is SST-2's own score of it, so an answer that names neither
sentiment, or both, earns nothing. It learns on short sentences of SST-2's test set and is judged on
its development set, with HellaSwag as the guard. With ``--shuffled`` every label was drawn by a
coin: what is left of the gain then comes from the form of the answer alone. ``--rehearse`` never
looks at the test part.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import published_sets
from published_sets import Trial, write_hellaswag, write_sst2

from harness_align.api import align
from harness_align.loop import AlignResult

WORDS = 16
"""Of the longest sentence that is learned from."""
SETTINGS = {
    "adapter": "lora",
    "steps": 30,
    "batch_size": 16,
    "generations": 4,
    "learning_rate": 5e-4,
    "beta": 0.02,
    "max_new_tokens": 8,
}


def with_coin_labels(path: Path, seed: int) -> Path:
    """Writes the same sentences with labels that a coin decides."""
    coin = random.Random(seed)
    sentences = [line.rpartition("\t")[0] for line in path.read_text("utf-8").splitlines()]
    path.write_text(
        "".join(f"{sentence}\t{coin.randrange(2)}\n" for sentence in sentences), encoding="utf-8"
    )
    return path


def reinforce(trial: Trial) -> AlignResult:
    """Runs the loop."""
    train = write_sst2(trial.data, "train", trial.sets, words=WORDS)
    if trial.ablation:
        train = with_coin_labels(train, trial.seed)
    task = {"scoring": "generate", "template": "instruct", "max_tokens": 8}
    return align(
        "rlhf",
        trial.model,
        f"sst2={train}",
        trial.folder,
        eval_tasks=["sst2.accuracy"],
        guard=["hellaswag.acc_norm"],
        eval_data={
            "sst2": trial.written(write_sst2),
            "hellaswag": trial.written(write_hellaswag),
        },
        evaluation={"task_settings": {"sst2": task}},
        reward="task:sst2",
        settings=SETTINGS,
        seed=trial.seed,
        quiet=False,
    )


if __name__ == "__main__":
    sys.exit(published_sets.main(__doc__, reinforce, {"shuffled": "labels that a coin decides"}))
