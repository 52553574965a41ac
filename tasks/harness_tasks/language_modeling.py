"""Perplexity of a language model on whole texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from harness.authoring.readers import text_files
from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.samples import read, shared
from harness.authoring.readers.text_files import Row
from harness.authoring.tasks import ComposedTask
from harness.errors import DataError
from harness.protocols import Task, TaskOptions, TaskSpec
from harness.types import (
    DataSource,
    HubDataset,
    Logprob,
    Response,
    RollingLoglikelihood,
    Sample,
    ScoreValue,
)
from harness_tasks.languages import named, scripts_not_split
from harness_tasks.specs import SAMPLES

FIELDS = frozenset({"text", "page"})


def open_perplexity(chosen: TaskOptions) -> Task:  # noqa: ARG001
    """Perplexity per word and byte of your own texts, or of WikiText-2."""
    from harness_tasks.metrics.perplexity import metrics, values

    def score(sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        (response,) = responses
        assert isinstance(response, Logprob)
        return values(response.total, sample.input)

    return ComposedTask(
        name="perplexity",
        metrics=metrics(),
        settings={"scoring": "rolling log-likelihood", "words": "split at white space"},
        reader=read_texts,
        # The text itself; examples have no place before it.
        ask=lambda sample, _: [RollingLoglikelihood(sample.input)],
        grade=score,
        version="2",
        remark=_remarks,
    )


def _remarks(samples: Sequence[Sample]) -> Iterable[str]:
    """Texts without blanks, which have no words to count."""
    if whole := scripts_not_split("none", (sample.input for sample in samples)):
        yield (
            "word_perplexity leaves out texts in scripts without blanks between words: "
            f"{named(whole)}; byte_perplexity and bits_per_byte hold for all"
        )


def read_texts(source: DataSource) -> Iterator[Sample]:
    """Streams rows (``text``; the hub's ``page``) of any format, or a ``.txt`` file as one text.

    Raises:
        DataError: A file or row cannot be read.
    """
    return read(source, read_row, Header(FIELDS), files={".txt": _read_file})


def read_row(row: Row, place: Place) -> Sample:
    """One text."""
    text = place.text(row, "page" if "page" in row else "text")
    return Sample(input=text, **shared(row, place, text, FIELDS))


def _read_file(path: Path) -> Iterator[Sample]:
    text = text_files.read_text(path)
    if not text.strip():
        raise DataError("the file is empty", path=path, expected="some text")
    yield Sample(path.name, text)


SPECS = (
    TaskSpec(
        "perplexity",
        "perplexity of whole texts, per word and per byte",
        open_perplexity,
        sample_data=SAMPLES / "language_modeling/perplexity.jsonl",
        hub=HubDataset(
            "EleutherAI/wikitext_document_level", "wikitext-2-raw-v1", split="test", shots=None
        ),
    ),
)
