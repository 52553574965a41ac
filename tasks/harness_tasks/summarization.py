"""Summaries of documents: XSum, CNN/DailyMail, and your own data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.authoring import generation, options, prompts
from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.samples import aligned, identifier, read, shared
from harness.authoring.readers.text_files import Row
from harness.protocols import Task, TaskOptions
from harness.types import DataSource, HubDataset, Sample, Sampling
from harness_tasks.specs import spec

VERSION = "2"
FIELDS = frozenset({"document", "summary"})
HELM_FIELDS = FIELDS | {
    "article", "summary_gt", "logprobs", "max_tokens", "n", "stop", "temperature", "top_p",
}  # fmt: skip
HEADER = Header(FIELDS | {"article", "highlights", "summary_gt"})
HELM_START = "Article: "
HELM_END = "\n\nSummarize the above article"


def _templates(length: str) -> Mapping[str, str]:
    return {
        "default": "###\nArticle: {{ document }}\n\nSummarize the above article in "
        f"{length}.\n",
        "tldr": "{{ document }}\n\nTL;DR:",
        "document": "{{ document }}",
        "t5": "summarize: {{ document }}",
        "instruct": f"Summarize the following article in {length}. "
        "Answer with the summary alone.\n\nArticle: {{ document }}\n\nSummary:",
    }


ONE_SENTENCE = _templates("1 sentence")
THREE_SENTENCES = _templates("3 sentences")


def open_xsum(chosen: TaskOptions) -> Task:
    """XSum: one sentence that says what a news article is about."""
    return _open("xsum", ONE_SENTENCE, chosen)


def open_cnn_dailymail(chosen: TaskOptions) -> Task:
    """CNN/DailyMail: the highlights of a news article."""
    return _open("cnn_dailymail", THREE_SENTENCES, chosen, long=True)


def open_summarization(chosen: TaskOptions) -> Task:
    """Your own documents."""
    return _open("summarization", ONE_SENTENCE, chosen)


def _open(name: str, known: Mapping[str, str], chosen: TaskOptions, long: bool = False) -> Task:
    from harness_tasks.metrics.evaluate_library import with_library_metrics
    from harness_tasks.metrics.rouge import Rouge, remarks
    from harness_tasks.settings import LongSummary, Summary

    settings = options.read(LongSummary if long else Summary, chosen, name)
    template, source = prompts.choose(known, chosen)
    tokenizer, split = settings.tokenizer, settings.split
    return generation.task(
        name=name,
        reader=read_documents,
        prompt=prompts.Prompt(
            template,
            source,
            "document",
            lambda sample: sample.targets[0],
            delimiter="" if source.endswith("\n") else " ",
        ),
        sampling=Sampling(max_tokens=settings.max_tokens, stop=("###",)),
        graders=with_library_metrics([Rouge(tokenizer, split)], chosen),
        notes={"tokenizer": tokenizer, "split": split},
        version=VERSION,
        remark=lambda samples: remarks(samples, name, tokenizer),
    )


# --------------------------------------------------------------------------- readers


def read_documents(source: DataSource) -> Iterator[Sample]:
    """Streams rows of any format, HELM's XSum among them, line-aligned files or the hub's rows.

    Raises:
        DataError: A file or row cannot be read.
    """
    return read(source, read_row, HEADER, lines=_read_aligned)


def read_row(row: Row, place: Place) -> Sample:
    """A document with its summary.

    Own JSONL and the hub's XSum have ``document, summary``; the hub's CNN/DailyMail
    ``article, highlights``; HELM's XSum ``article`` (the prompt itself) and ``summary_gt``.
    """
    if "summary_gt" in row:
        return _read_helm(row, place)
    if "highlights" in row:
        document, summary = place.text(row, "article"), place.text(row, "highlights")
        return Sample(identifier(row, "id", place), document, (summary,))
    document, summary = place.text(row, "document"), place.text(row, "summary")
    return Sample(input=document, targets=(summary,), **shared(row, place, document, FIELDS))


def _read_helm(row: Row, place: Place) -> Sample:
    prompt, summary = place.text(row, "article"), place.text(row, "summary_gt")
    _, start, rest = prompt.partition(HELM_START)
    document, end, _ = rest.rpartition(HELM_END)
    if not (start and end and document):
        raise place.error(
            f"field 'article' is not HELM's prompt: {prompt[:60]!r}",
            f"a text of the form '…{HELM_START}DOCUMENT{HELM_END} …'",
        )
    arguments = shared({**row, "prompt": prompt}, place, document, HELM_FIELDS)
    return Sample(input=document, targets=(summary,), **arguments)


def _read_aligned(paths: tuple[str, ...]) -> Iterator[Sample]:
    """One document a line, and its summary on the same line of the other file (or files)."""
    for number, (document, *summaries) in aligned(paths):
        yield Sample(str(number), document, tuple(summaries))


SPECS = (
    spec(
        "summarization/xsum",
        "XSum: summarize a news article in one sentence",
        open_xsum,
        hub=HubDataset("EdinburghNLP/xsum", split="test"),
        options="Summary",
        templates=ONE_SENTENCE,
    ),
    spec(
        "summarization/cnn_dailymail",
        "CNN/DailyMail: the highlights of a news article",
        open_cnn_dailymail,
        hub=HubDataset("abisee/cnn_dailymail", "3.0.0", split="test"),
        options="LongSummary",
        templates=THREE_SENTENCES,
    ),
    spec(
        "summarization/summarization",
        "your own documents, summarized in one sentence",
        open_summarization,
        options="Summary",
        templates=ONE_SENTENCE,
    ),
)
