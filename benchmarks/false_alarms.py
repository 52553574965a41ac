"""How often an A/A comparison is called different, and a fixed gate blocks at its margin.

    python benchmarks/false_alarms.py [--repeats 2000]

At most 5 % is promised of each but the paired bootstrap, whose p-value, as sacrebleu defines it,
is shown beside the one that comparisons decide by.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stats.compare import (
    approximate_randomization,
    infer_paired,
    mcnemar,
    paired_bootstrap,
    two_sided,
)

Array = NDArray[np.float64]
N = 200
MARGIN = 0.02


@dataclass(frozen=True, slots=True)
class Test:
    """A test of a hypothesis that is true: each call draws a data set and returns its p-value."""

    name: str
    p_value: Callable[[np.random.Generator], float]


def false_alarms(test: Test, repeats: int, seed: int = 0) -> float:
    """Share of p-values up to 5 %."""
    rng = np.random.default_rng(seed)
    return float(np.mean([test.p_value(rng) <= 0.05 for _ in range(repeats)]))


def tests() -> Iterator[Test]:
    """Every test that comparisons and fixed gates use."""
    yield Test("A/A, 0/1: exact McNemar", _mcnemar)
    yield Test("A/A, numbers: paired t", lambda rng: two_sided(infer_paired(*_numbers(rng))))
    yield Test("A/A, 0/1 in clusters: score test", _clustered)
    yield Test("A/A, macro F1: sacrebleu's bootstrap", _bootstrap)
    yield Test("A/A, macro F1: randomization", _randomization)
    yield Test("gate at the margin, 0/1", _gate)
    yield Test("gate at the margin, numbers", _gate_numbers)


def _flips(rng: np.random.Generator, lost: float, gained: float, n: int = N) -> tuple[Array, Array]:
    kind = rng.random(n)
    before = (kind < lost + 0.4).astype(float)
    after = ((kind >= lost) & (kind < lost + 0.4 + gained)).astype(float)
    return before, after


def _mcnemar(rng: np.random.Generator) -> float:
    before, after = _flips(rng, 0.1, 0.1)
    return mcnemar(int((after > before).sum()), int((after < before).sum()))


def _numbers(rng: np.random.Generator) -> tuple[Array, Array]:
    def scores() -> Array:
        kind = rng.random(N)
        return np.where(kind < 0.3, 0.0, np.where(kind < 0.6, 1.0, rng.beta(2, 2, N)))

    before = scores()
    return before, np.where(rng.random(N) < 0.3, scores(), before)


def _clustered(rng: np.random.Generator) -> float:
    lost = np.repeat(rng.beta(2, 14, 50), 4)
    gained = np.repeat(rng.beta(2, 14, 50), 4)
    kind = rng.random(N)
    before = (kind < lost + 0.4).astype(float)
    after = ((kind >= lost) & (kind < lost + 0.4 + gained)).astype(float)
    return two_sided(infer_paired(before, after, [str(index // 4) for index in range(N)]))


def _macro_f1(sums: Array) -> Array:
    tp, fp, fn, tn = sums.T
    return (2 * tp / (2 * tp + fp + fn) + 2 * tn / (2 * tn + fp + fn)) / 2


def _classified(rng: np.random.Generator) -> tuple[Array, Array]:
    positive = rng.random(N) < 0.3

    def statistics() -> Array:
        said = np.where(rng.random(N) < 0.8, positive, ~positive)
        cells = [positive & said, ~positive & said, positive & ~said, ~positive & ~said]
        return np.stack(cells, axis=1).astype(float)

    return statistics(), statistics()


def _bootstrap(rng: np.random.Generator) -> float:
    return paired_bootstrap(*_classified(rng), _macro_f1, seed=int(rng.integers(2**31)))[1]


def _randomization(rng: np.random.Generator) -> float:
    seed = int(rng.integers(2**31))
    return approximate_randomization(*_classified(rng), _macro_f1, trials=1000, seed=seed)


def _gate(rng: np.random.Generator) -> float:
    return infer_paired(*_flips(rng, 0.06 + MARGIN, 0.06)).below(-MARGIN)


def _gate_numbers(rng: np.random.Generator) -> float:
    before, after = _numbers(rng)
    return infer_paired(before, after - MARGIN).below(-MARGIN)


def main() -> None:
    """Prints one line a test."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=2000)
    repeats = parser.parse_args().repeats
    error = 1.96 * np.sqrt(0.05 * 0.95 / repeats)
    print(f"false alarms at 5 % over {repeats:,} data sets of {N} samples (± {error:.1%})\n")
    for test in tests():
        print(f"{test.name:36} {false_alarms(test, repeats):6.1%}", flush=True)


if __name__ == "__main__":
    main()
