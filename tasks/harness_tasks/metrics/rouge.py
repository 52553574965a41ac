"""ROUGE-1, -2, -L and -Lsum F1 with the ``rouge-score`` package, Porter stemmer on (Lin 2004)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from harness.errors import MissingExtraError
from harness.metrics import Mean
from harness.protocols import Metric
from harness.types import Sample, ScoreValue

NAMES = ("rouge1", "rouge2", "rougeL", "rougeLsum")


class Rouge:
    """Per-summary F1 in [0, 1]; the best over the references, each type for itself.

    For rougeLsum both texts are split into sentences at line ends, as the package does.

    Raises:
        MissingExtraError: ``rouge-score`` is not installed.
    """

    def __init__(self) -> None:
        try:
            from importlib.metadata import version

            from rouge_score import rouge_scorer
        except ImportError as error:
            raise MissingExtraError("ROUGE", "tasks") from error
        self._scorer = rouge_scorer.RougeScorer(list(NAMES), tokenizer=_RememberingTokenizer())
        signature = f"rouge-score|stemmer:porter|version:{version('rouge-score')}"
        self._metrics = tuple(Mean(name, signature=signature, bounds=(0.0, 1.0)) for name in NAMES)

    @property
    def metrics(self) -> Sequence[Metric]:
        """See ``harness_tasks.base.Grader``."""
        return self._metrics

    def grade(self, prediction: str, sample: Sample) -> Mapping[str, ScoreValue]:
        """See ``harness_tasks.base.Grader``."""
        scores = self._scorer.score_multi(sample.targets, prediction)
        return {name: float(scores[name].fmeasure) for name in NAMES}


class _RememberingTokenizer:
    """The package's tokenizer with each stem and recent text worked out once.

    Stemming is most of ROUGE's time, and each text is asked for once per ROUGE type.
    """

    def __init__(self) -> None:
        from nltk.stem import porter
        from rouge_score import tokenize

        self.stem = lru_cache(maxsize=1 << 16)(porter.PorterStemmer().stem)
        self.tokenize = lru_cache(maxsize=64)(lambda text: tokenize.tokenize(text, self))
