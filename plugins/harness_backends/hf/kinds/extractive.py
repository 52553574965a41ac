"""Extractive question answering: the best span of a passage by start and end logits.

The rules are those of the SQuAD evaluation that ``transformers`` publishes (``run_qa.py``):
windows of the passage that overlap by ``doc_stride``; in each, spans between the 20 likeliest
starts and ends that lie in the passage, run forward and are not too long; the best sum of logits
over all windows. Where there may be no answer, the empty one scores the logits of the first
token, the least over the windows, and wins if that is more than the best span's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.authoring.chat.encoding import EncodingError
from harness.errors import ModelError
from harness.types import Completion, ExtractAnswer, Request, Response
from harness_backends.hf.kinds.encoder import Row
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.settings import Settings

N_BEST = 20
MAX_LENGTH = 384
"""Tokens of question and window together, where the user does not say: what models for SQuAD
are trained with."""


@dataclass(frozen=True, slots=True)
class Logits:
    """Of one window: each token's logit as start and as end of the answer."""

    starts: tuple[float, ...]
    ends: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens of a window, both ends included, with the sum of their logits."""

    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Windows:
    """A question with its passage in pieces.

    Attributes:
        rows: One a window.
        offsets: For each token of each window, its first character in the passage and the one
            after its last; None where it is none of the passage's.
        context: The passage.
        answerable: Whether it is known to hold an answer.
        max_answer_length: In tokens.
    """

    rows: tuple[Row, ...]
    offsets: tuple[tuple[tuple[int, int] | None, ...], ...]
    context: str
    answerable: bool
    max_answer_length: int
    truncated: bool = False

    def answer(self, results: Sequence[Logits]) -> Response:
        """The best span's text; empty where none is allowed, or the empty answer scores higher."""
        best: tuple[Span, str] | None = None
        for logits, offsets in zip(results, self.offsets, strict=True):
            allowed = [offset is not None for offset in offsets]
            span = best_span(logits, allowed, self.max_answer_length)
            if span is not None and (best is None or span.score > best[0].score):
                first, last = offsets[span.start], offsets[span.end]
                assert first is not None and last is not None
                best = span, self.context[first[0] : last[1]]
        if best is None:
            return Completion("")
        empty = min(logits.starts[0] + logits.ends[0] for logits in results)
        if not self.answerable and empty > best[0].score:
            return Completion("")
        return Completion(best[1])


def best_span(logits: Logits, allowed: Sequence[bool], max_length: int) -> Span | None:
    """The span with the highest sum among the ``N_BEST`` starts and ends; None where none fits.

    Args:
        logits: Of one window.
        allowed: For each of its tokens, whether an answer may start and end there.
        max_length: Most tokens of an answer.
    """
    spans = (
        Span(logits.starts[start] + logits.ends[end], start, end)
        for start in _highest(logits.starts)
        for end in _highest(logits.ends)
        if allowed[start] and allowed[end] and start <= end < start + max_length
    )
    return max(spans, key=lambda span: span.score, default=None)


def _highest(values: Sequence[float]) -> list[int]:
    return sorted(range(len(values)), key=lambda index: -values[index])[:N_BEST]


class ExtractiveHead:
    """Reads a question-answering head.

    Args:
        checkpoint: The model.
        settings: ``max_length``, ``doc_stride`` and ``max_answer_length``.

    Raises:
        ModelError: The tokenizer does not say where its tokens lie in the text.
    """

    supports: frozenset[type] = frozenset({ExtractAnswer})

    def __init__(self, checkpoint: Checkpoint, settings: Settings) -> None:
        self._tokenizer = checkpoint.tokenizer
        if not self._tokenizer.is_fast:
            raise ModelError(
                f"the tokenizer of {checkpoint.name} does not say where tokens lie in a text",
                "Save a fast one (tokenizer.json) beside the model",
            )
        self._window = settings.max_length or min(MAX_LENGTH, checkpoint.max_length)
        self._stride, self._longest = settings.doc_stride, settings.max_answer_length

    @property
    def identity(self) -> Mapping[str, object]:
        """See ``Answerer``."""
        return {
            "window": self._window,
            "doc_stride": self._stride,
            "max_answer_length": self._longest,
        }

    def check(self, requests: Sequence[Request]) -> None:
        """Any request of its type can be asked."""

    def question(self, request: Request) -> Windows:
        """See ``Head``."""
        assert isinstance(request, ExtractAnswer)
        asked = request.question.lstrip()
        bare = self._tokenizer(asked, "", verbose=False)["input_ids"]
        room = self._window - len(bare)
        if room < 1:
            raise EncodingError(
                f"the question has {len(bare)} tokens, which leaves no room for the passage: "
                f"the model takes {self._window}"
            )
        encoded = self._tokenizer(
            asked,
            request.context,
            truncation="only_second",
            max_length=self._window,
            # A long question leaves small windows, which must still move on.
            stride=min(self._stride, room // 2),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            padding=False,
            verbose=False,
        )
        types = encoded.get("token_type_ids")
        rows, offsets = [], []
        for window, tokens in enumerate(encoded["input_ids"]):
            rows.append(Row(tuple(tokens), () if types is None else tuple(types[window])))
            offsets.append(
                tuple(
                    (int(place[0]), int(place[1])) if sequence == 1 else None
                    for place, sequence in zip(
                        encoded["offset_mapping"][window],
                        encoded.sequence_ids(window),
                        strict=True,
                    )
                )
            )
        return Windows(
            tuple(rows), tuple(offsets), request.context, request.answerable, self._longest
        )

    def read(self, output: Any, rows: Sequence[Row]) -> list[Logits]:  # noqa: ARG002
        """The rows' logits."""
        return [
            Logits(tuple(starts), tuple(ends))
            for starts, ends in zip(
                output.start_logits.float().tolist(),
                output.end_logits.float().tolist(),
                strict=True,
            )
        ]
