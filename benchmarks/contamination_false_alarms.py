"""False alarms of ``harness contamination`` where a model saw none of the test set.

    python benchmarks/contamination_false_alarms.py --model ./stories260k --data sst2.tsv

Two parts. The tests themselves, on inputs that are drawn under the hypothesis (normal, heavy-tailed
and tied log-probabilities; few and many texts): many trials, without a model. And the whole way on
a real model that never saw the data, which are a text and a label a line: the order test of 40
items in orders drawn at random, the comparison of least likely words of two halves drawn at random,
and how many of the items have half of their n-grams in the other items.

Exits with 1 where a drawn test raises a false alarm more often than its level and one point, or the
whole way more often than that and two Monte-Carlo standard errors, as its trials are fewer.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness import ask, open_model
from harness.protocols import ModelBackend
from harness.types import Logprob, RollingLoglikelihood
from harness_data.contamination import likelihood, overlap
from harness_data.contamination.exact_tests import groups_p_value, order_p_value
from harness_data.contamination.items import Item

Array = NDArray[np.float64]
LEVELS = (0.01, 0.05, 0.1)
DRAWS = 199
"""Of each test: as exact as many, since the levels are multiples of 1/200; only weaker."""
PER_TEXT, TEXTS, ORDERS = 5, 8, 10
DRAWN: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Array]] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "heavy tails": lambda rng, shape: rng.standard_t(1.5, size=shape),
    "skewed": lambda rng, shape: -rng.lognormal(0, 1.5, size=shape),
    "ties": lambda rng, shape: np.round(rng.normal(size=shape)),
}
"""Log-probabilities, whose kind a model chooses."""


def drawn_orders(trials: int) -> Iterator[tuple[str, list[float]]]:
    """p-values of the order test where every order of a text is as likely to be the likeliest."""
    for name, draw in DRAWN.items():
        for texts in (3, TEXTS, 40):
            rng = np.random.default_rng([1, texts])
            # Texts differ in length, and so in the level and the spread of what is compared.
            scale = np.linspace(1, 5, texts)[:, None]
            found = [
                order_p_value(50 * scale + scale * draw(rng, (texts, ORDERS)), DRAWS, number)[1]
                for number in range(trials)
            ]
            yield f"order, {name}, {texts} texts", found


def drawn_groups(trials: int) -> Iterator[tuple[str, list[float]]]:
    """p-values of the comparison of two groups whose values are drawn alike."""
    for name, draw in DRAWN.items():
        for first, second in ((10, 10), (60, 60), (20, 100)):
            rng = np.random.default_rng([2, first])
            found = []
            for number in range(trials):
                values = draw(rng, (first + second,))
                found.append(groups_p_value(values[:first], values[first:], DRAWS, number))
            yield f"min_k, {name}, {first} and {second} items", found


def orders_of_model(model: ModelBackend, items: list[Item], times: int) -> list[float]:
    """p-values where the published order of the items is drawn at random; one batch of requests."""
    texts = []
    for number in range(times):
        rng = random.Random(number)
        chosen = rng.sample(items, PER_TEXT * TEXTS)
        for at in range(0, len(chosen), PER_TEXT):
            text = chosen[at : at + PER_TEXT]
            texts += [
                likelihood.SEPARATOR.join(each.text for each in rng.sample(text, PER_TEXT))
                for _ in range(ORDERS)
            ]
    answers = ask(model, [RollingLoglikelihood(text) for text in texts], cache=False)
    totals = [each.total for each in answers if isinstance(each, Logprob)]
    logprobs = np.array(totals).reshape(times, TEXTS, ORDERS)
    return [order_p_value(each, DRAWS, number)[1] for number, each in enumerate(logprobs)]


def halves_of_model(model: ModelBackend, name: str, items: list[Item], times: int) -> list[float]:
    """p-values where test and control items are halves of one set, drawn at random."""
    rng = random.Random(0)
    shuffled = []
    for item in items:
        words = item.text.split()
        other = " ".join(rng.sample(words, len(words)))
        shuffled.append(Item(item.id, item.text, variants={"shuffled": [other]}))
    values = likelihood._preferences(model, name, shuffled, 0.2, 32)
    drawn = [np.random.default_rng(number).permutation(values) for number in range(times)]
    return [groups_p_value(each[:60], each[60:120], DRAWS, n) for n, each in enumerate(drawn)]


def main() -> int:
    """Measures and prints; 1 where a rate is beyond its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--trials", type=int, default=10_000, help="of the tests, on drawn inputs")
    parser.add_argument("--times", type=int, default=200, help="of the order test on the model")
    given = parser.parse_args()
    sound = True
    for tests in (drawn_orders, drawn_groups):
        for name, found in tests(given.trials):
            sound &= report(name, found, errors=0)
    lines = given.data.read_text("utf-8").splitlines()[:200]
    items = [Item(str(n), line.partition("\t")[0]) for n, line in enumerate(lines)]
    with closing(open_model(given.model)) as model:
        found = halves_of_model(model, given.model, items, given.trials)
        sound &= report(f"min_k on {given.model}", found, errors=2)
        found = orders_of_model(model, items, given.times)
        sound &= report(f"order on {given.model}", found, errors=2)
    half = len(items) // 2
    seen = overlap.overlap(items[:half], [[item.text] for item in items[half:]])
    print(f"overlap: {len(seen.found)} of {len(seen.shares)} items in {half} others")
    return 0 if sound else 1


def report(name: str, p_values: list[float], errors: float) -> bool:
    """Prints how often the p-values are below each level.

    Args:
        name: Of the test and its data.
        p_values: Of the trials.
        errors: Monte-Carlo standard errors that a rate may have above its level and one point.

    Returns:
        Whether all rates are within their limits.
    """
    trials = len(p_values)
    told, sound = [], True
    for level in LEVELS:
        rate = float(np.mean(np.array(p_values) <= level))
        error = (level * (1 - level) / trials) ** 0.5
        sound &= rate <= level + 0.01 + errors * error
        told.append(f"{100 * level:g} %: {100 * rate:.1f} ± {100 * error:.1f} %")
    print(f"{name:36} {trials} trials, at {'; '.join(told)}", flush=True)
    return sound


if __name__ == "__main__":
    sys.exit(main())
