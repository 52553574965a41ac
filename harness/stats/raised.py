"""What chance alone raises: a calibration error, a spread, a gap between groups.

The greatest of several differences is above 0 where there is nothing but noise. Its point estimate
has taken off what chance adds where the true differences are as large as they seem to be once
their variance has lost what noise makes of it (the share I² of Higgins & Thompson 2002, Stat. Med.
21:1539; Kumar, Liang & Ma 2019, "Verified uncertainty calibration", debias the mean square so).
Nothing is left to take off where they are large. Its lower bound has taken off the most that chance
can add, whatever the true differences are; its upper bound takes off nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.stats.inference import Array, Inference, Unknown


@dataclass(frozen=True, slots=True)
class Raised:
    """A quantity that chance raises.

    Attributes:
        original: The quantity with what chance adds.
        value: Without, about.
        noise: What chance alone adds at most, on average.
        again: What resampling adds once more.
        method: As reports show it.
    """

    original: Inference
    value: float
    noise: float
    again: float
    method: str

    @property
    def stderr(self) -> float:
        """Of the quantity with what chance adds."""
        return self.original.stderr

    def interval(self, confidence: float) -> tuple[float, float]:
        """Lowered by the noise below, never under 0."""
        low, high = self.original.interval(confidence)
        low = max(0.0, low - self.noise - self.again)
        return min(low, self.value), max(high - self.again, self.value)

    def below(self, bound: float) -> float:
        """Chance only ever adds: what is shown below a bound with it is below it without."""
        return self.original.below(bound + self.again) if bound > self.value else 1.0

    def above(self, bound: float) -> float:
        """With the noise taken off; what is never negative is no evidence against a bound of 0."""
        return self.original.above(bound + self.noise + self.again) if bound >= 0 else 0.0


def raised_by_chance(
    inference: Inference, value: float, noise: float, replicates: Array
) -> Inference:
    """The inference about what a quantity would be without the chance that raises it.

    Args:
        inference: Of the quantity with what chance adds.
        value: Without, about.
        noise: What it would be on average if there were nothing but chance.
        replicates: Of a bootstrap, which raises it once more.
    """
    if isinstance(inference, Unknown):
        return Unknown(value, inference.method)
    again = max(0.0, float(np.nanmean(replicates)) - inference.value)
    plain = f"debiased, {inference.value:.2g} with what chance adds"
    method = f"{inference.method}; chance alone makes {noise:.2g}; {plain}"
    return Raised(inference, value, noise, again, method)


def debiased_range(values: Array, errors: Array) -> tuple[float, float]:
    """The greatest less the least of what noisy values stand for; and what noise alone makes.

    Args:
        values: Shape (g,), g ≥ 2.
        errors: Draws of their errors, shape (r, g), about 0.

    Returns:
        The range without what chance adds, at least 0, and the range of the errors on average.
    """
    centred = values - values.mean()
    variance = float(centred @ centred) / (len(values) - 1)
    noise = float(errors.var(axis=1, ddof=1).mean())
    centres = centred * (max(0.0, 1 - noise / variance) if variance > 0 else 0.0)
    added = float(np.ptp(centres + errors, axis=1).mean()) - float(np.ptp(centres))
    return max(0.0, float(np.ptp(values)) - max(0.0, added)), float(np.ptp(errors, axis=1).mean())
