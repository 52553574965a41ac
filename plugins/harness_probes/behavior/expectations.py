"""What a CheckList case expects of the model's predictions (Ribeiro et al. 2020).

A case is one text, or an original and its perturbed versions; it fails when any of them does.
The rules and the tolerance of 0.1 are those of the released sentiment suite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness_probes.behavior.classify import best

TOLERANCE = 0.1
NEGATIVE, NEUTRAL, POSITIVE = range(3)

Chances = Sequence[float]
Passes = Callable[[Chances, Chances], "bool | None"]
"""Whether a perturbed text's probabilities are as expected; None where it does not apply."""


def minimum_functionality(allowed: Sequence[int], texts: Sequence[Chances]) -> bool:
    """MFT: every text gets an allowed label."""
    return all(best(chances) in allowed for chances in texts)


def invariance(original: Chances, changed: Chances) -> bool:
    """INV: the same label, or nearly the same probability of the original's label."""
    label = best(original)
    return best(changed) == label or abs(changed[label] - original[label]) <= TOLERANCE


def increases(original: Chances, changed: Chances) -> bool | None:
    """DIR: the predicted label's probability does not fall; a neutral original does not apply."""
    label = best(original)
    return None if label == NEUTRAL else changed[label] - original[label] >= -TOLERANCE


def decreases(original: Chances, changed: Chances) -> bool | None:
    """DIR: the predicted label's probability does not rise; a neutral original does not apply."""
    label = best(original)
    return None if label == NEUTRAL else changed[label] - original[label] <= TOLERANCE


def more_positive(original: Chances, changed: Chances) -> bool:
    """DIR: p(positive) − p(negative) does not fall."""
    return _shift(original, changed) >= -TOLERANCE


def more_negative(original: Chances, changed: Chances) -> bool:
    """DIR: p(positive) − p(negative) does not rise."""
    return _shift(original, changed) <= TOLERANCE


def _shift(original: Chances, changed: Chances) -> float:
    return (changed[POSITIVE] - changed[NEGATIVE]) - (original[POSITIVE] - original[NEGATIVE])


PAIRWISE: Mapping[str, Passes] = {
    "same": invariance,
    "increases": increases,
    "decreases": decreases,
    "more_positive": more_positive,
    "more_negative": more_negative,
}
"""What a case's ``expect`` may say of its perturbed texts."""

RELEASED_DIRECTIONS: Mapping[str, str] = {
    "intensifiers": "increases",
    "reducers": "decreases",
    '"used to" should reduce': "decreases",
    "add positive phrases": "more_positive",
    "add negative phrases": "more_negative",
}
RELEASED_LABELS: Mapping[str, tuple[int, ...]] = {
    "simple negations: not negative": (NEUTRAL, POSITIVE),
    "simple negations: I thought x was negative, but it was not (should be neutral or positive)": (
        NEUTRAL,
        POSITIVE,
    ),
}
"""Tests of the released suite whose expectation is code rather than a label, by their names."""


def pairwise(name: str, texts: Sequence[Chances]) -> bool | None:
    """Whether all perturbed texts are as expected; None where none of them applies."""
    passes = [PAIRWISE[name](texts[0], changed) for changed in texts[1:]]
    applying = [each for each in passes if each is not None]
    return all(applying) if applying else None
