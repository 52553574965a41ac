"""Rows of token ids through an encoder with a head, and the answers made of what comes out.

request ──(a head's ``question``)──► rows ──(passes of rows of one length)──► results ──► response

Rows of one length share a pass, so nothing is padded: no answer depends on what a model does with
padding, and none on the batch size.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, Protocol, TypeVar

import torch

from harness.authoring.chat.encoding import EncodingError, Tokens
from harness.types import Failed, KeyedRequest, Request, Response, Usage
from harness_backends.hf.kinds.backend import Answered
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.memory import Budget

Result = TypeVar("Result")
Taken = TypeVar("Taken", contravariant=True)


@dataclass(frozen=True, slots=True)
class Row:
    """One input of the model.

    Attributes:
        tokens: Token ids, special ones included.
        types: Segment ids; empty where the model takes none.
        masked: Position and true token that a mask hides; None where none is.
    """

    tokens: Tokens
    types: Tokens = ()
    masked: tuple[int, int] | None = None


class Question(Protocol[Taken]):
    """An encoded request."""

    @property
    def rows(self) -> Sequence[Row]:
        """What the model is given."""
        ...

    @property
    def truncated(self) -> bool:
        """Whether its text was cut."""
        ...

    def answer(self, results: Sequence[Taken]) -> Response:
        """The response, from one result a row."""
        ...


class Head(Protocol[Result]):
    """What a kind of encoder makes of requests and of outputs."""

    supports: frozenset[type]

    @property
    def identity(self) -> Mapping[str, object]:
        """See ``Answerer``."""
        ...

    def check(self, requests: Sequence[Request]) -> None:
        """See ``Answerer``."""
        ...

    def question(self, request: Request) -> Question[Result]:
        """Encodes a request.

        Raises:
            EncodingError: It cannot be asked; the others go on.
        """
        ...

    def read(self, output: Any, rows: Sequence[Row]) -> list[Result]:
        """One result a row, from the model's output for these rows."""
        ...


class EncoderAnswerer(Generic[Result]):
    """Implements ``Answerer`` for models that read a text at once.

    Args:
        checkpoint: The model.
        head: Its head.
        budget: How many tokens and rows one pass may have.
    """

    def __init__(self, checkpoint: Checkpoint, head: Head[Result], budget: Budget) -> None:
        self.supports = head.supports
        self.computed_tokens = 0
        self._checkpoint, self._head, self._budget = checkpoint, head, budget
        parameters = inspect.signature(checkpoint.model.forward).parameters
        self._takes_types = "token_type_ids" in parameters

    @property
    def identity(self) -> Mapping[str, object]:
        """See ``Answerer``."""
        return self._head.identity

    def check(self, requests: Sequence[Request]) -> None:
        """See ``Answerer``."""
        self._head.check(requests)

    def answer(self, requests: Sequence[KeyedRequest]) -> Iterator[Answered]:
        """See ``Answerer``."""
        waiting: dict[str, Question[Result]] = {}
        users: dict[Row, list[str]] = {}
        for item in requests:
            try:
                question = self._head.question(item.request)
            except EncodingError as error:
                yield Answered(item.key, Failed(str(error)))
                continue
            waiting[item.key] = question
            for row in dict.fromkeys(question.rows):
                users.setdefault(row, []).append(item.key)
            if not question.rows:
                yield self._answered(item.key, waiting.pop(item.key), {})
        results: dict[Row, Result] = {}
        missing = {key: len(set(question.rows)) for key, question in waiting.items()}
        for row, result in self._run(list(users)):
            results[row] = result
            for key in users[row]:
                missing[key] -= 1
                if missing[key] == 0:
                    yield self._answered(key, waiting.pop(key), results)

    def forecast(self, requests: Sequence[KeyedRequest]) -> Usage:
        """See ``Answerer``."""
        rows: list[Row] = []
        for item in requests:
            try:
                rows.extend(self._head.question(item.request).rows)
            except EncodingError:
                continue
        return Usage(
            prompt_tokens=sum(len(row.tokens) for row in rows),
            computed_tokens=sum(len(row.tokens) for row in set(rows)),
        )

    def _answered(
        self, key: str, question: Question[Result], results: Mapping[Row, Result]
    ) -> Answered:
        return Answered(
            key,
            question.answer([results[row] for row in question.rows]),
            prompt_tokens=sum(len(row.tokens) for row in question.rows),
            truncated=question.truncated,
        )

    def _run(self, rows: Sequence[Row]) -> Iterator[tuple[Row, Result]]:
        """Each row once, longest first."""
        order = sorted(range(len(rows)), key=lambda index: -len(rows[index].tokens))
        for _, same in groupby(order, lambda index: len(rows[index].tokens)):
            for batch, results in self._budget.run(
                list(same),
                lambda index: len(rows[index].tokens),
                lambda batch: self._forward([rows[index] for index in batch]),
            ):
                self.computed_tokens += sum(len(rows[index].tokens) for index in batch)
                yield from zip((rows[index] for index in batch), results, strict=True)

    @torch.inference_mode()
    def _forward(self, rows: Sequence[Row]) -> list[Result]:
        device = self._checkpoint.device
        ids = torch.tensor([row.tokens for row in rows], device=device)
        arguments = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if rows[0].types and self._takes_types:
            arguments["token_type_ids"] = torch.tensor([row.types for row in rows], device=device)
        return self._head.read(self._checkpoint.model(**arguments), rows)
