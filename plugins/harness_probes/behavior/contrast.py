"""Contrast sets: near-equal texts with different labels, right only together.

Gardner et al. 2020, "Evaluating models' local decision boundaries via contrast sets".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.authoring import options
from harness.authoring.metrics import Mean
from harness.authoring.readers import rows
from harness.authoring.readers.labels import Labels
from harness.protocols import Task, TaskOptions, TaskSpec
from harness.types import DataSource, Sample, ScoreValue
from harness_probes.behavior.classify import TEMPLATES, Chances, Labeller, best

LABELS = ("negative", "positive")
SAMPLES = Path(__file__).parent / "samples"


def open_contrast_sets(chosen: TaskOptions) -> Task:
    """Sets of texts with the labels negative and positive, or two of your own."""
    labeller = Labeller.of(chosen, LABELS, "contrast_sets")
    labels = Labels.of(labeller.labels, chosen)
    metrics = tuple(Mean(name, bounds=(0.0, 1.0)) for name in ("consistency", "accuracy"))
    return labeller.task(
        "contrast_sets", lambda data: read(data, labels), _texts, _consistency, metrics
    )


def _consistency(sample: Sample, found: Sequence[Chances | None]) -> Mapping[str, ScoreValue]:
    """Whether all members are right, and their share."""
    labels = sample.metadata["labels"]
    assert isinstance(labels, list | tuple)
    right = [
        each is not None and best(each) == label for each, label in zip(found, labels, strict=True)
    ]
    return {"consistency": float(all(right)), "accuracy": sum(right) / len(right)}


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
    options=options.lazily("harness_probes.settings", "LabelMap"),
    templates=TEMPLATES,
)
