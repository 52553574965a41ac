"""Contrast sets: near-equal texts with different labels, right only together.

Gardner et al. 2020, "Evaluating models' local decision boundaries via contrast sets".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.authoring.metrics import Mean
from harness.authoring.readers import rows
from harness.authoring.readers.labels import OPTION as LABEL_MAP
from harness.authoring.readers.labels import Labels
from harness.errors import UsageError
from harness.protocols import Metric, Task, TaskOptions, TaskSpec
from harness.types import DataSource, Request, Response, Sample, ScoreValue
from harness_probes.behavior.classify import OPTIONS, TEMPLATES, Labeller, best

LABELS = ("negative", "positive")
SAMPLES = Path(__file__).parent / "samples"


def open_contrast_sets(chosen: TaskOptions) -> Task:
    """Sets of texts with the labels negative and positive, or two of your own."""
    labeller = Labeller.of(chosen, LABELS)
    metrics = tuple(Mean(name, bounds=(0.0, 1.0)) for name in ("consistency", "accuracy"))
    return ContrastSets(labeller, Labels.of(labeller.labels, chosen), (*metrics, *labeller.metrics))


@dataclass(frozen=True, slots=True)
class ContrastSets:
    """A set is a sample: consistent when every member is right."""

    labeller: Labeller
    labels: Labels
    metrics: Sequence[Metric]
    name: str = "contrast_sets"
    version: str = "2"

    @property
    def scored_by(self) -> tuple[str, ...]:
        """See ``harness.protocols.DeclaresScoring``."""
        return ("scoring", "labels", "template")

    @property
    def settings(self) -> Mapping[str, str]:
        """How the model is asked, in words."""
        return self.labeller.settings

    def samples(self, data: DataSource) -> Iterable[Sample]:
        """See ``harness.protocols.Task``."""
        if not data.paths:
            raise UsageError(
                "contrast_sets has no data set on the hub", "Give --data contrast_sets=FILE."
            )
        return read(data, self.labels)

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:  # noqa: ARG002
        """The labels of every member."""
        return self.labeller.requests(_texts(sample))

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        """Whether all members are right, and their share."""
        chances = self.labeller.probabilities(_texts(sample), responses)
        labels = sample.metadata["labels"]
        assert isinstance(labels, list | tuple)
        right = [
            each is not None and best(each) == label
            for each, label in zip(chances, labels, strict=True)
        ]
        return {
            "consistency": float(all(right)),
            "accuracy": sum(right) / len(right),
            **self.labeller.unread(chances),
        }


def _texts(sample: Sample) -> list[str]:
    """The first member, which a probe may have changed, and the others."""
    more = sample.metadata["others"]
    assert isinstance(more, list | tuple)
    return [sample.input, *map(str, more)]


def read(source: DataSource, labels: Labels) -> Iterator[Sample]:
    """Rows of ``texts`` and ``labels`` (words or numbers), one set a row; ``id`` optional.

    Raises:
        DataError: A row cannot be read, or has not a known label for each text.
    """
    for row, place in rows.read(source):
        texts = place.texts(row, "texts")
        given = place.field(row, "labels", list)
        if len(texts) < 2 or len(texts) != len(given):
            raise place.error(
                "not a contrast set",
                f"two or more texts, each with one of the labels {', '.join(labels.names)}",
            )
        yield Sample(
            id=str(place.ordinal if row.get("id") is None else row["id"]),
            input=texts[0],
            metadata={
                "others": list(texts[1:]),
                "labels": [labels.index(label, place) for label in given],
            },
        )


SPEC = TaskSpec(
    "contrast_sets",
    "contrast sets: near-equal texts whose labels differ",
    open_contrast_sets,
    sample_data=SAMPLES / "contrast_sets.jsonl",
    suites=("behavior",),
    options={**OPTIONS, **LABEL_MAP},
    templates=TEMPLATES,
)
