"""What chance alone raises: bias, false alarms and coverage of gaps, spreads and ECE.

    python benchmarks/raised_by_chance.py [--repeats 500]

Promised: the value's bias where there is nothing but chance is at most two fifths of the plain
value's; a gap of 0 is shown to be above 0 in at most 6 %; from n = 50 on (each group, or for the
calibration error in all) 95 % intervals hold the truth in at least 93.5 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.authoring import paired
from harness.authoring.measures import fairness
from harness.authoring.metrics import Mean
from harness.stats import resampling
from harness.types import Estimate, Score
from harness_tasks.metrics.choices import binned, calibration_error

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator], tuple[Estimate, float, float]]
"""Gives the estimate, the value with what chance adds, and the truth."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Biases of the plain and the debiased value, and shares of intervals."""

    plain: float
    debiased: float
    held: float
    above_zero: float


def outcome(draw: Draw, repeats: int, seed: int = 0) -> Outcome:
    """What becomes of ``repeats`` data sets."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(repeats):
        found, plain, truth = draw(rng)
        rows.append(
            (plain - truth, found.value - truth, found.low <= truth <= found.high, found.low > 0)
        )
    return Outcome(*(float(each) for each in np.array(rows, dtype=float).mean(axis=0)))


def cells() -> Iterator[tuple[str, Draw]]:
    """(name, draw); a truth of 0 in those whose name holds "none"."""
    for n in (50, 200):
        for groups in (2, 5, 10):
            yield f"gap none, {groups} groups, n {n}", _gap([0.7] * groups, n)
        yield f"gap .1, 2 groups, n {n}", _gap([0.6, 0.7], n)
        yield f"gap .2, one of 10 groups, n {n}", _gap([0.5] + [0.7] * 9, n)
        yield f"gap .2, two halves of 10 groups, n {n}", _gap([0.5] * 5 + [0.7] * 5, n)
        yield f"gap .3, 10 groups evenly, n {n}", _gap(list(np.linspace(0.5, 0.8, 10)), n)
        yield f"gap none, opposed, n {n}", _opposed(0.5, n)
        yield f"gap .2, opposed, n {n}", _opposed(0.6, n)
        yield f"spread none, 5 variants, n {n}", _spread([0.0] * 5, n)
        yield f"spread .2, 5 variants, n {n}", _spread([0.2, 0, 0, 0, 0], n)
    for n in (50, 200, 1000):
        yield f"ECE none, n {n}", _ece(lambda sure: sure, n)
        yield f"ECE overconfident, n {n}", _ece(lambda sure: 0.85 * sure, n)
        yield f"ECE underconfident, n {n}", _ece(lambda sure: np.minimum(1, sure + 0.05), n)
        yield (
            f"ECE overconfident when sure, n {n}",
            _ece(lambda sure: np.where(sure > 0.85, sure - 0.25, sure), n),
        )


def _scores(
    values: Array, clusters: list[str] | None = None, variant: int | None = None
) -> list[Score]:
    return [
        Score(str(i), "m", float(value), cluster=clusters[i] if clusters else None, variant=variant)
        for i, value in enumerate(values)
    ]


def _gap(shares: list[float], n: int) -> Draw:
    def draw(rng: np.random.Generator) -> tuple[Estimate, float, float]:
        values = {f"g{i}": (rng.random(n) < share).astype(float) for i, share in enumerate(shares)}
        means = [float(each.mean()) for each in values.values()]
        groups = {name: _scores(each) for name, each in values.items()}
        found = fairness.compare(Mean("m"), groups)["gap"]
        return found, max(means) - min(means), max(shares) - min(shares)

    return draw


def _opposed(share: float, n: int) -> Draw:
    def draw(rng: np.random.Generator) -> tuple[Estimate, float, float]:
        values = (rng.random(n) < share).astype(float)
        names = [str(i) for i in range(n)]
        groups = {"he": _scores(values, names), "she": _scores(1 - values, names)}
        found = fairness.compare(Mean("m"), groups)["gap"]
        return found, abs(2 * float(values.mean()) - 1), abs(2 * share - 1)

    return draw


def _spread(lost: list[float], n: int) -> Draw:
    def draw(rng: np.random.Generator) -> tuple[Estimate, float, float]:
        before = (rng.random(n) < 0.7).astype(float)
        after = []
        for share in lost:
            flipped = rng.random(n)
            worse = np.where((before == 1) & (flipped < share / 0.7), 0.0, before)
            noise = rng.random(n)
            after.append(np.where(noise < 0.07, 1 - rng.integers(0, 2, n), worse))
        levels = [float(each.mean()) for each in (before, *after)]
        perturbed = [row for i, each in enumerate(after) for row in _scores(each, variant=i)]
        truths = [0.7, *(0.93 * (0.7 - share) + 0.07 / 2 for share in lost)]
        found = paired.spread(Mean("m"), _scores(before), perturbed)["spread"]
        return found, max(levels) - min(levels), max(truths) - min(truths)

    return draw


def _confidences(rng: np.random.Generator, n: int) -> Array:
    return np.asarray(rng.beta(4, 2, n) * 0.75 + 0.25)


def _ece(accuracy: Callable[[Array], Array], n: int) -> Draw:
    many = _confidences(np.random.default_rng(0), 200_000)
    sums = binned(np.stack([many, accuracy(many)], axis=1)).sum(axis=0, keepdims=True)
    truth = float(calibration_error.plain(sums)[0])

    def draw(rng: np.random.Generator) -> tuple[Estimate, float, float]:
        sure = _confidences(rng, n)
        right = (rng.random(n) < accuracy(sure)).astype(float)
        rows = binned(np.stack([sure, right], axis=1))
        found = resampling.bootstrap(rows, calibration_error, seed=int(rng.integers(2**31)))
        return found, float(calibration_error.plain(rows.sum(axis=0, keepdims=True))[0]), truth

    return draw


def main() -> None:
    """Prints one line a cell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument("--only", default="", help="cells whose name holds this text")
    asked = parser.parse_args()
    error = 1.96 * np.sqrt(0.95 * 0.05 / asked.repeats)
    print(f"{asked.repeats:,} data sets each (± {error:.1%})\n")
    print(f"{'':40} bias plain  debiased   held  above 0")
    for name, draw in cells():
        if asked.only in name:
            found = outcome(draw, asked.repeats)
            print(
                f"{name:40} {found.plain:+10.3f} {found.debiased:+9.3f} {found.held:6.1%} "
                f"{found.above_zero:8.1%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
