"""How often each interval holds the truth, and how often a bound is wrongly shown to be passed.

    python benchmarks/coverage.py [--repeats 2000] [--only TEXT]

Promised: 95 % intervals hold the truth in at least 93.5 % from n = 50 on, and each of the two
one-sided tests at 5 %, on which a gate blocks or passes, is wrong in at most 6 % at any n.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from harness.stats.compare import infer_paired, paired_bootstrap
from harness.stats.estimates import infer_mean
from harness.stats.inference import Inference, Unknown, decisive
from harness.stats.resampling import infer_bootstrap
from harness_tasks.metrics.choices import binned, calibration_error
from harness_tasks.metrics.classification import OfClasses, expand, f1_macro, matthews

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator], tuple[Inference, float]]


@dataclass(frozen=True, slots=True)
class Setting:
    """A kind of data: each call draws a data set and returns the inference and the truth."""

    name: str
    draw: Draw


@dataclass(frozen=True, slots=True)
class Outcome:
    """Shares of data sets: 95 % interval holds the truth, wrongly shown below it, wrongly above;
    and those for which nothing was shown at all.
    """

    held: float
    below: float
    above: float
    none: float


def outcome(setting: Setting, repeats: int, seed: int = 0) -> Outcome:
    """What becomes of ``repeats`` data sets; tests at the truth itself, one-sided at 5 %."""
    rng = np.random.default_rng(seed)
    tails = []
    none = 0
    for _ in range(repeats):
        inference, truth = setting.draw(rng)
        if isinstance(inference, Unknown):
            none += 1
        else:
            tails.append((inference.below(truth), inference.above(truth)))
    below, above = np.array(tails or [(1.0, 1.0)]).T
    held = np.minimum(below, above) >= 0.025
    share = len(tails) / repeats
    return Outcome(
        float(held.mean()),
        float((below <= 0.05).mean()) * share,
        float((above <= 0.05).mean()) * share,
        none / repeats,
    )


def coverage(setting: Setting, repeats: int, seed: int = 0) -> float:
    """Share of 95 % intervals that hold the truth."""
    return outcome(setting, repeats, seed).held


def settings() -> Iterator[Setting]:
    """Every kind of interval, from n = 50 on."""
    for n in (50, 200):
        yield Setting(f"share, n {n} (Wilson)", lambda rng, n=n: _share(rng, n))
        yield Setting(f"F1-like scores, n {n}", lambda rng, n=n: _scores(rng, n))
        yield Setting(f"paired 0/1, n {n} (exact)", lambda rng, n=n: _paired_shares(rng, n))
        yield Setting(f"paired F1-like, n {n}", lambda rng, n=n: _paired_scores(rng, n))
        yield Setting(f"macro F1, n {n} (bootstrap)", lambda rng, n=n: _macro_f1(rng, n))
        yield Setting(f"perplexity, n {n} (bootstrap)", lambda rng, n=n: _perplexity(rng, n))
        yield Setting(f"macro F1 pairs, n {n} (bootstrap)", lambda rng, n=n: _paired_f1(rng, n))
        yield Setting(f"BLEU-like, n {n} (bootstrap)", lambda rng, n=n: _bleu(rng, n))
        yield Setting(f"BLEU-like pairs, n {n} (bootstrap)", lambda rng, n=n: _paired_bleu(rng, n))
    yield from _small_and_rare()
    for clusters in (5, 10, 25, 50, 100):
        for sizes in ("equal", "uneven", "pareto"):
            for binary in (True, False):
                kind = "0/1" if binary else "numbers"
                yield Setting(
                    f"{kind}, {clusters} {sizes} clusters",
                    lambda rng, c=clusters, s=sizes, b=binary: _clustered(rng, c, s, b),
                )
            yield Setting(
                f"paired 0/1, {clusters} {sizes} clusters",
                lambda rng, c=clusters, s=sizes: _paired_clustered(rng, c, s),
            )


def _small_and_rare() -> Iterator[Setting]:
    for n in (10, 20, 50, 200, 1000):
        yield Setting(f"exact share near 1, n {n}", lambda rng, n=n: _exact_share(rng, n))
        yield Setting(f"paired 0/1, few differ, n {n}", lambda rng, n=n: _few_differ(rng, n))
        yield Setting(f"rare collapse, n {n}", lambda rng, n=n: _collapse(rng, n, 1.0))
        yield Setting(f"rare collapse 0-100, n {n}", lambda rng, n=n: _collapse(rng, n, 100.0))
        yield Setting(f"judge 1-5, n {n}", lambda rng, n=n: _judge(rng, n))
        yield Setting(f"win rate with ties, n {n}", lambda rng, n=n: _wins(rng, n))
    for n in (50, 200, 1000):
        yield Setting(f"lognormal, n {n}", lambda rng, n=n: _lognormal(rng, n))
        yield Setting(f"lognormal above 0, n {n}", lambda rng, n=n: _lognormal(rng, n, (0, np.inf)))
        yield Setting(f"t of 3, n {n}", lambda rng, n=n: _t_of_three(rng, n))
        yield Setting(f"Brier, n {n}", lambda rng, n=n: _brier(rng, n))
        yield Setting(f"ECE, calibrated, n {n}", lambda rng, n=n: _ece(rng, n, 1.0))
        yield Setting(f"ECE, overconfident, n {n}", lambda rng, n=n: _ece(rng, n, 0.85))
        yield Setting(f"ECE pairs, n {n}", lambda rng, n=n: _paired_ece(rng, n, 1.0))
        yield Setting(
            f"ECE pairs, one overconfident, n {n}", lambda rng, n=n: _paired_ece(rng, n, 0.85)
        )
        for rare in (0.05, 0.02):
            yield Setting(f"MCC, {rare:.0%}, n {n}", lambda rng, n=n, r=rare: _mcc(rng, n, r))
            yield Setting(
                f"MCC pairs, {rare:.0%}, n {n}", lambda rng, n=n, r=rare: _paired_mcc(rng, n, r)
            )
            yield Setting(
                f"macro F1 pairs, {rare:.0%}, n {n}", lambda rng, n=n, r=rare: _rare_f1(rng, n, r)
            )


# --------------------------------------------------------------------------- data


def _exact_share(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    truth = rng.choice([0.9, 0.95, 0.98])
    return decisive(infer_mean((rng.random(n) < truth).astype(float))), float(truth)


def _few_differ(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    kind = rng.random(n)
    lost, gained = (kind < 0.02).astype(float), ((kind > 0.5) & (kind < 0.505)).astype(float)
    return infer_paired(np.where(gained == 1, 0.0, 1.0), 1 - lost), 0.005 - 0.02


def _collapse(rng: np.random.Generator, n: int, scale: float) -> tuple[Inference, float]:
    before = rng.beta(5, 2, n)
    collapsed = rng.random(n) < 0.04
    after = np.where(collapsed, 0.0, np.clip(before + rng.normal(0, 0.005, n), 0, 1))
    bounds = (0.0, 1.0) if scale == 1 else None
    return infer_paired(scale * before, scale * after, bounds=bounds), -0.04 * scale * 5 / 7


def _judge(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    before, after = rng.choice(5, n, p=[0.02, 0.03, 0.05, 0.3, 0.6]) + 1.0, 0.0
    after = np.where(rng.random(n) < 0.05, 1.0, before)
    return infer_paired(before, after, bounds=(1, 5)), 0.05 * (1 - 4.43)


def _wins(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    return infer_mean(rng.choice([0.0, 0.5, 1.0], n, p=[0.05, 0.8, 0.15])), 0.55


def _lognormal(
    rng: np.random.Generator, n: int, bounds: tuple[float, float] | None = None
) -> tuple[Inference, float]:
    return infer_mean(rng.lognormal(0, 1, n), bounds=bounds), float(np.exp(0.5))


def _t_of_three(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    return infer_mean(rng.standard_t(3, n)), 0.0


def _brier(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    sure = rng.uniform(0.5, 1, n)
    right = rng.random(n) < sure
    return infer_mean(2 * (right - sure) ** 2, bounds=(0, 2)), 1 / 3


def _confidences(rng: np.random.Generator, n: int) -> Array:
    return np.asarray(rng.beta(4, 2, n) * 0.75 + 0.25)


@cache
def _true_ece(honesty: float) -> float:
    sure = _confidences(np.random.default_rng(0), 200_000)
    statistics = binned(np.stack([sure, honesty * sure], axis=1))
    return float(calibration_error.plain(statistics.sum(axis=0, keepdims=True))[0])


def _ece(rng: np.random.Generator, n: int, honesty: float) -> tuple[Inference, float]:
    sure = _confidences(rng, n)
    right = (rng.random(n) < honesty * sure).astype(float)
    statistics = binned(np.stack([sure, right], axis=1))
    seed = int(rng.integers(2**31))
    return infer_bootstrap(statistics, calibration_error, seed=seed), _true_ece(honesty)


def _paired_ece(rng: np.random.Generator, n: int, honesty: float) -> tuple[Inference, float]:
    chance = rng.random(n)
    sides = []
    for each in (1.0, honesty):
        sure = _confidences(rng, n)
        sides.append(binned(np.stack([sure, chance < each * sure], axis=1)))
    inference, _ = paired_bootstrap(*sides, calibration_error, seed=int(rng.integers(2**31)))
    return inference, _true_ece(honesty)


def _classified(rng: np.random.Generator, truth: Array, found: float) -> Array:
    return np.where(truth == 1, rng.random(len(truth)) < found, rng.random(len(truth)) < 0.01)


def _true_mcc(rare: float, found: float) -> float:
    tp, fn, fp, tn = rare * found, rare * (1 - found), (1 - rare) * 0.01, (1 - rare) * 0.99
    return float((tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


def _counts(truth: Array, predicted: Array) -> Array:
    return expand(np.stack([truth, predicted, np.full(len(truth), 2)], axis=1).astype(float))


def _mcc(rng: np.random.Generator, n: int, rare: float) -> tuple[Inference, float]:
    truth = rng.random(n) < rare
    seed = int(rng.integers(2**31))
    statistics = _counts(truth, _classified(rng, truth, 0.8))
    return infer_bootstrap(statistics, OfClasses(matthews), seed=seed), _true_mcc(rare, 0.8)


def _paired_mcc(rng: np.random.Generator, n: int, rare: float) -> tuple[Inference, float]:
    truth = rng.random(n) < rare
    before = _classified(rng, truth, 0.8)
    after = before & ~(truth & (rng.random(n) < 0.25))
    seed = int(rng.integers(2**31))
    inference, _ = paired_bootstrap(
        _counts(truth, before), _counts(truth, after), OfClasses(matthews), seed=seed
    )
    return inference, _true_mcc(rare, 0.6) - _true_mcc(rare, 0.8)


@cache
def _true_rare_f1(rare: float, found: float) -> float:
    rng = np.random.default_rng(0)
    truth = rng.random(2_000_000) < rare
    sums = _counts(truth, _classified(rng, truth, found)).sum(axis=0, keepdims=True)
    return float(f1_macro(sums)[0])


def _rare_f1(rng: np.random.Generator, n: int, rare: float) -> tuple[Inference, float]:
    truth = rng.random(n) < rare
    before = _classified(rng, truth, 0.8)
    after = before & ~(truth & (rng.random(n) < 0.25))
    seed = int(rng.integers(2**31))
    statistics = _counts(truth, before), _counts(truth, after)
    inference, _ = paired_bootstrap(*statistics, OfClasses(f1_macro), seed=seed)
    return inference, _true_rare_f1(rare, 0.6) - _true_rare_f1(rare, 0.8)


def _share(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    # Over many true shares: at one share, the coverage of any interval for a count is jagged.
    truth = rng.uniform(0.05, 0.95)
    return infer_mean((rng.random(n) < truth).astype(float)), truth


def _f1_like(rng: np.random.Generator, n: int) -> Array:
    kind = rng.random(n)
    return np.where(kind < 0.3, 0.0, np.where(kind < 0.6, 1.0, rng.beta(2, 2, n)))


def _scores(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    return infer_mean(_f1_like(rng, n)), 0.5


def _paired_shares(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    lost, gained = rng.uniform(0.02, 0.2, 2)
    kind = rng.random(n)
    before = (kind < lost + 0.4).astype(float)
    after = ((kind >= lost) & (kind < lost + 0.4 + gained)).astype(float)
    return infer_paired(before, after), gained - lost


def _paired_scores(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    before = _f1_like(rng, n)
    redrawn = rng.random(n) < 0.3
    return infer_paired(before, np.where(redrawn, _f1_like(rng, n), before)), 0.0


def _confusion(rng: np.random.Generator, positive: Array, right: float) -> Array:
    correct = rng.random(len(positive)) < right
    said = np.where(correct, positive, ~positive)
    return np.stack(
        [positive & said, ~positive & said, positive & ~said, ~positive & ~said], axis=1
    ).astype(float)


def macro_f1(sums: Array) -> Array:
    """Macro F1 of two classes from sums of (tp, fp, fn, tn)."""
    tp, fp, fn, tn = sums.T
    with np.errstate(invalid="ignore"):
        return (2 * tp / (2 * tp + fp + fn) + 2 * tn / (2 * tn + fp + fn)) / 2


def _true_f1(right: float) -> float:
    wrong = 1 - right
    return float(macro_f1(np.array([[0.3 * right, 0.7 * wrong, 0.3 * wrong, 0.7 * right]]))[0])


def _macro_f1(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    statistics = _confusion(rng, rng.random(n) < 0.3, 0.8)
    return infer_bootstrap(statistics, macro_f1, seed=int(rng.integers(2**31))), _true_f1(0.8)


def _paired_f1(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    positive = rng.random(n) < 0.3
    before, after = _confusion(rng, positive, 0.8), _confusion(rng, positive, 0.75)
    seed = int(rng.integers(2**31))
    inference, _ = paired_bootstrap(before, after, macro_f1, seed=seed)
    return inference, _true_f1(0.75) - _true_f1(0.8)


def _perplexity(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    words = rng.integers(20, 200, n).astype(float)
    loss = words * rng.gamma(25, 3.2 / 25, n)
    statistics = np.stack([loss, words], axis=1)
    seed = int(rng.integers(2**31))
    inference = infer_bootstrap(statistics, lambda s: np.exp(s[:, 0] / s[:, 1]), seed=seed)
    return inference, float(np.exp(3.2))


def _grams(rng: np.random.Generator, quality: Array, length: Array) -> Array:
    """Hypothesis and reference length, then matches and totals of 1- to 4-grams of each text."""
    columns = [length + rng.integers(-2, 2, len(length)), length]
    for order in range(1, 5):
        totals = np.maximum(0, columns[0] - order + 1)
        columns += [rng.binomial(totals, quality**order), totals]
    return np.stack(columns, axis=1).astype(float)


def bleu(sums: Array) -> Array:
    """Corpus BLEU in [0, 1] from sums of ``_grams`` rows (Papineni et al. 2002)."""
    precisions = np.maximum(sums[:, 2::2], 0.5) / np.maximum(sums[:, 3::2], 1)
    brevity = np.minimum(0.0, 1 - sums[:, 1] / sums[:, 0])
    return np.asarray(np.exp(np.log(precisions).mean(axis=1) + brevity))


def _texts(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    return rng.beta(6, 4, n), rng.integers(5, 40, n)


@cache
def _true_bleu(loss: float) -> float:
    rng = np.random.default_rng(0)
    quality, length = _texts(rng, 500_000)
    return float(bleu(_grams(rng, quality * (1 - loss), length).sum(axis=0, keepdims=True))[0])


def _bleu(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    rows = _grams(rng, *_texts(rng, n))
    return infer_bootstrap(rows, bleu, seed=int(rng.integers(2**31))), _true_bleu(0.0)


def _paired_bleu(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    quality, length = _texts(rng, n)
    sides = [_grams(rng, quality * (1 - loss), length) for loss in (0.0, 0.05)]
    inference, _ = paired_bootstrap(*sides, bleu, seed=int(rng.integers(2**31)))
    return inference, _true_bleu(0.05) - _true_bleu(0.0)


def _members(rng: np.random.Generator, clusters: int, sizes: str) -> tuple[Array, list[str | None]]:
    counts = np.full(clusters, 5)
    if sizes == "uneven":
        counts = rng.geometric(0.2, clusters)
    if sizes == "pareto":
        counts = np.ceil(2 * (1 + rng.pareto(1.5, clusters))).astype(int)
    names: list[str | None] = [str(c) for c, count in enumerate(counts) for _ in range(count)]
    return counts, names


def _clustered(
    rng: np.random.Generator, clusters: int, sizes: str, binary: bool
) -> tuple[Inference, float]:
    counts, names = _members(rng, clusters, sizes)
    level = np.repeat(rng.beta(2, 2, clusters), counts)
    noise = rng.random(len(level))
    values = (noise < level).astype(float) if binary else (level + noise) / 2
    return infer_mean(values, names), 0.5


def _paired_clustered(
    rng: np.random.Generator, clusters: int, sizes: str
) -> tuple[Inference, float]:
    counts, names = _members(rng, clusters, sizes)
    lost = np.repeat(rng.beta(2, 14, clusters), counts)
    kind = rng.random(len(lost))
    before = (kind < lost + 0.4).astype(float)
    after = ((kind >= lost) & (kind < lost + 0.5)).astype(float)
    return infer_paired(before, after, names), 0.1 - 0.125


def main() -> None:
    """Prints one line a setting."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--only", default="", help="settings whose name holds this text")
    asked = parser.parse_args()
    error = 1.96 * np.sqrt(0.95 * 0.05 / asked.repeats)
    print(f"{asked.repeats:,} data sets each (± {error:.1%})\n")
    print(f"{'':42} held  wrongly below  wrongly above  no interval")
    for setting in settings():
        if asked.only in setting.name:
            found = outcome(setting, asked.repeats)
            print(
                f"{setting.name:40} {found.held:6.1%} {found.below:14.1%} {found.above:14.1%} "
                f"{found.none:12.1%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
