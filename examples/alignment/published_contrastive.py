"""Repair a damaged real model by pairs of its own answers and the whole model's.

    python examples/alignment/published_contrastive.py MODEL DATA OUT [--seed N]
    python examples/alignment/published_contrastive.py MODEL DATA OUT --sft-only   # ablation
    python examples/alignment/published_contrastive.py MODEL DATA OUT --shuffled   # ablation
    python examples/alignment/published_contrastive.py MODEL DATA OUT --rehearse

DATA holds ``squad/squad2_dev_half.json`` and ``hellaswag/hellaswag.json`` as published. The weak
model is MODEL with noise in the weights of its layers. Both answer SQuAD's questions about
articles of the training part; MODEL's answers are the chosen ones, right or wrong: nobody looks at
them. The weak model learns from the pairs, first by SFT on the chosen answers, then by DPO. With
``--sft-only`` all steps are SFT; with ``--shuffled`` a coin decides which answer is chosen: what
is left of the gain then comes from training on anything. The settings were chosen with
``--rehearse``, which never looks at the test part.
"""

from __future__ import annotations

import sys
from pathlib import Path

import published_sets
from published_sets import Trial, turned_by_a_coin, write_hellaswag, write_squad

from harness import ModelConfig, load_plugins
from harness.types import Sampling
from harness_align.api import align
from harness_align.dataset import training_rows
from harness_align.dataset.training_rows import Rows
from harness_align.loop import AlignResult
from harness_align.mining import pairing
from harness_align.preparation import preparing

NOISE = 0.1
"""Standard deviation of the noise, in those of the matrix that it is added to."""
PROMPTS = 250
WORDS = 110
"""Of the longest passage that is learned from."""
ANSWER = Sampling(max_tokens=24)
SFT = {"steps": 40, "learning_rate": 2e-4}
DPO = {"steps": 10, "learning_rate": 5e-5}
SETTINGS = {"adapter": "lora", "batch_size": 8}
ABLATIONS = {"sft-only": "all steps are SFT", "shuffled": "a coin decides which answer is chosen"}


def damaged(model: str, out: Path) -> Path:
    """Writes the model with noise in the matrices of its layers; the same noise every time."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = out / "weak"
    if not (folder / "config.json").exists():
        generator = torch.Generator().manual_seed(0)
        weak = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
        with torch.no_grad():
            for name, weight in weak.named_parameters():
                if weight.dim() == 2 and ".layers." in name:
                    weight += NOISE * weight.std() * torch.randn(weight.shape, generator=generator)
        AutoTokenizer.from_pretrained(model).save_pretrained(folder)
        weak.save_pretrained(folder)
    return folder


def pairs(trial: Trial, weak: Path) -> Path:
    """Writes pairs of the two models' answers; in one ablation a coin turns each round."""
    registry = load_plugins()
    questions = write_squad(trial.data, "train", trial.sets, PROMPTS, WORDS)
    asked = training_rows.convert(
        preparing.read(f"squad={questions}", "prompt", registry, 0), "prompt"
    )
    models = {"strong": ModelConfig(trial.model), "weak": ModelConfig(str(weak))}
    made = pairing.make(pairing.PairSpec(models, ANSWER), asked, registry, print)
    print(pairing.describe(made))
    rows = made.pairs.rows
    if trial.ablation == "shuffled":
        rows = turned_by_a_coin(rows, trial.seed)
    return training_rows.write(trial.sets / "pairs.jsonl", Rows("preference", rows, "pairs"))


def repair(trial: Trial) -> AlignResult:
    """Runs the loop."""
    weak = damaged(trial.model, trial.out)
    steps: dict[str, object] = {
        "sft_steps": SFT["steps"],
        "sft_learning_rate": SFT["learning_rate"],
        **DPO,
    }
    if trial.ablation == "sft-only":
        steps = {"objective": "sft", **SFT, "steps": SFT["steps"] + DPO["steps"]}
    return align(
        "contrastive",
        str(weak),
        pairs(trial, weak),
        trial.folder,
        eval_tasks=["squad.f1"],
        guard=["hellaswag.acc_norm"],
        eval_data={
            "squad": write_squad(trial.data, trial.part, trial.sets, 300),
            "hellaswag": trial.written(write_hellaswag),
        },
        settings={**SETTINGS, **steps},
        seed=trial.seed,
        quiet=False,
    )


if __name__ == "__main__":
    sys.exit(published_sets.main(__doc__, repair, ABLATIONS))
