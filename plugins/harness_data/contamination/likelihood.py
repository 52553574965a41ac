"""What a model's likelihoods say of a test set: its order, and originals against variants."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from harness import ask
from harness.errors import ModelError
from harness.protocols import ModelBackend
from harness.stats.estimates import mean, summed_by_cluster
from harness.stats.seeding import seeded
from harness.types import Estimate, Loglikelihood, Logprob, Request, RollingLoglikelihood
from harness_data.contamination.exact_tests import Array, groups_p_value, order_p_value
from harness_data.contamination.items import Item, one_a_cluster

SEPARATOR = "\n\n"
FEWEST_SHARDS = 3
FEWEST_ITEMS = 10


@dataclass(frozen=True, slots=True)
class Tested:
    """What a test found.

    Attributes:
        test: ``order`` or ``min_k``.
        value: What it measured, in words and numbers.
        p_value: One-sided; None where nothing can be said, for the reason in ``why``.
        estimate: Of what was measured, where it has an interval.
        n: Shards, or items.
        why: Why there is no p-value.
    """

    test: str
    value: str
    p_value: float | None
    n: int
    estimate: Estimate | None = None
    why: str = ""


# --------------------------------------------------------------------------- order


def order_test(
    model: ModelBackend,
    name: str,
    items: Sequence[Item],
    *,
    per_shard: int = 5,
    orders: int = 19,
    most_shards: int = 100,
    seed: int = 0,
) -> Tested:
    """Is the published order of the items likelier than others?

    Args:
        model: The model, open.
        name: What the user calls it.
        items: In their published order; of each cluster the first is used.
        per_shard: Items that follow each other in a text.
        orders: Other orders of each shard.
        most_shards: Shards that are looked at.
        seed: Of the orders.
    """
    alone = list(one_a_cluster(items))
    shards = [alone[at : at + per_shard] for at in range(0, len(alone), per_shard)]
    shards = [shard for shard in shards if len(shard) == per_shard][:most_shards]
    if len(shards) < FEWEST_SHARDS:
        why = (
            f"{len(alone)} items of different clusters, and {FEWEST_SHARDS * per_shard} are needed"
        )
        return Tested("order", "", None, len(shards), why=why)
    texts = []
    for number, shard in enumerate(shards):
        rng = seeded("order", seed, number)
        texts += [_joined(shard), *(_joined(_shuffled(shard, rng)) for _ in range(orders))]
    totals = _totals(ask(model, [RollingLoglikelihood(text) for text in texts], name=name), name)
    logprobs = np.array(totals, dtype=np.float64).reshape(len(shards), orders + 1)
    score, p_value = order_p_value(logprobs, seed=seed)
    return Tested("order", f"{score:+.2f} standard deviations", p_value, len(shards))


def _joined(shard: Iterable[Item]) -> str:
    return SEPARATOR.join(item.text for item in shard)


def _shuffled(shard: Sequence[Item], rng: random.Random) -> list[Item]:
    """The items in another order, each as likely, the published one too: a draw is a draw."""
    return rng.sample(list(shard), len(shard))


# --------------------------------------------------------------------------- min-k %


def min_k_test(
    model: ModelBackend,
    name: str,
    items: Sequence[Item],
    control: Sequence[Item],
    *,
    share: float = 0.2,
    most_words: int = 64,
    seed: int = 0,
) -> Tested:
    """Are the least likely words of an item likelier than those of its variants?

    A text's value is the mean log-probability of its least likely words (Min-K %; Shi et al. 2024,
    arXiv:2310.16789; of words, as models differ in their tokens). An item's is its text's less the
    mean of its variants'. Originals are also the more natural texts, and a model that was trained
    on texts of the kind prefers them the more (a model before that training is no measure: in a
    trial it raised a false alarm). So it takes control items of the same kind that the model cannot
    have seen: what is tested is whether it prefers the test set's originals more than theirs.

    Args:
        model: The model, open.
        name: What the user calls it.
        items: Those without variants are left out.
        control: Items that the model did not see; empty: nothing can be tested.
        share: Of the words that are the least likely.
        most_words: Words of a text that are looked at.
        seed: Of the test's draws.
    """
    groups = [[each for each in group if any(each.variants.values())] for group in (items, control)]
    test, others = groups
    if len(test) < FEWEST_ITEMS:
        why = f"{len(test)} items have variants, and {FEWEST_ITEMS} are needed"
        return Tested("min_k", "", None, len(test), why=why)
    own = _preferences(model, name, test, share, most_words)
    clusters = [item.cluster for item in test]
    told = mean(own, clusters)
    value = f"{told.value:+.3f} nats"
    if len(others) < FEWEST_ITEMS:
        why = f"originals are also the more natural texts: name at least {FEWEST_ITEMS} items with "
        why += "variants that the model did not see, with --control"
        return Tested("min_k", value, None, len(test), told, why)
    theirs = _preferences(model, name, others, share, most_words)
    units = _cluster_means(own, clusters)
    of_control = _cluster_means(theirs, [item.cluster for item in others])
    value += f"; {float(theirs.mean()):+.3f} of {len(others):,} control items"
    return Tested("min_k", value, groups_p_value(units, of_control, seed=seed), len(test), told)


def _preferences(
    model: ModelBackend, name: str, items: Sequence[Item], share: float, most_words: int
) -> Array:
    """How much likelier each text's least likely words are than its variants'; shape (n,)."""
    requests: list[Request] = []
    places: list[list[slice]] = []
    for item in items:
        row = []
        for text in (item.text, *(text for of in item.variants.values() for text in of)):
            start = len(requests)
            requests += word_requests(text, most_words)
            row.append(slice(start, len(requests)))
        places.append(row)
    totals = _totals(ask(model, requests, name=name), name)
    values = [[min_k(totals[place], share) for place in row] for row in places]
    return np.array([first - float(np.mean(others)) for first, *others in values])


def word_requests(text: str, most: int) -> list[Request]:
    """What asks the log-probability of each word but the first, after those before it."""
    words = text.split()[:most]
    return [Loglikelihood(" ".join(words[:at]), f" {words[at]}") for at in range(1, len(words))]


def min_k(logprobs: Sequence[float], share: float) -> float:
    """The mean of the lowest ``share`` of the log-probabilities, of one at least."""
    lowest = sorted(logprobs)[: max(1, round(share * len(logprobs)))]
    return float(np.mean(lowest)) if lowest else 0.0


def _cluster_means(values: Array, clusters: Sequence[str | None]) -> Array:
    columns = np.stack([values, np.ones(len(values))], axis=1)
    sums, sizes = summed_by_cluster(columns, clusters).T
    return np.asarray(sums / sizes, dtype=np.float64)


def _totals(responses: Iterable[object], name: str) -> list[float]:
    """The log-probabilities.

    Raises:
        ModelError: The model gave none, or an impossible text.
    """
    found = []
    for response in responses:
        if not isinstance(response, Logprob) or not np.isfinite(response.total):
            said = getattr(response, "reason", "an impossible text")
            raise ModelError(f"{name} gives no log-probability: {said}")
        found.append(response.total)
    return found
