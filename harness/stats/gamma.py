"""The chance that a weighted sum of exponential variables is positive.

S = Σ_j c_j·G_j with independent G_j, Gamma-distributed of shape k_j: a sum of k_j exponential
variables that share the weight c_j. P(S ≥ 0) is the integral of e^{K(s)}/(2πi·s) along a vertical
line in the complex plane, K the cumulant generating function −Σ k_j·ln(1 − c_j·s). Through the
saddle point of K the integrand neither oscillates nor cancels, so that a few dozen nodes give
ten digits, in the far tail too. With many different weights the saddle-point formula of
Lugannani & Rice (1980, Adv. Appl. Prob. 12:475), then good to a thousandth of the chance, replaces
the integral.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_MANY = 100  # different weights from which on the formula replaces the integral
_STEP = 0.07  # between the integral's nodes


def positive_chance(weights: Array, shapes: Array) -> float:
    """P(Σ_j weights_j·Gamma(shapes_j) ≥ 0).

    Args:
        weights: Shape (m,), finite.
        shapes: Shape (m,), positive.
    """
    scale = float(np.abs(weights).max(initial=0.0))
    if scale == 0 or float(weights.min()) >= 0:
        return 1.0
    if float(weights.max()) <= 0:
        return 0.0
    some = weights != 0
    c, k = weights[some] / scale, shapes[some]
    return 1.0 - _upper_tail(-c, k) if float(k @ c) > 0 else _upper_tail(c, k)


def _upper_tail(c: Array, k: Array) -> float:
    """P(S ≥ 0) where the mean of S is at most 0."""
    saddle = _saddle(c, k)
    if len(c) > _MANY:
        return _formula(c, k, saddle)
    return _integral(c, k, saddle)


def _saddle(c: Array, k: Array) -> float:
    """Where K′(s) = Σ k·c/(1 − c·s) is 0; K′ rises from K′(0) ≤ 0 to ∞ at 1/max(c)."""
    low, high = 0.0, 1.0 / float(c.max())
    s = 0.0
    for _ in range(100):
        share = c / (1.0 - s * c)
        slope, curvature = float(k @ share), float(k @ (share * share))
        low, high = (s, high) if slope <= 0 else (low, s)
        step = slope / curvature
        following = s - step
        if not low < following < high:
            following = (low + high) / 2
        if abs(following - s) <= 1e-12 * high or high - low <= 1e-15 * high:
            return following
        s = following
    return s


def _formula(c: Array, k: Array, s: float) -> float:
    from scipy.special import ndtr

    share = c / (1.0 - s * c)
    curvature = float(k @ (share * share))
    cumulant = -float(k @ np.log1p(-s * c))
    u = s * math.sqrt(curvature)
    r = math.sqrt(max(0.0, -2.0 * cumulant))
    if min(u, r) < 1e-3:
        skew = 2 * float(k @ share**3) / math.sqrt(curvature**3)
        return 0.5 - u / math.sqrt(2 * math.pi) + skew / (6 * math.sqrt(2 * math.pi))
    density = math.exp(-r * r / 2) / math.sqrt(2 * math.pi)
    chance = float(ndtr(-r)) + density * (1 / u - 1 / r)
    return min(1.0, max(0.0, chance))


def _integral(c: Array, k: Array, saddle: float) -> float:
    """The integral along the line through ``saddle``, or beside it where the pole at 0 is near."""
    limit = 1.0 / float(c.max())
    squares = (c / (1.0 - saddle * c)) ** 2
    variance = float(k @ squares)
    width = 1.0 / math.sqrt(variance)
    s = max(saddle, min(saddle + width, (saddle + limit) / 2))
    # The integrand falls as a power of its argument, sinh u: as many as terms matter.
    terms = variance**2 / float(k @ squares**2)
    u = np.arange(0.5 * _STEP, 4.0 + 28.0 / terms, _STEP)
    line = s + 1j * width * np.sinh(u)
    cumulant = -(np.log1p(-np.outer(line, c)) @ k)
    values = np.exp(cumulant) / line * np.cosh(u)
    total = float(values.real.sum()) * _STEP * width / math.pi
    return min(1.0, max(0.0, total))
