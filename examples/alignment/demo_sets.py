"""Training, development and test sets of the demo corpus, for the examples beside this file.

The corpus is made of combinations: of a name, a relation and a value, of a sentence and a filler.
Each lies in one of three parts. The test part was kept from the demo model too, and decides;
settings were chosen on the development part; a training learns from the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from demo_model import bias_samples, write_samples
from demo_model.examples import Source, is_held_back
from demo_model.families import stereotypes
from demo_model.families.stereotypes import Pair

Part = Literal["train", "development", "test"]


class PartSource(Source):
    """Seeded choices from one part."""

    def __init__(self, part: Part, seed: str = "alignment") -> None:
        super().__init__(f"{seed} {part}", held_back=part == "test")
        self.part = part

    def allows(self, *parts: str) -> bool:
        """Whether a combination lies in this part."""
        allowed = super().allows(*parts)
        if self.part == "test":
            return allowed
        return allowed and is_held_back("development", *parts) == (self.part == "development")


def write_task(task: str, part: Part, count: int, folder: Path, seed: str = "alignment") -> Path:
    """Writes samples of a task, such as squad or sst2, as its data file."""
    path = folder / f"{task}.{part}.jsonl"
    rows = write_samples.distinct(task, PartSource(part, seed), count)
    folder.mkdir(parents=True, exist_ok=True)
    write_samples.write_jsonl(path, [{"id": f"{task}-{n}", **row} for n, row in enumerate(rows)])
    return path


def sentence_pairs(part: Part, draws: int = 5000) -> list[Pair]:
    """Nearly all pairs of sentences that a part has."""
    source = PartSource(part)
    return list(dict.fromkeys(stereotypes.pair(source) for _ in range(draws)))


def write_crows_pairs(part: Part, folder: Path) -> Path:
    """Writes a part's pairs of sentences as CrowS-Pairs are published."""
    path = folder / f"crows_pairs.{part}.csv"
    folder.mkdir(parents=True, exist_ok=True)
    pairs = sentence_pairs(part)
    rows = (bias_samples.crows_pairs_row(pair, number) for number, pair in enumerate(pairs))
    bias_samples.write_crows_pairs(path, rows)
    return path
