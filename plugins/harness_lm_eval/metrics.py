"""lm_eval's aggregations as metrics with intervals.

A mean is a mean. Perplexities are functions of sums. BLEU, chrF and TER are computed from the
counts of each sentence. All others are called on resampled values.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.authoring.metrics import Corpus, Mean, clusters_of
from harness.protocols import Metric
from harness.types import Estimate, Score, ScoreValue
from harness_lm_eval.items import keep, kept, number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES, FEWEST, WORK = 300, 100, 300_000
"""Of other aggregations: as many as ``WORK`` values allow, within these bounds."""
_SHARES = ("acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match")
"""Means of 0 and 1, where lm_eval's own ``process_results`` scores."""

Aggregation = Callable[[list[Any]], Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """A metric, and how a sample's value of it becomes a score.

    Attributes:
        metric: What is reported.
        score: The score of what ``process_results`` gave; None where the sample has none.
    """

    metric: Metric
    score: Callable[[Any], ScoreValue | None]


def name_of(metric: str, filtered: str) -> str:
    """lm_eval's ``METRIC,FILTER``, without the filter's name where it does nothing."""
    return metric if filtered == "none" else f"{metric},{filtered}"


def make(
    name: str, metric: str, aggregation: Aggregation, higher: bool | None, own: bool
) -> Kept | None:
    """How a metric of theirs is reported; None where it reports nothing (``bypass``).

    Args:
        name: As it is shown.
        metric: As lm_eval calls it.
        aggregation: Theirs.
        higher: Whether higher is better, where it says so.
        own: Whether the scores come from lm_eval's own code, not from the definition's.
    """
    from lm_eval.api import metrics as theirs

    if aggregation is theirs.bypass_agg:
        return None
    if aggregation is theirs.mean:
        bounds = (0.0, 1.0) if own and metric in _SHARES else None
        return Kept(Mean(name, higher, bounds=bounds), _number)
    if aggregation is theirs.nanmean:
        return Kept(Mean(name, higher), _present)
    if aggregation is theirs.perplexity:
        return Kept(Corpus(name, _perplexity, higher), lambda value: (float(value), 1.0))
    if aggregation is theirs.weighted_perplexity:
        return Kept(Corpus(name, _perplexity, higher), _pair)
    if aggregation is theirs.bits_per_byte:
        return Kept(Corpus(name, _bits, higher), _pair)
    corpus = {theirs.bleu: "BLEU", theirs.chrf: "CHRF", theirs.chrfpp: "CHRF++", theirs.ter: "TER"}
    if aggregation in corpus:
        return Kept(Translation(name, higher, corpus[aggregation]), keep)
    return Kept(Aggregated(name, higher, aggregation), keep)


def _number(value: Any) -> ScoreValue:
    found = number(value)
    if found is None:
        raise TypeError(f"its mean is asked for, and a sample's value is {value!r}")
    return found


def _present(value: Any) -> ScoreValue | None:
    found = _number(value)
    return None if isinstance(found, float) and math.isnan(found) else found


def _pair(value: Any) -> ScoreValue:
    total, size = value
    return float(total), float(size)


def _perplexity(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    from harness.authoring.metrics import ratio

    with np.errstate(over="ignore"):
        return np.exp(-ratio(sums[:, 0], sums[:, 1]))


def _bits(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    from harness.authoring.metrics import ratio

    return -ratio(sums[:, 0], sums[:, 1]) / math.log(2)


# --------------------------------------------------------------------------- any aggregation


@dataclass(frozen=True, slots=True)
class Aggregated:
    """What an aggregation of theirs makes of all samples, with a bootstrap interval.

    Attributes:
        name: As it is shown.
        higher_is_better: None where the definition does not say.
        aggregation: Theirs.
    """

    name: str
    higher_is_better: bool | None
    aggregation: Aggregation

    def value(self, rows: Sequence[Score]) -> float:
        """The aggregation of the rows."""
        return self._of([kept(row) for row in rows])

    def aggregate(self, rows: Sequence[Score]) -> Estimate:
        """The aggregation, and its percentiles over resampled samples or clusters."""
        import numpy as np

        from harness.stats import inference, resampling

        values = [kept(row) for row in rows]
        if not values:
            return inference.estimate(inference.Unknown(math.nan, "bootstrap of no samples"), 0)
        units = _units(rows)
        count = max(FEWEST, min(RESAMPLES, WORK // len(values)))
        replicates = np.array(
            [self._of([values[i] for i in drawn]) for drawn in _draws(units, count)]
        )
        found = resampling.from_replicates(self._of(values), replicates, len(units), "bootstrap")
        return inference.estimate(found, len(rows))

    def _of(self, values: list[Any]) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = number(self.aggregation(values))
            except (ArithmeticError, ValueError):  # a resample without one of the classes
                return math.nan
        return math.nan if found is None else found


def _units(rows: Sequence[Score]) -> list[list[int]]:
    """Places of the rows of each cluster."""
    clusters = clusters_of(rows)
    if clusters is None:
        return [[place] for place in range(len(rows))]
    found: dict[object, list[int]] = {}
    for place, cluster in enumerate(clusters):
        found.setdefault(place if cluster is None else cluster, []).append(place)
    return list(found.values())


def _draws(units: list[list[int]], count: int) -> list[list[int]]:
    import numpy as np

    rng = np.random.default_rng(0)
    chosen = rng.integers(0, len(units), size=(count, len(units)))
    return [[place for unit in row for place in units[unit]] for row in chosen]


# --------------------------------------------------------------------------- translation


@dataclass(frozen=True, slots=True)
class Translation:
    """BLEU, chrF or TER of the whole, from the counts of each sentence, with sacrebleu's code.

    Attributes:
        name: As it is shown.
        higher_is_better: False for TER.
        kind: ``BLEU``, ``CHRF``, ``CHRF++`` or ``TER``.
    """

    name: str
    higher_is_better: bool | None
    kind: str
    _counts: dict[tuple[str, int], list[float]] = field(default_factory=dict, compare=False)

    def value(self, rows: Sequence[Score]) -> float:
        """The score of the rows."""
        return float(self._compute(self._statistics(rows).sum(axis=0, keepdims=True))[0])

    def aggregate(self, rows: Sequence[Score]) -> Estimate:
        """The score with its bootstrap interval."""
        import numpy as np

        from harness.stats import resampling

        statistics = self._statistics(rows) if rows else np.empty((0, 0))
        return resampling.bootstrap(statistics, self._compute, clusters_of(rows))

    @property
    def signature(self) -> str:
        """sacrebleu's own."""
        return f"sacrebleu {self.kind}, its defaults"

    def _scorer(self) -> Any:
        import sacrebleu

        made: dict[str, Callable[[], Any]] = {
            "BLEU": sacrebleu.BLEU,
            "CHRF": sacrebleu.CHRF,
            "CHRF++": partial(sacrebleu.CHRF, word_order=2),
            "TER": sacrebleu.TER,
        }
        return made[self.kind]()

    def _statistics(self, rows: Sequence[Score]) -> NDArray[np.float64]:
        """Counts, shape (n, k). lm_eval takes as many references as every sentence has."""
        import numpy as np

        pairs = [kept(row) for row in rows]
        references = [[one] if isinstance(one, str) else list(one) for one, _ in pairs]
        fewest = min(map(len, references))
        scorer = self._scorer()
        counts = []
        for row, each, (_, answer) in zip(rows, references, pairs, strict=True):
            key = (str(row.value), fewest)
            if key not in self._counts:
                text = answer if isinstance(answer, str) else answer[0]
                streams = [[reference] for reference in each[:fewest]]
                (found,) = scorer._extract_corpus_statistics([text], streams)
                self._counts[key] = [float(value) for value in found]
            counts.append(self._counts[key])
        return np.array(counts)

    def _compute(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        import numpy as np

        scorer = self._scorer()
        return np.array([self._score(scorer, row) for row in sums])

    def _score(self, scorer: Any, row: NDArray[np.float64]) -> float:
        sums = [round(value) for value in row] if self.kind != "TER" else list(row)
        return float(scorer._compute_score_from_stats(sums).score)
