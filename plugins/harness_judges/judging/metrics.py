"""The metrics of judged answers, with what is known of the judge's errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.authoring.metrics import clusters_of, ratio, score_values, values_of
from harness.protocols import NO_AGREEMENT
from harness.types import Estimate, Score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.stats.inference import Inference


def noise(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """The spread of one judgement asked again, from (Σ of squares within, degrees of freedom)."""
    import numpy as np

    return np.asarray(np.sqrt(ratio(sums[:, 0], sums[:, 1])))


@dataclass(frozen=True, slots=True)
class CorrectedShare:
    """The share of yes with the judge's errors taken off, by a calibration on other items.

    Attributes:
        name: The metric's.
        positive: Right ones, and all, of the calibration's items that people labelled yes.
        negative: The same of those labelled no.
        calibration: By what, in words. With ``NO_AGREEMENT`` there is no value: which way the
            judge errs is then chance, and an interval around it would look like knowledge.
    """

    name: str
    positive: tuple[int, int]
    negative: tuple[int, int]
    calibration: str
    higher_is_better: bool | None = True
    bounds: tuple[float, float] | None = (0.0, 1.0)

    def aggregate(self, rows: Sequence[Score]) -> Estimate:
        """See ``harness.stats.prediction_powered.infer_corrected_share``."""
        from harness.stats.inference import estimate

        return estimate(self.infer(rows), len(rows))

    def infer(self, rows: Sequence[Score]) -> Inference:
        """As ``aggregate``: the calibration's own error is in every interval and test."""
        from harness.stats.prediction_powered import infer_corrected_share

        return self._unusable or infer_corrected_share(
            _yes(rows), self._calibrated(), clusters_of(rows)
        )

    def infer_combination(
        self, before: Sequence[Score], after: Sequence[Score], weights: tuple[float, float]
    ) -> Inference:
        """See ``harness.stats.prediction_powered.infer_corrected_combination``."""
        from harness.stats.prediction_powered import infer_corrected_combination

        return self._unusable or infer_corrected_combination(
            _yes(before), _yes(after), weights, self._calibrated(), clusters_of(before)
        )

    @property
    def _unusable(self) -> Inference | None:
        from harness.stats.inference import NAN, Unknown

        if self.calibration != NO_AGREEMENT:
            return None
        why = "no value: the judge does not agree with people more than by chance"
        return Unknown(NAN, f"judge's share, corrected; {why}")

    def _calibrated(self) -> list[tuple[float, float]]:
        """(judged, label) of each of the calibration's items."""
        return [
            *[(1.0, 1.0)] * self.positive[0],
            *[(0.0, 1.0)] * (self.positive[1] - self.positive[0]),
            *[(0.0, 0.0)] * self.negative[0],
            *[(1.0, 0.0)] * (self.negative[1] - self.negative[0]),
        ]


def _yes(rows: Sequence[Score]) -> NDArray[np.float64]:
    """1 where the judge says yes more likely than not, else 0; shape (n,)."""
    return (values_of(rows) > 0.5).astype(float)


@dataclass(frozen=True, slots=True)
class WithLabels:
    """People's mean over all samples, from labels of some and judgements of all (PPI++).

    A sample's value is (judgement, 1 where there is a label, label).

    Attributes:
        name: The metric's.
        bounds: Of a label.
        calibration: By what, in words.
    """

    name: str
    bounds: tuple[float, float] | None
    calibration: str
    higher_is_better: bool | None = True

    def aggregate(self, rows: Sequence[Score]) -> Estimate:
        """See ``harness.stats.prediction_powered.infer_powered``."""
        import numpy as np

        from harness.stats.inference import estimate
        from harness.stats.prediction_powered import infer_powered

        values = np.array(score_values(rows), dtype=np.float64).reshape(len(rows), 3)
        labels = np.where(values[:, 1] > 0, values[:, 2], np.nan)
        found = infer_powered(values[:, 0], labels, clusters_of(rows), self.bounds)
        return estimate(found, len(rows))


@dataclass(frozen=True, slots=True)
class LengthControlled:
    """The win rate at equal length; a sample's value is (win, difference of log lengths)."""

    name: str
    calibration: str | None = None
    higher_is_better: bool | None = True
    bounds: tuple[float, float] | None = (0.0, 1.0)

    def aggregate(self, rows: Sequence[Score]) -> Estimate:
        """See ``harness.stats.win_rates.length_controlled_win_rate``."""
        from harness.stats.win_rates import length_controlled_win_rate

        return length_controlled_win_rate(*_wins(rows))

    def value(self, rows: Sequence[Score]) -> float:
        """The value of ``aggregate``, without the score tests of its interval."""
        from harness.stats.win_rates import win_rate_at_equal_length

        return win_rate_at_equal_length(*_wins(rows))


def _wins(rows: Sequence[Score]) -> tuple[list[float], list[float], Sequence[str | None]]:
    """Each row's win, its difference of log lengths, and its prompt."""
    import numpy as np

    values = np.array(score_values(rows), dtype=np.float64).reshape(len(rows), 2)
    prompts = clusters_of(rows)
    named = [row.sample_id for row in rows] if prompts is None else prompts
    return values[:, 0].tolist(), values[:, 1].tolist(), named
