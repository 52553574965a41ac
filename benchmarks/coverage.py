"""How often each interval holds the truth: 95 % is promised, within a point, from n = 50 on.

python benchmarks/coverage.py [--repeats 10000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stats.compare import infer_paired, paired_bootstrap
from harness.stats.estimates import infer_bootstrap, infer_mean
from harness.stats.inference import Inference

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator], tuple[Inference, float]]


@dataclass(frozen=True, slots=True)
class Setting:
    """A kind of data: each call draws a data set and returns the inference and the truth."""

    name: str
    draw: Draw


def coverage(setting: Setting, repeats: int, seed: int = 0) -> float:
    """Share of 95 % intervals that hold the truth."""
    rng = np.random.default_rng(seed)
    held = 0
    for _ in range(repeats):
        inference, truth = setting.draw(rng)
        # The interval holds what neither of its one-sided tests rejects.
        held += min(inference.below(truth), inference.above(truth)) >= 0.025
    return held / repeats


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
    for clusters in (25, 50, 100):
        for sizes in ("equal", "uneven"):
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


# --------------------------------------------------------------------------- data


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


def _members(rng: np.random.Generator, clusters: int, sizes: str) -> tuple[Array, list[str | None]]:
    counts = rng.geometric(0.2, clusters) if sizes == "uneven" else np.full(clusters, 5)
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
    """Prints one line a kind of interval."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=10_000)
    repeats = parser.parse_args().repeats
    error = 1.96 * np.sqrt(0.95 * 0.05 / repeats)
    print(f"coverage of 95 % intervals over {repeats:,} data sets (± {error:.1%})\n")
    for setting in settings():
        print(f"{setting.name:42} {coverage(setting, repeats):6.1%}", flush=True)


if __name__ == "__main__":
    main()
