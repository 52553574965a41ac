"""Perplexity of a language model on whole texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.authoring.readers import text_files
from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.text_files import Row
from harness.errors import DataError
from harness.protocols import Metric, Task, TaskOptions, TaskSpec
from harness.types import (
    DataSource,
    HubDataset,
    Logprob,
    Request,
    Response,
    RollingLoglikelihood,
    Sample,
    ScoreValue,
)
from harness_tasks.languages import named, scripts_not_split
from harness_tasks.rows import read, shared

SAMPLES = Path(__file__).parent / "samples"
FIELDS = frozenset({"text", "page"})


def open_perplexity(chosen: TaskOptions) -> Task:  # noqa: ARG001
    """Perplexity per word and byte of your own texts, or of WikiText-2."""
    from harness_tasks.metrics.perplexity import metrics, values

    return PerplexityTask(metrics(), values)


@dataclass(frozen=True, slots=True)
class PerplexityTask:
    """The log-probability of whole texts, every token scored once."""

    metrics: Sequence[Metric]
    values: Callable[[float, str], Mapping[str, ScoreValue]]
    name: str = "perplexity"
    version: str = "2"

    @property
    def settings(self) -> Mapping[str, str]:
        """How the model is asked, in words."""
        return {"scoring": "rolling log-likelihood", "words": "split at white space"}

    def remarks(self, samples: Sequence[Sample]) -> Iterable[str]:
        """Texts without blanks, which have no words to count."""
        if whole := scripts_not_split("none", (sample.input for sample in samples)):
            yield (
                "word_perplexity leaves out texts in scripts without blanks between words: "
                f"{named(whole)}; byte_perplexity and bits_per_byte hold for all"
            )

    def samples(self, data: DataSource) -> Iterable[Sample]:
        """See ``harness.protocols.Task``."""
        return read_texts(data)

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:  # noqa: ARG002
        """The text itself; examples have no place before it."""
        return [RollingLoglikelihood(sample.input)]

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        """The text's statistics; see ``harness_tasks.metrics.perplexity``."""
        (response,) = responses
        assert isinstance(response, Logprob)
        return self.values(response.total, sample.input)


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
        sample_data=SAMPLES / "perplexity.jsonl",
        hub=HubDataset(
            "EleutherAI/wikitext_document_level", "wikitext-2-raw-v1", split="test", shots=None
        ),
    ),
)
