"""What the kinds share: usage, fingerprint, and the work cut into batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from harness.types import KeyedRequest, Request, Response, Usage
from harness_backends.hf import fingerprint
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.usage import UsageCounter

AT_ONCE = 4096
"""Requests handled at a time: enough to sort by length, little enough to hold."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A response with what it took.

    Attributes:
        key: The request's.
        response: The answer.
        prompt_tokens: Tokens that went in, had nothing been shared.
        completion_tokens: Tokens that were generated.
        truncated: Whether a text was cut to fit the model.
    """

    key: str
    response: Response
    prompt_tokens: int = 0
    completion_tokens: int = 0
    truncated: bool = False


class Answerer(Protocol):
    """One kind's way from requests to responses."""

    supports: frozenset[type]
    computed_tokens: int

    @property
    def identity(self) -> Mapping[str, object]:
        """What changes its answers beside the checkpoint; JSON-ready, shown in reports, too."""
        ...

    def check(self, requests: Sequence[Request]) -> None:
        """See ``harness.protocols.ModelBackend``."""
        ...

    def answer(self, requests: Sequence[KeyedRequest]) -> Iterator[Answered]:
        """Answers each request once, in any order."""
        ...

    def forecast(self, requests: Sequence[KeyedRequest]) -> Usage:
        """What these would cost; nothing is run."""
        ...


class KindBackend:
    """Implements ``harness.protocols.ModelBackend`` for one kind of model.

    Args:
        checkpoint: The loaded model.
        answerer: Its kind's.
    """

    def __init__(self, checkpoint: Checkpoint, answerer: Answerer) -> None:
        self.checkpoint = checkpoint
        self.supports = answerer.supports
        self._answerer = answerer
        self._books = UsageCounter()

    @cached_property
    def fingerprint(self) -> str:
        """Identifies weights, tokenizer, kind, dtype, length and the kind's own settings."""
        return fingerprint.of_checkpoint(self.checkpoint, False, **self._answerer.identity)

    @property
    def usage(self) -> Usage:
        """Tokens so far; those asked for are the computed and the reused ones."""
        return self._books.usage(self._answerer.computed_tokens)

    def describe(self) -> Mapping[str, object]:
        """Facts for reports; ``truncated`` counts requests whose text was cut to fit."""
        return {
            **self.checkpoint.describe(),
            **self._answerer.identity,
            "truncated": self._books.truncated,
        }

    def check(self, requests: Sequence[Request]) -> None:
        """Raises where the model cannot answer these at all.

        Raises:
            ModelError: The message says what is missing.
        """
        self._answerer.check(requests)

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        """Answers each request once, as soon as its batch ends."""
        for start in range(0, len(requests), AT_ONCE):
            for answered in self._answerer.answer(requests[start : start + AT_ONCE]):
                self._books.requests += 1
                self._books.prompt_tokens += answered.prompt_tokens
                self._books.completion_tokens += answered.completion_tokens
                self._books.truncated += answered.truncated
                yield answered.key, answered.response

    def forecast(self, requests: Sequence[KeyedRequest]) -> Usage:
        """The tokens of these requests, and how many of them are computed."""
        parts = [
            self._answerer.forecast(requests[start : start + AT_ONCE])
            for start in range(0, len(requests), AT_ONCE)
        ]
        prompt = sum(part.prompt_tokens for part in parts)
        computed = sum(part.computed_tokens for part in parts)
        return Usage(
            requests=len(requests),
            prompt_tokens=prompt,
            completion_tokens=sum(part.completion_tokens for part in parts),
            computed_tokens=computed,
            reused_tokens=prompt - computed,
        )

    def close(self) -> None:
        """Frees the model; it answers nothing from then on."""
        self.checkpoint.release()
