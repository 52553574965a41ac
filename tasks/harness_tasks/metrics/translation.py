"""BLEU, chrF, chrF++ and TER by ``sacrebleu``, from per-segment sufficient statistics.

The statistics come from sacrebleu itself (tokenization, n-gram matching, edit distance). Only
the last step, sums → score, is written again for arrays, so that a bootstrap costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.authoring.metrics import Corpus
from harness.errors import HarnessError, MissingExtraError
from harness.protocols import Metric
from harness.types import Estimate, Sample, Score, ScoreValue

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as SacrebleuScorer

Array = NDArray[np.float64]
ORDER = 4
"""BLEU's longest n-gram."""


def bleu(sums: Array) -> Array:
    """BLEU in [0, 100] (Papineni et al. 2002) with exponential smoothing, sacrebleu's default.

    Args:
        sums: Shape (r, 10): system length, reference length, matches and totals of orders 1–4.

    Returns:
        Shape (r,).
    """
    system, reference = sums[:, 0], sums[:, 1]
    matches, totals = sums[:, 2 : 2 + ORDER], sums[:, 2 + ORDER : 2 + 2 * ORDER]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.where(system > 0, reference / system, np.inf)
        penalty = np.where(system < reference, np.exp(1 - ratio), 1.0)
        misses = np.cumsum(matches == 0, axis=1)
        smoothed = np.where(matches == 0, 0.5**misses, matches)
        logs = np.log(100 * smoothed / totals).mean(axis=1)
        scores = penalty * np.exp(logs)
    defined = (matches.sum(axis=1) > 0) & (totals > 0).all(axis=1)
    return np.where(defined, scores, 0.0)


def chrf(sums: Array) -> Array:
    """chrF in [0, 100] with β = 2 (Popović 2015), precision and recall averaged over orders.

    Args:
        sums: Shape (r, 3·orders): hypothesis, reference and matching n-grams of each order.

    Returns:
        Shape (r,).
    """
    hypothesis, reference, matches = sums[:, 0::3], sums[:, 1::3], sums[:, 2::3]
    counted = (hypothesis > 0) & (reference > 0)
    orders = np.maximum(counted.sum(axis=1), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(counted, matches / hypothesis, 0.0).sum(axis=1) / orders
        recall = np.where(counted, matches / reference, 0.0).sum(axis=1) / orders
        scores = 100 * 5 * precision * recall / (4 * precision + recall)
    return np.where(precision + recall > 0, scores, 0.0)


def ter(sums: Array) -> Array:
    """TER in percent, 0 is best (Snover et al. 2006).

    Args:
        sums: Shape (r, 2): edits, and reference words averaged over references.

    Returns:
        Shape (r,).
    """
    edits, words = sums[:, 0], sums[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return 100 * np.where(words > 0, edits / words, (edits > 0).astype(np.float64))


@dataclass(frozen=True, slots=True)
class SacrebleuMetric:
    """One of sacrebleu's metrics as a corpus metric with a bootstrap interval."""

    name: str
    scorer: SacrebleuScorer
    compute: Callable[[Array], Array]
    higher_is_better: bool
    bounds: tuple[float, float]
    reference_counts: set[int] = field(default_factory=set)

    def statistics(self, prediction: str, references: Sequence[str]) -> tuple[float, ...]:
        """The segment's sufficient statistics."""
        self.reference_counts.add(len(references))
        (row,) = self.scorer._extract_corpus_statistics(
            [prediction], [[reference] for reference in references]
        )
        return tuple(float(value) for value in row)

    @property
    def signature(self) -> str:
        """Sacrebleu's; it states the number of references once segments were scored."""
        counts = self.reference_counts
        scorer: Any = self.scorer
        scorer.num_refs = next(iter(counts)) if len(counts) == 1 else -1
        return str(scorer.get_signature())

    def aggregate(self, rows: Sequence[Score]) -> Estimate:
        """See ``harness.authoring.metrics.Corpus``."""
        return Corpus(self.name, self.compute, bounds=self.bounds).aggregate(rows)


NAMES = ("bleu", "chrf", "chrf++", "ter")


class Sacrebleu:
    """``bleu``, ``chrf``, ``chrf++`` and ``ter`` at sacrebleu's defaults.

    Args:
        tokenize: BLEU's tokenizer: ``13a``, ``intl``, ``zh``, ``ja-mecab``, ``char``, ….
        names: Those to compute.

    Raises:
        MissingExtraError: ``sacrebleu`` is not installed.
        HarnessError: The tokenizer needs a package or a model that is not here.
    """

    def __init__(self, tokenize: str = "13a", names: Collection[str] = NAMES) -> None:
        try:
            from sacrebleu.metrics.bleu import BLEU
            from sacrebleu.metrics.chrf import CHRF
            from sacrebleu.metrics.ter import TER
        except ImportError as error:
            raise MissingExtraError("translation metrics", "tasks") from error
        try:
            bleu_scorer = BLEU(tokenize=tokenize, force=True)
        except (ImportError, RuntimeError, OSError, SystemExit) as error:
            raise HarnessError(
                f"sacrebleu's tokenizer {tokenize!r} cannot be used: {str(error).strip()}",
                f"{_needs(tokenize)}; or choose another with --set TASK.tokenize=char",
            ) from error
        every = (
            SacrebleuMetric("bleu", bleu_scorer, bleu, True, (0.0, 100.0)),
            SacrebleuMetric("chrf", CHRF(), chrf, True, (0.0, 100.0)),
            SacrebleuMetric("chrf++", CHRF(word_order=2), chrf, True, (0.0, 100.0)),
            SacrebleuMetric("ter", TER(), ter, False, (0.0, math.inf)),
        )
        self._metrics = tuple(metric for metric in every if metric.name in names)

    @property
    def metrics(self) -> Sequence[Metric]:
        """See ``harness.authoring.grading.Grader``."""
        return self._metrics

    def grade(self, prediction: str, sample: Sample) -> Mapping[str, ScoreValue]:
        """See ``harness.authoring.grading.Grader``."""
        return {
            metric.name: metric.statistics(prediction, sample.targets) for metric in self._metrics
        }


def _needs(tokenize: str) -> str:
    """How to get what a tokenizer needs."""
    if tokenize in ("ja-mecab", "ko-mecab"):
        return f"Install what it needs: pip install 'sacrebleu[{tokenize[:2]}]'"
    folder = "~/.sacrebleu/models, or $SACREBLEU/models"
    return (
        "It needs sentencepiece and its model, which sacrebleu fetches once into "
        f"{folder}: run once where the network is, or copy that file"
    )
