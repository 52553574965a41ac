"""Teach a story model to be cheerful: SFT, a reward model, RLOO.

    python examples/alignment/stories.py MODEL OUT

MODEL is a small story model, such as a TinyStories checkpoint. A lexicon scores two sampled
endings of each beginning; the better one is the chosen one. SFT learns the chosen ones, a reward
model learns the pairs, RLOO raises the lexicon's score with the reward model held out.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from dataclasses import replace
from pathlib import Path

from harness import ModelConfig, load_plugins
from harness.types import Generate, Sampling
from harness_align.api import align
from harness_align.evaluation import asking
from harness_align.loop import AlignResult
from harness_align.mining.conversion import spaced
from harness_align.rewards import lexicon_sentiment

LEXICON = "plugin:harness_align.rewards:lexicon_sentiment"
NAMES = ("Lily", "Tom", "Ben", "Anna", "Max", "Sue", "Tim", "Mia", "Sam", "Lucy", "Jack", "Ella")
ANIMALS = ("dog", "cat", "bird", "bear", "rabbit", "frog", "mouse", "fox")
BEGINNINGS = (
    "Once upon a time, there was a {animal} named {name}. {name}",
    "One day, {name} and a {animal}",
    "{name} went to the park with a {animal}. They",
    "The little {animal} saw {name} and",
)
LENGTH = 48


def beginnings(seed: int = 0) -> list[str]:
    """Beginnings of stories, shuffled."""
    made = [
        text.format(animal=animal, name=name)
        for text in BEGINNINGS
        for animal in ANIMALS
        for name in NAMES
    ]
    random.Random(seed).shuffle(made)
    return made


def sampled_pairs(model: str, path: Path) -> Path:
    """Two sampled endings of each beginning; the one that the lexicon prefers is chosen."""
    prompts = beginnings()
    registry = load_plugins()
    config = ModelConfig(model)
    sampling = Sampling(max_tokens=LENGTH, temperature=1.0)
    sides = []
    for seed in (1, 2):
        asked = [Generate(prompt, replace(sampling, seed=seed)) for prompt in prompts]
        sides.append(["" if e is None else e.text for e in asking.texts(config, registry, asked)])
    scores = [lexicon_sentiment(prompts, side) for side in sides]
    rows = []
    for prompt, one, other, a, b in zip(prompts, *sides, *scores, strict=True):
        if a is not None and b is not None and a != b:
            chosen, rejected = (one, other) if a > b else (other, one)
            answers = {"chosen": spaced(prompt, chosen), "rejected": spaced(prompt, rejected)}
            rows.append({"prompt": prompt, **answers})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def cheer(model: str, out: Path) -> AlignResult:
    """SFT on the chosen endings, a reward model of the pairs, and RLOO from there."""
    pairs = str(sampled_pairs(model, out / "pairs.jsonl"))
    tuned = align(
        "sft",
        model,
        pairs,
        out / "sft",
        samples=32,
        settings={"steps": 40, "batch_size": 16, "learning_rate": 1e-4, "max_new_tokens": LENGTH},
        quiet=False,
    )
    learned = align(
        "reward",
        str(tuned.checkpoint),
        pairs,
        out / "reward",
        development=0.25,
        settings={"steps": 100, "batch_size": 16, "learning_rate": 3e-4},
        quiet=False,
    )
    return align(
        "rlhf",
        str(tuned.checkpoint),
        pairs,
        out / "rlhf",
        reward=LEXICON,
        held_out_reward=str(learned.checkpoint),
        development=0.25,
        samples=100,
        settings={
            "steps": 40,
            "batch_size": 32,
            "generations": 8,
            "learning_rate": 3e-4,
            "beta": 0.02,
            "max_new_tokens": LENGTH,
        },
        quiet=False,
    )


def main() -> int:
    """The exit code is the verdict's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    result = cheer(given.model, given.out)
    print(f"{result.verdict.verdict}: {result.verdict.sentence}")
    for effect in result.effects.estimates:
        estimate = effect.estimate
        print(f"{effect.name}: {estimate.value:.4g} [{estimate.low:.4g}, {estimate.high:.4g}]")
    return result.verdict.exit_code


if __name__ == "__main__":
    sys.exit(main())
