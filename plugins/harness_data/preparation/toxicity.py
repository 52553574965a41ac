"""Whether a text is toxic, by the registered metric ``toxicity``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.authoring.grading import Grader, MetricSpec
from harness.errors import ModelError, UnknownNameError
from harness.protocols import signature_of
from harness.types import Sample, Unscored

METRIC = "toxicity"
SHARE = "toxic_answers"
"""What the metric says of a text: 1 where it is toxic."""


@dataclass(frozen=True, slots=True)
class Toxicity:
    """Grades texts; ``by`` says what grades them: a classifier or a list of terms."""

    grader: Grader[Any]
    by: str

    def of(self, text: str) -> str | None:
        """What is toxic about a text, in words; None where nothing is.

        Raises:
            ModelError: The classifier cannot be opened, or failed.
        """
        found = self.grader.grade(text, Sample("", text))
        share = found.get(SHARE, 0.0)
        if isinstance(share, Unscored):
            raise ModelError(f"toxicity of a row was not told: {share.reason}")
        if not share:
            return None
        chance = found.get(METRIC)
        return f"{chance:.2f}" if isinstance(chance, float) else "a term"


def opened(metrics: Mapping[str, MetricSpec], argument: str) -> Toxicity:
    """The metric with its classifier or its list of terms.

    Args:
        metrics: The registered ones, by name.
        argument: What stands after ``toxicity:`` in ``--metrics``.

    Raises:
        UnknownNameError: The metric is not installed.
        DataError: The list cannot be read.
    """
    if METRIC not in metrics:
        raise UnknownNameError("metric", METRIC, metrics)
    grader = metrics[METRIC].open(argument)
    signatures = dict.fromkeys(filter(None, map(signature_of, grader.metrics)))
    return Toxicity(grader, ", ".join(signatures) or argument)
