"""How often the corrected estimates of judges hold the truth, and how wide they are.

    python benchmarks/judge_corrections.py [--repeats 4000]

Promised for 100 labels or more: intervals hold the truth in 94 to 96 %; and those of PPI++ are
nowhere more than 5 % wider on average than the labels' own. Of judges whose verdicts do not depend
on the labels, at least 95 % are called no better than chance.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stats import agreement
from harness.stats.estimates import infer_mean
from harness.stats.inference import Inference
from harness.stats.prediction_powered import infer_corrected_share, infer_powered
from harness_judges.calibration.record import exceeds_chance

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of data: share of intervals that hold the truth, their mean width over that of the
    labels alone, and the coverage without any correction.
    """

    name: str
    held: float
    width: float
    uncorrected: float


def holds(inference: Inference, truth: float) -> tuple[bool, float]:
    """Whether the 95 % interval holds the truth, and its width."""
    low, high = inference.interval(0.95)
    return low <= truth <= high, high - low


def shares(repeats: int, judged: int, labels: int, seed: int = 0) -> Iterator[Line]:
    """A binary judge with errors, its rates known from labelled items."""
    rng = np.random.default_rng(seed)

    def draw(n: int, share: float, se: float, sp: float) -> tuple[Array, Array]:
        truth = rng.random(n) < share
        says = np.where(truth, rng.random(n) < se, rng.random(n) >= sp)
        return says.astype(np.float64), truth.astype(np.float64)

    for share in (0.1, 0.5, 0.9):
        for se, sp in ((0.9, 0.9), (0.9, 0.7), (0.7, 0.9), (0.7, 0.7)):
            found, raw, wide = [], [], []
            for _ in range(repeats):
                says, _ = draw(judged, share, se, sp)
                known, truth = draw(labels, share, se, sp)
                pairs = list(zip(known.tolist(), truth.tolist(), strict=True))
                held, width = holds(infer_corrected_share(says, pairs), share)
                if math.isnan(width):
                    continue
                alone = holds(infer_mean(truth), share)
                found.append(held)
                wide.append(width / alone[1])
                raw.append(holds(infer_mean(says), share)[0])
            yield Line(
                f"share {share}, se {se}, sp {sp}, {judged} judged, {labels} labels",
                float(np.mean(found)),
                float(np.mean(wide)),
                float(np.mean(raw)),
            )


def means(repeats: int, labels: int, judged: int, seed: int = 0) -> Iterator[Line]:
    """Judgements that go with labels by ρ, too high on average; clustered and not, 0/1 and not."""
    rng = np.random.default_rng(seed)
    n = labels + judged
    for binary in (False, True):
        for size in (1, 5):
            for rho in (0.0, 0.5, 0.9):
                clusters = None if size == 1 else rng.permutation(n) // size
                found, wide, raw = [], [], []
                for _ in range(repeats):
                    y, f = (_drawn(rng, n, clusters) for _ in range(2))
                    f = rho * y + math.sqrt(1 - rho**2) * f + 0.5
                    truth = 0.0
                    if binary:
                        y, f, truth = (y > 0.5) * 1.0, (f > 0.7) * 1.0, 0.30853753872598694
                    known = np.where(np.arange(n) < labels, y, np.nan)
                    held, width = holds(infer_powered(f, known, clusters), truth)
                    of_labels = None if clusters is None else clusters[:labels]
                    found.append(held)
                    wide.append(width / holds(infer_mean(y[:labels], of_labels), truth)[1])
                    raw.append(holds(infer_mean(f, clusters), truth)[0])
                kind = "0/1" if binary else "numbers"
                grouped = "" if size == 1 else f", clusters of {size}"
                yield Line(
                    f"{kind}, correlation {rho}{grouped}, {labels} labels, {judged} judged",
                    float(np.mean(found)),
                    float(np.mean(wide)),
                    float(np.mean(raw)),
                )


@dataclass(frozen=True, slots=True)
class ChanceLine:
    """Judges whose verdicts do not depend on the labels.

    Attributes:
        name: Of what kind.
        refused: Share that is called no better than chance.
        corrected: Of all, those that have a corrected share which misses the truth.
        powered: Share of the intervals of PPI++ that hold the truth.
        width: Of those, over that of the labels' own.
    """

    name: str
    refused: float
    corrected: float
    powered: float
    width: float


def chance(repeats: int, judged: int, labels: int, seed: int = 0) -> Iterator[ChanceLine]:
    """Verdicts that are drawn without a look at the labels, which have a share of 1s of 0.3."""
    rng = np.random.default_rng(seed)
    share = 0.3
    for says in (0.1, 0.5, 0.9, 1.0):
        refused, missed, held, wide = [], [], [], []
        for _ in range(repeats):
            f = (rng.random(judged + labels) < says) * 1.0
            y = (rng.random(judged + labels) < share) * 1.0
            kappa = agreement.cohen_kappa(f[:labels].tolist(), y[:labels].tolist()).infer()
            refused.append(not exceeds_chance(kappa.value, kappa.interval(0.95)[0]))
            pairs = list(zip(f[:labels].tolist(), y[:labels].tolist(), strict=True))
            low, high = infer_corrected_share(f[labels:], pairs).interval(0.95)
            missed.append(not refused[-1] and not low <= share <= high)
            known = np.where(np.arange(len(y)) < labels, y, np.nan)
            hit, width = holds(infer_powered(f, known, bounds=(0.0, 1.0)), share)
            held.append(hit)
            wide.append(width / holds(infer_mean(y[:labels], bounds=(0.0, 1.0)), share)[1])
        yield ChanceLine(
            f"yes to {says:.0%}, {labels} labels, {judged} judged",
            *(float(np.mean(each)) for each in (refused, missed, held, wide)),
        )


def _drawn(rng: np.random.Generator, n: int, clusters: Array | None) -> Array:
    """Standard normal; within a cluster correlated by a half."""
    alone = rng.normal(size=n)
    if clusters is None:
        return alone
    shared = rng.normal(size=int(clusters.max()) + 1)[clusters]
    return np.sqrt(0.5) * (alone + shared)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=4000)
    repeats = parser.parse_args().repeats
    print(f"{'':62} held   width  uncorrected")
    for judged, labels in ((100, 100), (1000, 100), (1000, 300)):
        for line in shares(repeats, judged, labels):
            print(f"{line.name:62} {line.held:.3f}  {line.width:.2f}   {line.uncorrected:.3f}")
    for labels, judged in ((100, 1000), (300, 1000)):
        for line in means(repeats, labels, judged):
            print(f"{line.name:62} {line.held:.3f}  {line.width:.2f}   {line.uncorrected:.3f}")
    print(f"\n{'no better than chance':62} refused  corrected and wrong  PPI++ held  width")
    for labels, judged in ((30, 1000), (100, 1000), (300, 1000)):
        for each in chance(repeats // 2, judged, labels):
            print(
                f"{each.name:62} {each.refused:.3f}    {each.corrected:.3f}                "
                f"{each.powered:.3f}       {each.width:.2f}"
            )


if __name__ == "__main__":
    main()
