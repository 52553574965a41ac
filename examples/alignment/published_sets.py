"""Training, development and test parts of published benchmarks, for the examples beside this file.

A row lies in one part by a hash of its text, so rows with the same text never lie in two. Half of
CrowS-Pairs is learned from; of HellaSwag and SST-2's development set only development and test are
used. SST-2's published test set is what a training on sentiment learns from.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from harness import evaluate
from harness_align.dataset.training_rows import Row
from harness_align.loop import AlignResult
from harness_align.mining import balancing, failures
from harness_align.mining.failures import Mined

Part = Literal["train", "development", "test"]
SHORTEST = frozenset({"Normans", "Computational_complexity_theory", "Force"})
"""Of SQuAD's articles those that are learned from: the shortest passages of the training part.

Its six others are added to the test part's four, which are too few for an interval.
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """One training of an example.

    Attributes:
        model: The checkpoint that is trained.
        data: The folder of the published files.
        out: The folder of all that the example writes.
        seed: Of all that is drawn.
        ablation: Its name; "" for none.
        rehearse: Whether the development part judges, instead of the test part.
    """

    model: str
    data: Path
    out: Path
    seed: int = 0
    ablation: str = ""
    rehearse: bool = False

    @property
    def part(self) -> Part:
        """The part that judges."""
        return "development" if self.rehearse else "test"

    @property
    def folder(self) -> Path:
        """Where the training goes."""
        return self.out / f"{self.ablation or 'whole'}-{self.part}-{self.seed}"

    @property
    def sets(self) -> Path:
        """Where the data go that it is given."""
        return self.out / f"sets-{self.folder.name}"

    def written(self, write: Callable[[Path, Part, Path], Path], part: Part | None = None) -> Path:
        """The file that ``write`` makes of a part; None for the part that judges."""
        return write(self.data, part or self.part, self.sets)


def part_of(text: str) -> Part:
    """The part that a row of this text lies in: 50 % train, 15 % development, 35 % test."""
    place = int(hashlib.sha256(text.encode()).hexdigest(), 16) % 20
    return "train" if place < 10 else "development" if place < 13 else "test"


def part_of_article(title: str) -> Part:
    """The part that an article of SQuAD lies in: 3 train, 3 development, 10 test."""
    part = part_of(title)
    return "test" if part == "train" and title not in SHORTEST else part


def crows_pairs(data: Path, part: Part) -> Iterator[dict[str, str]]:
    """CrowS-Pairs' published rows of a part (Nangia et al. 2020)."""
    with (data / "crows_pairs/crows_pairs_anonymized.csv").open(encoding="utf-8") as file:
        yield from (row for row in csv.DictReader(file) if part_of(row["sent_more"]) == part)


def write_crows_pairs(data: Path, part: Part, folder: Path) -> Path:
    """Writes a part as CrowS-Pairs are published."""
    path = folder / f"crows_pairs.{part}.csv"
    folder.mkdir(parents=True, exist_ok=True)
    rows = list(crows_pairs(data, part))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_hellaswag(data: Path, part: Part, folder: Path, count: int = 200) -> Path:
    """Writes the first questions of a part of HellaSwag."""
    published = json.loads((data / "hellaswag/hellaswag.json").read_text("utf-8"))
    rows: list[Any] = [row for row in published["dev"] if part_of(row["question"]) == part]
    path = folder / f"hellaswag.{part}.json"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**published, "dev": rows[:count]}), encoding="utf-8")
    return path


def write_sst2(data: Path, part: Part, folder: Path, count: int = 400, words: int = 1000) -> Path:
    """Writes the first sentences of a part of SST-2, or of ``train`` all of at most so many words.

    ``train`` is its published test set.
    """
    source = data / "sst2" / ("test.tsv" if part == "train" else "dev.tsv")
    lines = source.read_text("utf-8").splitlines()
    if part != "train":
        # Its training part is unused here: the test part has it as well.
        kept = [line for line in lines if (part_of(line) == "development") == (part != "test")]
        lines = kept[:count]
    else:
        lines = [line for line in lines if len(line.split("\t")[0].split()) <= words]
    path = folder / f"sst2.{part}.tsv"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def undecided(trial: Trial, count: int, words: int) -> list[Mined]:
    """So many sentences of SST-2 that the model hardly decides, as many of either label.

    The ablation ``random`` draws them by lot instead.
    """
    run = trial.sets / "run"
    sentences = {"sst2": write_sst2(trial.data, "train", trial.sets, words=words)}
    evaluate(trial.model, ["sst2"], sentences, seed=trial.seed, out=run, formats=())
    found = failures.mine(run, "uncertain", ["sst2"])
    if trial.ablation == "random":
        random.Random(trial.seed).shuffle(found)
    return balancing.balanced(found, count)


def write_squad(data: Path, part: Part, folder: Path, count: int, words: int = 1000) -> Path:
    """Writes answerable questions of a part's articles, about passages of at most so many words.

    They are taken in turns from the passages, so that many are asked about.
    """
    published = json.loads((data / "squad/squad2_dev_half.json").read_text("utf-8"))
    rounds: dict[int, list[Any]] = {}
    for article in published["data"]:
        if part_of_article(article["title"]) != part:
            continue
        for passage in article["paragraphs"]:
            answerable = [each for each in passage["qas"] if not each["is_impossible"]]
            for number, question in enumerate(answerable):
                if len(passage["context"].split()) <= words:
                    rounds.setdefault(number, []).append((article, passage, question))
    chosen = [each for number in sorted(rounds) for each in rounds[number]][:count]
    articles = [
        {
            "title": article["title"],
            "paragraphs": [{"context": passage["context"], "qas": [question]}],
        }
        for article, passage, question in chosen
    ]
    path = folder / f"squad.{part}.json"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": "v2.0", "data": articles}), encoding="utf-8")
    return path


def turned_by_a_coin(rows: Iterable[Row], seed: int) -> tuple[Row, ...]:
    """Pairs of which a coin decides which answer is the chosen one."""
    coin = random.Random(seed)
    return tuple(
        replace(row, chosen=row.rejected, rejected=row.chosen) if coin.random() < 0.5 else row
        for row in rows
    )


def main(
    doc: str | None, train: Callable[[Trial], AlignResult], ablations: Mapping[str, str]
) -> int:
    """Reads an example's command line and trains; the exit code is the gate's.

    Args:
        doc: What ``--help`` shows.
        train: Runs the loop.
        ablations: Name of each, which is its option → what it does.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    one = parser.add_mutually_exclusive_group()
    for name, does in ablations.items():
        one.add_argument(
            f"--{name}", dest="ablation", action="store_const", const=name, default="", help=does
        )
    parser.add_argument("--rehearse", action="store_true", help="judge on the development part")
    result = train(Trial(**vars(parser.parse_args())))
    print(f"{result.verdict.verdict}: {result.verdict.sentence}")
    return result.verdict.exit_code
