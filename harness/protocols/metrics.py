"""What a metric implements, and what it may say of itself besides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from harness.types import Estimate, Score


@runtime_checkable
class Metric(Protocol):
    """How samples' values become one number with its uncertainty.

    A metric may also be ``HasIdeal``, ``HasBounds``, ``HasSignature`` and ``HasCalibration``.
    """

    @property
    def name(self) -> str:
        """What users call it."""

    @property
    def higher_is_better(self) -> bool | None:
        """None where neither direction is better (a share whose ideal is 0.5)."""

    def aggregate(self, rows: Sequence[Score]) -> Estimate:
        """The estimate over ``rows``, none of which is ``Unscored``.

        See ``harness.authoring.metrics`` for ready-made means and corpus metrics.
        """


@runtime_checkable
class HasIdeal(Protocol):
    """A metric that is best at one value."""

    @property
    def ideal(self) -> float | None:
        """The best value where neither direction is better (0.5 for a share of stereotypes)."""
        ...


@runtime_checkable
class HasBounds(Protocol):
    """A metric whose values lie in a known range."""

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The smallest and the largest that a sample's value can be."""
        ...


@runtime_checkable
class HasSignature(Protocol):
    """A metric that says how it is computed (sacrebleu's signature)."""

    @property
    def signature(self) -> str | None:
        """Which implementation, version and parameters; reports show it."""
        ...


UNCALIBRATED = "uncalibrated"
"""What ``HasCalibration`` says where nobody has checked the instrument."""
NO_AGREEMENT = "calibrated: no agreement beyond chance"
"""What it says where labels of people do not show that the instrument knows what they think."""
UNUSABLE = (UNCALIBRATED, NO_AGREEMENT)
"""Calibrations that no verdict may rest on, the one that says least first."""


@runtime_checkable
class HasCalibration(Protocol):
    """A metric whose scores come from an instrument that errs, such as a model that judges.

    Reports show what is ``UNUSABLE`` beside its values. A gate refuses ``NO_AGREEMENT``, and
    ``UNCALIBRATED`` unless ``allow_uncalibrated = true``.
    """

    @property
    def calibration(self) -> str | None:
        """By what it was calibrated, or one of ``UNUSABLE``; None where nothing judges."""
        ...


@runtime_checkable
class HasValue(Protocol):
    """A metric that computes its value alone faster than ``aggregate`` does."""

    def value(self, rows: Sequence[Score]) -> float:
        """The value over ``rows``, the same as that of ``aggregate``; it is called many times."""
        ...


def ideal_of(metric: object) -> float | None:
    """The metric's best value; None where it names none."""
    return metric.ideal if isinstance(metric, HasIdeal) else None


def bounds_of(metric: object) -> tuple[float, float] | None:
    """Between what the metric's values lie; None where it does not say."""
    return metric.bounds if isinstance(metric, HasBounds) else None


def calibration_of(metric: object) -> str | None:
    """How the metric's instrument was calibrated; None where it has none."""
    return metric.calibration if isinstance(metric, HasCalibration) else None


def signature_of(metric: object) -> str | None:
    """How the metric is computed; None where it does not say."""
    return metric.signature if isinstance(metric, HasSignature) else None
