"""The sequential gate against its promises, over many simulated gates.

    python benchmarks/sequential_gate.py [--gates 10000]

Every gate looks after every sample. Shown: how often it blocks at the exact margin (at most α is
promised), how often a z-test that is peeked at the same way does, and how many samples a verdict
takes. The code that runs here is the code that gates run.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from harness.stats.sequential import SequentialTest

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Shares of gates, and the samples that they took on average."""

    block: float
    passed: float
    samples: float

    def __str__(self) -> str:
        undecided = abs(1 - self.block - self.passed)
        return (
            f"block {self.block:6.2%}  pass {self.passed:6.2%}  undecided {undecided:6.2%}"
            f"  samples {self.samples:6.1f}"
        )


def benchmark_differences(samples: int, drop: float, discordance: float) -> Array:
    """The paired differences of a benchmark of 0/1 scores: exactly that drop and discordance."""
    lost = round(samples * (discordance + drop) / 2)
    gained = round(samples * (discordance - drop) / 2)
    differences = np.zeros(samples)
    differences[:lost] = -1
    differences[lost : lost + gained] = 1
    return differences


def permuted(differences: Array, gates: int, seed: int) -> Array:
    """One committed order a gate; shape (gates, N)."""
    return np.random.default_rng(seed).permuted(np.tile(differences, (gates, 1)), axis=1)


def drawn(differences: Array, gates: int, seed: int) -> Array:
    """Independent draws, of as many samples; shape (gates, N)."""
    return np.random.default_rng(seed).choice(differences, size=(gates, len(differences)))


def gate(ordered: Array, margin: float, alpha: float, population: int | None) -> Outcome:
    """Runs one gate a row, looking after every sample."""
    gates, samples = ordered.shape
    test = SequentialTest.of_difference(margin, alpha, population)
    taken = np.full(gates, samples)
    decided = np.zeros(gates, dtype=bool)
    for seen in range(samples):
        test.update(ordered[:, seen])
        now = (test.passed | test.blocked) & ~decided
        taken[now] = seen + 1
        decided |= now
        if decided.all():
            break
    return Outcome(float(test.blocked.mean()), float(test.passed.mean()), float(taken.mean()))


def peeking(ordered: Array, margin: float, alpha: float, first_look: int = 30) -> float:
    """How often a z-test for a drop beyond the margin, repeated after each sample, blocks."""
    counts = np.arange(1, ordered.shape[1] + 1)
    means = np.cumsum(ordered, axis=1) / counts
    squares = np.cumsum(ordered**2, axis=1) / counts
    errors = np.sqrt(np.maximum(squares - means**2, 0) / counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = (means + margin) / errors
    return float((scores[:, first_look - 1 :] < ndtri(alpha)).any(axis=1).mean())


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--gates", type=int, default=10_000)
    gates = parser.parse_args().gates
    margin, alpha = 0.02, 0.05
    print(f"{gates:,} gates, margin 2 points, alpha 5 %, a look after every sample\n")
    print("At the exact margin (blocking is a false alarm, and so is passing)")
    for samples in (200, 1000):
        for discordance in (0.04, 0.1, 0.3):
            differences = benchmark_differences(samples, margin, discordance)
            name = f"N {samples:4}, discordance {discordance:3.0%}"
            whole = gate(permuted(differences, gates, 1), margin, alpha, samples)
            print(f"{name}, without replacement: {whole}")
            ordered = drawn(differences, gates, 2)
            print(f"{name}, independent draws:   {gate(ordered, margin, alpha, None)}")
            print(f"{name}, peeking at a z-test: block {peeking(ordered, margin, alpha):6.2%}")
    print("\nN 1000 without replacement, discordance 10 %")
    for drop in (0.08, 0.06, 0.04, 0.02, 0.0):
        differences = benchmark_differences(1000, drop, 0.1)
        print(f"drop {drop:4.0%}: {gate(permuted(differences, gates, 3), margin, alpha, 1000)}")


if __name__ == "__main__":
    main()
