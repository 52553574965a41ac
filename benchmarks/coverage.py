"""How often each interval holds the truth, and how often a bound is wrongly shown to be passed.

    python benchmarks/coverage.py [--repeats 2000] [--only TEXT]

Promised: 95 % intervals hold the truth in at least 93.5 % from n = 50 on, and each of the two
one-sided tests at 5 %, on which a gate blocks or passes, is wrong in at most 6 % at any n.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import coverage_of_corpora as corpora
import coverage_of_means as means
import numpy as np

from harness.stats.inference import Inference, Unknown

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
        yield Setting(f"share, n {n} (Wilson)", lambda rng, n=n: means.share(rng, n))
        yield Setting(f"F1-like scores, n {n}", lambda rng, n=n: means.scores(rng, n))
        yield Setting(f"paired 0/1, n {n} (exact)", lambda rng, n=n: means.paired_shares(rng, n))
        yield Setting(f"paired F1-like, n {n}", lambda rng, n=n: means.paired_scores(rng, n))
        yield Setting(
            f"macro F1, n {n} (bootstrap)", lambda rng, n=n: corpora.macro_f1_of_classes(rng, n)
        )
        yield Setting(f"perplexity, n {n} (bootstrap)", lambda rng, n=n: corpora.perplexity(rng, n))
        yield Setting(
            f"macro F1 pairs, n {n} (bootstrap)", lambda rng, n=n: corpora.paired_f1(rng, n)
        )
        yield Setting(
            f"BLEU-like, n {n} (bootstrap)", lambda rng, n=n: corpora.bleu_of_texts(rng, n)
        )
        yield Setting(
            f"BLEU-like pairs, n {n} (bootstrap)", lambda rng, n=n: corpora.paired_bleu(rng, n)
        )
    yield from _small_and_rare()
    for clusters in (5, 10, 25, 50, 100):
        for sizes in ("equal", "uneven", "pareto"):
            for binary in (True, False):
                kind = "0/1" if binary else "numbers"
                yield Setting(
                    f"{kind}, {clusters} {sizes} clusters",
                    lambda rng, c=clusters, s=sizes, b=binary: means.clustered(rng, c, s, b),
                )
            yield Setting(
                f"paired 0/1, {clusters} {sizes} clusters",
                lambda rng, c=clusters, s=sizes: means.paired_clustered(rng, c, s),
            )


def _small_and_rare() -> Iterator[Setting]:
    for n in (10, 20, 50, 200, 1000):
        yield Setting(f"exact share near 1, n {n}", lambda rng, n=n: means.exact_share(rng, n))
        yield Setting(f"paired 0/1, few differ, n {n}", lambda rng, n=n: means.few_differ(rng, n))
        yield Setting(f"rare collapse, n {n}", lambda rng, n=n: means.collapse(rng, n, 1.0))
        yield Setting(f"rare collapse 0-100, n {n}", lambda rng, n=n: means.collapse(rng, n, 100.0))
        yield Setting(f"judge 1-5, n {n}", lambda rng, n=n: means.judge(rng, n))
        yield Setting(f"win rate with ties, n {n}", lambda rng, n=n: means.wins(rng, n))
    for n in (50, 200, 1000):
        yield Setting(f"lognormal, n {n}", lambda rng, n=n: means.lognormal(rng, n))
        yield Setting(
            f"lognormal above 0, n {n}", lambda rng, n=n: means.lognormal(rng, n, (0, np.inf))
        )
        yield Setting(f"t of 3, n {n}", lambda rng, n=n: means.t_of_three(rng, n))
        yield Setting(f"Brier, n {n}", lambda rng, n=n: means.brier(rng, n))
        yield Setting(f"ECE, calibrated, n {n}", lambda rng, n=n: corpora.ece(rng, n, 1.0))
        yield Setting(f"ECE, overconfident, n {n}", lambda rng, n=n: corpora.ece(rng, n, 0.85))
        yield Setting(f"ECE pairs, n {n}", lambda rng, n=n: corpora.paired_ece(rng, n, 1.0))
        yield Setting(
            f"ECE pairs, one overconfident, n {n}",
            lambda rng, n=n: corpora.paired_ece(rng, n, 0.85),
        )
        for rare in (0.05, 0.02):
            yield Setting(
                f"MCC, {rare:.0%}, n {n}", lambda rng, n=n, r=rare: corpora.mcc(rng, n, r)
            )
            yield Setting(
                f"MCC pairs, {rare:.0%}, n {n}",
                lambda rng, n=n, r=rare: corpora.paired_mcc(rng, n, r),
            )
            yield Setting(
                f"macro F1 pairs, {rare:.0%}, n {n}",
                lambda rng, n=n, r=rare: corpora.rare_f1(rng, n, r),
            )


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
