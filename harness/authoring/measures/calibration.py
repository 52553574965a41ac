"""Is a model right as often as it is sure: the rows of a reliability diagram."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.authoring.measures import predictions

if TYPE_CHECKING:
    from harness.types import Estimate, SampleRecord

BINS = 15


@dataclass(frozen=True, slots=True)
class Bin:
    """Samples whose chosen option had a probability above ``low`` and at most ``high``.

    The first bin holds 0 too. ``confidence`` is their mean probability, ``accuracy`` the share
    that was right, with its interval.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: Estimate


def confidence(record: SampleRecord) -> tuple[float, bool] | None:
    """The probability of the option that was chosen, and whether it is right.

    None for a probe's variant, a failed sample, and what has not one right answer among options
    with probabilities; see ``harness.authoring.measures.predictions``.
    """
    targets = record.sample.targets
    if record.probe is not None or record.error is not None or len(targets) != 1:
        return None
    chances = predictions.of_record(record)
    if chances is None or targets[0] not in chances:
        return None
    choice = predictions.chosen(chances)
    return chances[choice], choice == targets[0]


def reliability(answers: Iterable[tuple[float, bool]], bins: int = BINS) -> list[Bin]:
    """The bins that hold samples, from unsure to sure (Guo et al. 2017, section 2).

    Σ_b n_b/n·|accuracy − confidence| over the bins is the expected calibration error.

    Args:
        answers: What ``confidence`` gives for each sample.
        bins: Bins of equal width.
    """
    from harness.stats import estimates

    found: dict[int, list[tuple[float, bool]]] = {}
    for sure, right in answers:
        place = min(max(math.ceil(sure * bins) - 1, 0), bins - 1)
        found.setdefault(place, []).append((sure, right))
    return [
        Bin(
            low=place / bins,
            high=(place + 1) / bins,
            count=len(rows),
            confidence=sum(sure for sure, _ in rows) / len(rows),
            accuracy=estimates.mean([float(right) for _, right in rows]),
        )
        for place, rows in sorted(found.items())
    ]
