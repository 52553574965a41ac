"""False alarms of ``harness contamination`` where a model saw none of the test set.

    python benchmarks/contamination_false_alarms.py --model ./stories260k --data sst2.tsv

The data are a text and a label a line. On a real model that never saw them: how often the order
test (of 40 items in orders drawn at random) and the comparison of least likely words (of two halves
drawn at random) find something at 1, 5 and 10 %; and how many of the items have half of their
n-grams in the other items. Exits with 1 where a rate is above its level by more than one point and
two Monte-Carlo standard errors.
"""

from __future__ import annotations

import argparse
import random
import sys
from contextlib import closing
from pathlib import Path

import numpy as np

from harness import ask, open_model
from harness.types import RollingLoglikelihood
from harness_data.contamination import likelihood, overlap
from harness_data.contamination.exact_tests import groups_p_value, order_p_value
from harness_data.contamination.items import Item

LEVELS = (0.01, 0.05, 0.1)


def order_p_values(model: object, items: list[Item], times: int) -> list[float]:
    """The p-values of orders drawn at random; likelihoods of the same orders are shared."""
    found = []
    for number in range(times):
        rng = random.Random(number)
        chosen = rng.sample(items, 40)
        shards = [chosen[at : at + 5] for at in range(0, 40, 5)]
        texts = [
            likelihood.SEPARATOR.join(each.text for each in rng.sample(shard, 5))
            for shard in shards
            for _ in range(10)
        ]
        answers = ask(model, [RollingLoglikelihood(text) for text in texts])  # type: ignore[arg-type]
        logprobs = np.array([answer.total for answer in answers]).reshape(8, 10)  # type: ignore[union-attr]
        found.append(order_p_value(logprobs, 4000, number)[1])
    return found


def main() -> int:
    """Measures and prints; 1 where a rate is beyond its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--times", type=int, default=400)
    given = parser.parse_args()
    lines = given.data.read_text("utf-8").splitlines()[:300]
    items = [Item(str(n), line.partition("\t")[0]) for n, line in enumerate(lines)]
    with closing(open_model(given.model)) as model:
        sound = report("order", order_p_values(model, items, given.times))
        rng = random.Random(0)
        shuffled = []
        for item in items:
            words = item.text.split()
            other = " ".join(rng.sample(words, len(words)))
            shuffled.append(Item(item.id, item.text, variants={"shuffled": [other]}))
        values = likelihood._preferences(model, given.model, shuffled, 0.2, 32)
    found = []
    for number in range(given.times):
        rng_of = np.random.default_rng(number)
        drawn = rng_of.permutation(values)[:120]
        found.append(groups_p_value(drawn[:60], drawn[60:], 2000, number))
    sound &= report("min_k", found)
    half = len(items) // 2
    seen = overlap.overlap(items[:half], [[item.text] for item in items[half:]])
    print(f"overlap: {len(seen.found)} of {len(seen.shares)} items in {half} others")
    return 0 if sound else 1


def limit(level: float, trials: int) -> float:
    """The greatest rate that is taken for the level: a point more, and Monte-Carlo error."""
    return level + 0.01 + 2 * (level * (1 - level) / trials) ** 0.5


def report(name: str, p_values: list[float]) -> bool:
    """Prints how often the p-values are below each level; whether that is within the limits."""
    rates = {level: float(np.mean(np.array(p_values) <= level)) for level in LEVELS}
    limits = {level: limit(level, len(p_values)) for level in LEVELS}
    shares = [f"{100 * at:g} %: {rates[at]:.3f} (limit {limits[at]:.3f})" for at in LEVELS]
    print(f"{name}: {len(p_values)} trials, below " + ", ".join(shares), flush=True)
    return all(rates[at] <= limits[at] for at in LEVELS)


if __name__ == "__main__":
    sys.exit(main())
