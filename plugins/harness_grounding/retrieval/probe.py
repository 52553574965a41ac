"""The probe ``retrieval``: each question with retrieved passages, and without any."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

from harness.authoring import option_models
from harness.authoring.chat import prompt_templates as templates
from harness.authoring.io.run_options import parse_pairs
from harness.authoring.metrics import Resamplable, clusters_of, statistics_of, values_of
from harness.authoring.reporting import numbers
from harness.errors import UsageError
from harness.protocols import AskModel, Metric, Probe, ProbeOptions, bounds_of
from harness.stats import estimates, resampling
from harness.stats.inference import Array
from harness.types import Estimate, Sample, Score, Skipped
from harness_grounding.retrieval import dense, passages, ranking
from harness_grounding.retrieval.dense import DenseIndex
from harness_grounding.retrieval.index import Index

BM25 = "bm25"
WITHOUT, WITH = 0, 1
"""The numbers of the variants."""
CONTEXT = "{% for passage in passages %}{{ passage }}\n\n{% endfor %}"
INPUT = "{% for passage in passages %}{{ passage }}\n\n{% endfor %}{{ input }}"
SHARE = (0.0, 1.0)


class Options(BaseModel):
    """What ``--set retrieval.KEY=VALUE`` may set."""

    corpus: str = Field(
        passages.OWN, description="folder or file of passages, or self: the task's own contexts"
    )
    retriever: str = Field(
        BM25, description="bm25, or an encoder's checkpoint as for --model: dense retrieval"
    )
    k: int = Field(3, ge=1, le=100, description="passages in the prompt")
    template: str = Field(
        "", description="Jinja2 of passages (and input, where a task has no context)"
    )
    query_prefix: str = Field("", description="what an encoder reads before a question")
    passage_prefix: str = Field("", description="what an encoder reads before a passage")
    similarity: Literal["cosine", "dot"] = Field(
        "cosine", description="of an encoder's vectors: cosine, or their dot product"
    )
    encoder_settings: tuple[str, ...] = Field(
        (), description="settings of the encoder: KEY=VALUE, separated by commas"
    )


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What was found for one sample.

    Attributes:
        places: Of the passages, best first.
        gold: The right ones; empty where they are not known.
        same: Whether the sample already has just these as its context, so that it is not asked
            again.
        has_context: Whether the original shows a passage.
    """

    places: Sequence[int]
    gold: frozenset[int]
    same: bool = False
    has_context: bool = False


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Variant 0 asks without passages, variant 1 with those that are found.

    Where a sample has a ``context``, the passages take its place; else they stand before the input,
    and the original itself is the one without.
    """

    options: Options
    index: Index | DenseIndex | None = field(default=None, repr=False)
    found: Mapping[str, Retrieved] = field(default_factory=dict, repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)
    name: str = "retrieval"

    def prepared(self, samples: Sequence[Sample], ask: AskModel) -> Retrieval:
        """Builds or loads the index, and searches for all samples.

        Raises:
            DataError: The corpus cannot be read.
            MissingExtraError: ``bm25s`` is not installed.
            RunFailedError: The encoder failed.
        """
        corpus = self._corpus(samples)
        if not corpus:
            return self
        index = self._index(corpus, ask)
        queries = [sample.input for sample in samples]
        places = index.search(queries, self.options.k)
        if places is None:  # nothing may be asked, as in `harness plan`
            return self
        ready = replace(self, index=index)
        found = {
            sample.id: Retrieved(
                of,
                passages.gold(sample, corpus),
                ready._is_same(sample, of),
                bool(str(sample.metadata.get("context") or "").strip()),
            )
            for sample, of in zip(samples, places, strict=True)
        }
        settings = {
            "retriever": index.method,
            "corpus": f"{self.options.corpus} ({index.digest[:12]})",
            "k": str(self.options.k),
        }
        return replace(self, index=index, found=found, settings=settings)

    def _index(self, corpus: Sequence[passages.Passage], ask: AskModel) -> Index | DenseIndex:
        options = self.options
        if options.retriever == BM25:
            return Index(corpus)
        encoder = dense.Encoder(
            options.retriever,
            encoder_settings(options),
            options.query_prefix,
            options.passage_prefix,
            options.similarity,
        )
        return DenseIndex(corpus, encoder, ask)

    def _is_same(self, sample: Sample, places: Sequence[int]) -> bool:
        assert self.index is not None
        if not places or "context" not in sample.metadata:
            return False
        shown = self._with(sample, [self.index.passages[place].text for place in places])
        return bool(shown.metadata["context"] == sample.metadata["context"])

    def _corpus(self, samples: Sequence[Sample]) -> list[passages.Passage]:
        if self.options.corpus == passages.OWN:
            return passages.own(samples)
        return passages.read(Path(self.options.corpus))

    def perturb(self, sample: Sample, rng: random.Random) -> Iterable[Sample | Skipped | None]:  # noqa: ARG002
        """The sample without passages, and with those that were found."""
        if self.index is None or sample.id not in self.found:
            return [Skipped("no passages: set retrieval.corpus, or the encoder has not been asked")]
        texts = [self.index.passages[place].text for place in self.found[sample.id].places]
        has_context = "context" in sample.metadata
        without = self._with(sample, []) if has_context else None
        if not texts:
            return [without, Skipped("no passage shares a word with it")]
        return [without, self._with(sample, texts)]

    def _with(self, sample: Sample, texts: Sequence[str]) -> Sample:
        has_context = "context" in sample.metadata
        source = self.options.template or (CONTEXT if has_context else INPUT)
        told = templates.render(source, {"passages": list(texts), "input": sample.input})
        if not has_context:
            return replace(sample, input=told)
        metadata = {**sample.metadata, "context": told.strip()}
        if texts:  # groundedness is measured against what the model was shown
            metadata["passages"] = list(texts)
        return replace(sample, metadata=metadata)

    def aggregate(
        self, metric: Metric, original: Sequence[Score], perturbed: Sequence[Score]
    ) -> Mapping[str, Estimate]:
        """Scores without and with passages, the difference, and how good the search was."""
        shown = {row.sample_id: row for row in perturbed if row.variant == WITH}
        before = {row.sample_id: row for row in perturbed if row.variant == WITHOUT}
        for row in original:
            found = self.found.get(row.sample_id)
            if found is None:
                continue
            if not found.has_context:
                before.setdefault(row.sample_id, row)
            if found.same:
                shown[row.sample_id] = row
            elif not found.places and row.sample_id in before:
                shown[row.sample_id] = before[row.sample_id]  # nothing to show is to go without
        ids = [row.sample_id for row in original if {row.sample_id} <= shown.keys() & before.keys()]
        if not ids:
            return {}
        one, other = [before[each] for each in ids], [shown[each] for each in ids]
        measures = {
            "retrieval_difference": gain(metric, one, other),
            "score_without": metric.aggregate(one),
            "score_with": metric.aggregate(other),
        }
        return measures | self._search(other) | self._errors(metric, other)

    def summary(self, metric: str, measures: Mapping[str, Estimate]) -> str | None:
        """What retrieval adds, and how many of the errors left it cannot mend."""
        added = measures.get("retrieval_difference")
        if added is None:
            return None
        told = f"retrieval adds {_told(added, signed=True)} to {metric}"
        had = measures.get("errors_with_passage")
        if had is not None:
            told += f"; of the {had.n:,} answers that are still wrong, {_told(had)} had the passage"
        return told

    def _search(self, rows: Sequence[Score]) -> dict[str, Estimate]:
        """How good the search was, over the samples whose right passages are known."""
        known = [row for row in rows if self._gold(row)]
        if not known:
            return {}
        k = self.options.k
        of = [(self.found[row.sample_id].places, self._gold(row)) for row in known]
        values: dict[str, Callable[[Sequence[int], frozenset[int]], float]] = {
            f"recall_at_{k}": ranking.recall,
            "mrr": ranking.reciprocal_rank,
            f"ndcg_at_{k}": lambda places, gold: ranking.ndcg(places, gold, k),
        }
        clusters = clusters_of(known)
        return {
            name: estimates.mean([value(*each) for each in of], clusters, bounds=SHARE)
            for name, value in values.items()
        }

    def _errors(self, metric: Metric, rows: Sequence[Score]) -> dict[str, Estimate]:
        """Of the answers below one half, the share that was given the right passage."""
        if bounds_of(metric) not in (None, SHARE) or metric.higher_is_better is not True:
            return {}
        wrong = [
            row
            for row in rows
            if isinstance(row.value, float) and row.value < 0.5 and self._gold(row)
        ]
        if not wrong:
            return {}
        had = [
            float(bool(set(self.found[row.sample_id].places) & self._gold(row))) for row in wrong
        ]
        return {"errors_with_passage": estimates.mean(had, clusters_of(wrong), bounds=SHARE)}

    def _gold(self, row: Score) -> frozenset[int]:
        found = self.found.get(row.sample_id)
        return found.gold if found is not None else frozenset()


def _told(estimate: Estimate, signed: bool = False) -> str:
    number = numbers.number(estimate, signed=signed)
    return f"{number.value} {number.interval}".strip()


def gain(metric: Metric, before: Sequence[Score], after: Sequence[Score]) -> Estimate:
    """What a metric is more of the same samples asked in another way, paired."""
    clusters = clusters_of(before)
    if isinstance(metric, Resamplable):
        compute = metric.compute
        columns = [statistics_of(rows, metric) for rows in (before, after)]
        width = columns[0].shape[1]

        def difference(sums: Array) -> Array:
            return compute(sums[:, width:]) - compute(sums[:, :width])

        return resampling.bootstrap(np.concatenate(columns, axis=1), difference, clusters)
    bounds = bounds_of(metric)
    wide = None if bounds is None else (bounds[0] - bounds[1], bounds[1] - bounds[0])
    return estimates.mean(values_of(after) - values_of(before), clusters, bounds=wide)


def open_retrieval(options: ProbeOptions) -> Probe:
    """Reads the options.

    Raises:
        UsageError: One is out of range, there is no such corpus, or a setting of the encoder is no
            pair.
    """
    read = option_models.read(Options, options.values, "retrieval")
    if read.corpus != passages.OWN and not Path(read.corpus).exists():
        raise UsageError(
            f"retrieval.corpus={read.corpus}: there is no such file or folder",
            "Name a folder of texts, or a file of rows with 'text'.",
        )
    encoder_settings(read)  # before anything is asked
    return Retrieval(read)


def encoder_settings(options: Options) -> dict[str, str]:
    """The settings of the retriever's model.

    Raises:
        UsageError: One is no pair.
    """
    return parse_pairs(options.encoder_settings, "retrieval.encoder_settings")
