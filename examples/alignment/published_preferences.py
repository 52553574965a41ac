"""SFT, then DPO, on published human preferences, judged against what needs no training.

    python examples/alignment/published_preferences.py MODEL DATA OUT [--seed N]
    python examples/alignment/published_preferences.py MODEL DATA OUT --dpo-only   # ablation
    python examples/alignment/published_preferences.py MODEL DATA OUT --rehearse

DATA holds ``hh_rlhf/harmless-base_test.jsonl.gz`` and ``hellaswag/hellaswag.json`` as published.
One half of the dialogues is learned from but for a quarter of its prompts, on which the verdict
rests: what was learned has to rank those pairs better than the best simple rule, such as the
shorter answer. HellaSwag stands guard. ``--rehearse`` has the other half of the dialogues and never
looks at this one: settings are chosen there. These, the first, gained nothing on it.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import published_sets
from published_sets import Part, Trial, part_of, write_hellaswag

from harness_align.api import align
from harness_align.loop import AlignResult

SETTINGS = {
    "adapter": "lora",
    "sft_steps": 20,
    "sft_learning_rate": 2e-4,
    "steps": 60,
    "learning_rate": 2e-4,
    "batch_size": 8,
    "beta": 0.1,
    "max_length": 192,
    "max_new_tokens": 32,
    "curriculum": "shuffled",
}


def write_dialogues(data: Path, part: Part, folder: Path) -> Path:
    """Writes the dialogues of a half; those with the same first turn lie in one."""
    rows = []
    with gzip.open(data / "hh_rlhf/harmless-base_test.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            first = row["chosen"].split("\n\nAssistant:")[0]
            if (part_of(first) == "train") == (part == "test"):
                rows.append(row)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def prefer(trial: Trial) -> AlignResult:
    """Runs the loop."""
    less = {"sft_steps": 0} if trial.ablation else {}
    result = align(
        "contrastive",
        trial.model,
        trial.written(write_dialogues),
        trial.folder,
        guard=["hellaswag.acc_norm"],
        eval_data={"hellaswag": trial.written(write_hellaswag)},
        settings={**SETTINGS, **less},
        development=0.25,
        samples=300,
        seed=trial.seed,
        quiet=False,
    )
    for effect in result.effects.estimates:
        estimate = effect.estimate
        print(f"{effect.name}: {estimate.value:.4g} [{estimate.low:.4g}, {estimate.high:.4g}]")
    return result


if __name__ == "__main__":
    sys.exit(published_sets.main(__doc__, prefer, {"dpo-only": "no SFT before it"}))
