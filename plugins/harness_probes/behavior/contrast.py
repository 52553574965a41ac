"""Contrast sets: near-equal texts with different labels, right only together.

Gardner et al. 2020, "Evaluating models' local decision boundaries via contrast sets".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import data
from harness.errors import DataError, UsageError
from harness.metrics import Mean
from harness.protocols import Metric, Task, TaskOptions, TaskSpec
from harness.types import DataSource, Request, Response, Sample, ScoreValue
from harness_probes.behavior.classify import OPTIONS, TEMPLATES, Labeller, best

LABELS = ("negative", "positive")
SAMPLES = Path(__file__).parent / "samples"


def open_contrast_sets(chosen: TaskOptions) -> Task:
    """Sets of texts with the labels negative and positive, or two of your own."""
    return ContrastSets(
        Labeller.of(chosen, LABELS),
        tuple(Mean(name, bounds=(0.0, 1.0)) for name in ("consistency", "accuracy")),
    )


@dataclass(frozen=True, slots=True)
class ContrastSets:
    """A set is a sample: consistent when every member is right."""

    labeller: Labeller
    metrics: Sequence[Metric]
    name: str = "contrast_sets"
    version: str = "1"

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
        return read(Path(data.paths[0]), self.labeller.labels)

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:  # noqa: ARG002
        """The labels of every member."""
        return self.labeller.requests(_texts(sample))

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        """Whether all members are right, and their share."""
        chances = self.labeller.probabilities(_texts(sample), responses)
        labels = sample.metadata["labels"]
        assert isinstance(labels, list | tuple)
        right = [best(each) == label for each, label in zip(chances, labels, strict=True)]
        return {"consistency": float(all(right)), "accuracy": sum(right) / len(right)}


def _texts(sample: Sample) -> list[str]:
    """The first member, which a probe may have changed, and the others."""
    more = sample.metadata["others"]
    assert isinstance(more, list | tuple)
    return [sample.input, *map(str, more)]


def read(path: Path, labels: Sequence[str]) -> Iterator[Sample]:
    """JSONL: ``texts`` and ``labels`` (words or numbers from 0), one set a row; ``id`` optional.

    Raises:
        DataError: A row cannot be read, or has not a known label for each text.
    """
    for line, row in data.read_jsonl(path):
        texts = data.field(row, "texts", list, path, line)
        given = data.field(row, "labels", list, path, line)
        numbers = [labels.index(label) if label in labels else label for label in given]
        known = all(isinstance(n, int) and 0 <= n < len(labels) for n in numbers)
        if len(texts) < 2 or len(texts) != len(numbers) or not known:
            raise DataError(
                "not a contrast set",
                path=path,
                line=line,
                expected=f"two or more texts, each with one of the labels {', '.join(labels)}",
            )
        yield Sample(
            id=str(row.get("id", line)),
            input=texts[0],
            metadata={"others": texts[1:], "labels": numbers},
        )


SPEC = TaskSpec(
    "contrast_sets",
    "contrast sets: near-equal texts whose labels differ",
    open_contrast_sets,
    sample_data=SAMPLES / "contrast_sets.jsonl",
    suites=("behavior",),
    options=OPTIONS,
    templates=TEMPLATES,
)
