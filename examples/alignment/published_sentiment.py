"""RLOO on a real model with a reward that is checked exactly: the sentiment of SST-2's sentences.

    python examples/alignment/published_sentiment.py MODEL DATA OUT [--seed N]
    python examples/alignment/published_sentiment.py MODEL DATA OUT --shuffled   # ablation
    python examples/alignment/published_sentiment.py MODEL DATA OUT --rehearse

DATA holds ``sst2/dev.tsv`` and ``test.tsv``, and ``hellaswag/hellaswag.json``, as published. The
model writes its answer; the reward is SST-2's own score of it, so an answer that names neither
sentiment, or both, earns nothing. It learns on short sentences of SST-2's test set that it hardly
decides, as many of either label, since answers that are all right, or all wrong, teach nothing. It
is judged on the development set, with HellaSwag as the guard. With ``--shuffled`` every label was
drawn by a coin: what is left of the gain then comes from the form of the answer alone.
``--rehearse`` never looks at the test part.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import published_sets
from published_sets import Trial, undecided, write_hellaswag, write_sst2

from harness_align.api import align
from harness_align.loop import AlignResult
from harness_tasks.sentiment import SST2_LABELS

SENTENCES = 400
WORDS = 16
"""Of the longest sentence that is learned from."""
ANSWER = 2
"""Tokens of the longest answer."""
SETTINGS = {
    "adapter": "lora",
    "steps": 40,
    "batch_size": 64,
    "generations": 4,
    "learning_rate": 2e-4,
    "beta": 0.02,
    "max_new_tokens": ANSWER,
    # Answers continue the plain text, which takes half of the tokens of a conversation.
    "wrap": False,
}


def sentences(trial: Trial) -> Path:
    """Writes the sentences to learn from as SST-2 is published; in the ablation a coin labels."""
    coin = random.Random(trial.seed)
    lines = []
    for each in undecided(trial, SENTENCES, WORDS):
        sample = each.record.sample
        label = SST2_LABELS.index(sample.targets[0])
        lines.append(f"{sample.input}\t{coin.randrange(2) if trial.ablation else label}\n")
    path = trial.sets / "sentences.tsv"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def reinforce(trial: Trial) -> AlignResult:
    """Runs the loop."""
    return align(
        "rlhf",
        trial.model,
        f"sst2={sentences(trial)}",
        trial.folder,
        eval_tasks=["sst2.accuracy"],
        guard=["hellaswag.acc_norm"],
        eval_data={
            "sst2": trial.written(write_sst2),
            "hellaswag": trial.written(write_hellaswag),
        },
        evaluation={
            "backend_settings": {"chat_template": "off"},
            "task_settings": {"sst2": {"scoring": "generate", "max_tokens": ANSWER}},
        },
        reward="task:sst2",
        settings=SETTINGS,
        seed=trial.seed,
        quiet=False,
    )


if __name__ == "__main__":
    sys.exit(published_sets.main(__doc__, reinforce, {"shuffled": "labels that a coin decides"}))
