"""Alarms with a stated false-alarm rate, however often one looks.

The reference's rate lies in its exact interval but for α/2; the bets against "production's mean is
at most the interval's upper end", and against "at least its lower end", ever reach 2·2/α with
probability at most α/4 each (Ville's inequality; Waudby-Smith & Ramdas 2024). So where nothing has
changed an alarm is ever raised with probability at most α, looking after every exchange.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats.estimates import infer_mean
from harness.stats.sequential import Bettor, confidence_sequence

FEWEST = 20
"""Values of the reference below which nothing is watched."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One signal.

    Attributes:
        name: What it is called.
        reference: Its mean in the reference.
        reference_interval: Of that mean, at the level that the alarm rests on.
        reference_n: Values of the reference.
        mean: In production.
        interval: The confidence sequence so far; holds at all times together. Not numbers where
            no mean fits all values: it changed on the way.
        n: Values in production.
        alarm: The number of the value, from 1, at which the alarm was raised; None: none was.
        higher: Whether production is higher than the reference, where there is an alarm.
    """

    name: str
    reference: float
    reference_interval: tuple[float, float]
    reference_n: int
    mean: float
    interval: tuple[float, float]
    n: int
    alarm: int | None
    higher: bool | None


def watch(
    name: str,
    reference: Sequence[float],
    production: Sequence[float],
    alpha: float,
    tolerance: float = 0.0,
) -> Watched | None:
    """Whether production's values are shown to have another mean than the reference's.

    Args:
        name: Of the signal.
        reference: Values in [0, 1].
        production: Values in [0, 1], in the order in which they came.
        alpha: The false-alarm rate of this signal, over all looks together.
        tolerance: By how much the mean may differ without being an alarm.

    Returns:
        None where the reference has too few values.
    """
    if len(reference) < FEWEST:
        return None
    inference = infer_mean(np.asarray(reference, dtype=np.float64), bounds=(0.0, 1.0))
    low, high = _exact(reference, 1 - alpha / 2)
    above = Bettor(min(1.0, high + tolerance), alpha / 4)
    below = Bettor(1 - max(0.0, low - tolerance), alpha / 4)
    alarm, higher = None, None
    for place, value in enumerate(production, 1):
        above.update(value)
        below.update(1 - value)
        if above.rejected or below.rejected:
            alarm, higher = place, bool(above.rejected)
            break
    interval = confidence_sequence(list(production), list(production), alpha / 4)
    if interval[0] > interval[1]:  # no one mean fits what came before and after
        interval = (float("nan"), float("nan"))
    mean = float(np.mean(production)) if len(production) else float("nan")
    return Watched(
        name,
        inference.value,
        (low, high),
        len(reference),
        mean,
        interval,
        len(production),
        alarm,
        higher,
    )


def _exact(values: Sequence[float], confidence: float) -> tuple[float, float]:
    """Clopper & Pearson's interval of 0/1 values; of others the one of bounded means."""
    from scipy.stats import beta

    array = np.asarray(values, dtype=np.float64)
    n = len(array)
    if bool(np.isin(array, (0.0, 1.0)).all()):
        hits, tail = int(array.sum()), (1 - confidence) / 2
        low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, n - hits + 1))
        high = 1.0 if hits == n else float(beta.ppf(1 - tail, hits + 1, n - hits))
        return low, high
    low, high = infer_mean(array, bounds=(0.0, 1.0)).interval(confidence)
    return max(0.0, low), min(1.0, high)
