"""Training documents as tokens, loss weights and batches."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo_model.corpus import Document
from demo_model.tokenizer import ASSISTANT, END, EOS, USER

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

ANSWER_WEIGHTS: Mapping[str, float] = {
    "qa": 1.5,
    "sentiment": 4.0,
    "bbq": 3.0,
    "choices": 1.5,
    "continuation": 0.5,
    "translation": 0.3,
    "summary": 0.3,
    "sentence": 0.5,
    "story": 0.1,
}
"""Loss weight of one answer token of each family: short answers count more."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A document's tokens; ``weights[i]`` is the loss weight of predicting token i (0: none)."""

    tokens: list[int]
    weights: list[float]


def render(document: Document) -> tuple[str, list[tuple[int, int, float]]]:
    """The document as one string, and which characters count how much: (start, end, weight).

    Solved examples stand before the last prompt as in a few-shot prompt.  An answer ends with a
    new line, with the chat template's end of turn, or (a plain text) with the end of sequence.
    """
    text = USER if document.chat else ""
    spans = []
    for example in document.examples:
        last = example is document.examples[-1]
        text += example.prompt
        start = len(text)
        if document.chat and last:
            text += END + ASSISTANT
            start = len(text)
            text += example.answer + END
        elif example.prompt:
            text += f" {example.answer}\n"
        else:
            text += example.answer + EOS
        spans.append((start, len(text), ANSWER_WEIGHTS[example.family]))
        if not last:
            text += "\n"
    return text, spans


def encode(tokenizer: PreTrainedTokenizerFast, batch: list[Document], limit: int) -> list[Encoded]:
    """Tokens and loss weights of documents; those longer than ``limit`` tokens are left out."""
    rendered = [render(document) for document in batch]
    output = tokenizer([text for text, _ in rendered], return_offsets_mapping=True)
    encoded = []
    for tokens, offsets, (_, spans) in zip(
        output["input_ids"], output["offset_mapping"], rendered, strict=True
    ):
        weights = [0.0] * len(tokens)
        for start, end, weight in spans:
            for position, (first, last) in enumerate(offsets):
                if first >= start and last <= end and last > first:
                    weights[position] = weight
        if len(tokens) <= limit:
            encoded.append(Encoded(tokens, weights))
    return encoded


def batches(
    tokenizer: PreTrainedTokenizerFast,
    documents: Iterator[Document],
    *,
    tokens: int,
    pool: int,
    limit: int,
    seed: int,
) -> Iterator[list[Encoded]]:
    """Endless batches of about ``tokens`` tokens, padding included.

    ``pool`` documents at a time are sorted by length, so that a batch holds little padding, and
    the batches of a pool come in a seeded random order.
    """
    rng = random.Random(seed)
    while True:
        rows = encode(tokenizer, [next(documents) for _ in range(pool)], limit)
        rows.sort(key=lambda row: len(row.tokens))
        ready: list[list[Encoded]] = [[]]
        for row in rows:
            if ready[-1] and (len(ready[-1]) + 1) * len(row.tokens) > tokens:
                ready.append([])
            ready[-1].append(row)
        rng.shuffle(ready)
        yield from ready
