"""Perplexity of a language model on whole texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.authoring import perplexity
from harness.authoring.readers.texts import read_plain
from harness.protocols import Task, TaskOptions, TaskSpec
from harness.types import HubDataset, Sample
from harness_tasks.languages import named, scripts_not_split
from harness_tasks.specs import SAMPLES


def open_perplexity(chosen: TaskOptions) -> Task:  # noqa: ARG001
    """Perplexity per word and byte of your own texts, or of WikiText-2."""
    from harness_tasks.metrics.perplexity import grader

    return perplexity.task("perplexity", read_plain, [grader()], version="2", remark=_remarks)


def _remarks(samples: Sequence[Sample]) -> Iterable[str]:
    """Texts without blanks, which have no words to count."""
    if whole := scripts_not_split("none", (sample.input for sample in samples)):
        yield (
            "word_perplexity leaves out texts in scripts without blanks between words: "
            f"{named(whole)}; byte_perplexity and bits_per_byte hold for all"
        )


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
