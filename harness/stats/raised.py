"""What chance alone raises: a calibration error, a spread, a gap between groups.

The greatest of several differences is above 0 where there is nothing but noise. Its point estimate
has taken off what chance adds where the true differences are as large as they seem to be once
their variance has lost what noise makes of it (the share I² of Higgins & Thompson 2002, Stat. Med.
21:1539; Kumar, Liang & Ma 2019, "Verified uncertainty calibration", debias the mean square so).
Nothing is left to take off where they are large. Its lower bound has taken off the most that chance
can add, whatever the true differences are; its upper bound takes off nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.stats.inference import Array, Inference, Resampled, Unknown


def raised_ends(replicates: Array, noise: float, again: float) -> tuple[Array, Array]:
    """Replicates of a quantity with all that chance can add taken off, and with none of it.

    Args:
        replicates: Of the quantity with what chance adds, shape (r,).
        noise: What it would be on average if there were nothing but chance.
        again: What resampling adds once more, taken off both.
    """
    again = max(0.0, again)
    return np.maximum(0.0, replicates - again - noise), replicates - again


def without_chance(inference: Inference, value: float, noise: float) -> Inference:
    """The bootstrap of a quantity that chance raises, as that of what it would be without.

    Args:
        inference: Of the quantity with what chance adds.
        value: Without, about.
        noise: What it would be on average if there were nothing but chance.
    """
    if not isinstance(inference, Resampled):
        return Unknown(value, inference.method)
    plain = inference.value
    again = float(inference.replicates.mean()) - plain
    low, high = inference.ends
    lowest, _ = raised_ends(low, noise, again)
    _, greatest = raised_ends(high, noise, again)
    said = f"chance alone makes {noise:.2g}; debiased, {plain:.2g} with what chance adds"
    method = f"{inference.method}; {said}"
    return replace(inference, value=value, lowest=lowest, greatest=greatest, method=method)


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
