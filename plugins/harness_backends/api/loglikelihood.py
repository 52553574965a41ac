"""Log-likelihoods from servers that give the log-probabilities of a prompt.

Two ways to find where the continuation begins, by one rule: it is what follows
``len(encode(context))`` tokens of the whole, encoded as one string.

* By text: the server encodes. A request for the context alone counts its tokens; it is shared
  by all continuations of that context. Where the boundary falls into a token of the whole, the
  server feeds other tokens than the context's own, and the value differs from the field's.
* By tokens: with the model's tokenizer at hand, token ids are sent as the prompt. This is exact
  to the last rule (chat templates, truncation from the left, windows of long texts).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from harness.authoring.chat.encoding import Encoder, EncodingError, Scored, split_boundary
from harness.errors import ModelError
from harness.types import Failed, Loglikelihood, Logprob, Response, RollingLoglikelihood
from harness_backends.api.answers import TokenLogprob
from harness_backends.api.failures import Kind, RequestError

TokenIds = tuple[int, ...]
PromptLogprobs = Callable[[str | TokenIds], Awaitable[list[TokenLogprob | None]]]
"""A prompt → one entry for each of its tokens; the first has none."""


class Scorer(Protocol):
    """Answers log-likelihood requests of the types in ``supports``."""

    supports: frozenset[type]

    async def score(self, request: Loglikelihood | RollingLoglikelihood) -> Response:
        """The log-probability of a continuation or a text."""
        ...


class TextScorer:
    """Lets the server encode.

    Whole texts are left to ``TokenScorer``: by the field's rule they are preceded by a BOS token
    of their own, which a text cannot say, and are cut into windows.

    Args:
        ask: Gives a prompt's log-probabilities.
    """

    supports: frozenset[type] = frozenset({Loglikelihood})

    def __init__(self, ask: PromptLogprobs) -> None:
        self._ask = ask
        self._counts: dict[str, asyncio.Task[int]] = {}

    async def score(self, request: Loglikelihood | RollingLoglikelihood) -> Response:
        """Scores what follows the context's tokens.

        Raises:
            ModelError: Chat messages; or an empty context, and the server adds no BOS token.
        """
        assert isinstance(request, Loglikelihood), "the only kind it supports"
        if not isinstance(request.context, str):
            raise ModelError(
                "the log-likelihood of an answer to chat messages needs the model's tokenizer",
                "Give --set tokenizer=FOLDER, or use a task template that gives plain text.",
            )
        context, continuation = split_boundary(request.context, request.continuation)
        if not context:
            return await self._without_context(continuation)
        before = await self._count(context)
        entries = await self._ask(context + continuation)
        if continuation and len(entries) <= before:
            return Failed(f"the continuation {continuation!r} adds no token to its context")
        return total(entries[before:])

    async def _without_context(self, text: str) -> Logprob:
        if not text:
            return Logprob(0.0, 0, True)
        # One letter is one token: a second one is the BOS token that the server put before it.
        if await self._count("a") < 2:
            raise ModelError(
                "the server puts no BOS token before a text, so its first token has no "
                "log-probability",
                "Give the model's tokenizer: --set tokenizer=FOLDER.",
            )
        return total((await self._ask(text))[1:])

    async def _count(self, text: str) -> int:
        """How many tokens the server makes of ``text``; asked once, also when asked at once."""
        task = self._counts.get(text)
        if task is None:
            task = self._counts[text] = asyncio.ensure_future(self._measure(text))
        try:
            return await task
        except BaseException:
            self._counts.pop(text, None)
            raise

    async def _measure(self, text: str) -> int:
        return len(await self._ask(text))


class TokenScorer:
    """Sends token ids.

    Args:
        ask: Gives a prompt's log-probabilities.
        encoder: For the model's tokenizer.
    """

    supports: frozenset[type] = frozenset({Loglikelihood, RollingLoglikelihood})

    def __init__(self, ask: PromptLogprobs, encoder: Encoder) -> None:
        self._ask, self._encoder = ask, encoder

    async def score(self, request: Loglikelihood | RollingLoglikelihood) -> Response:
        """Scores the continuation's tokens, or all of a text in as many windows as it takes."""
        if isinstance(request, RollingLoglikelihood):
            (windows,) = self._encoder.rolling([request])
            return await self._windows(windows)
        (scored,) = self._encoder.loglikelihoods([request])
        if isinstance(scored, EncodingError):
            return Failed(str(scored))
        return await self._windows([scored])

    async def _windows(self, windows: Sequence[Scored]) -> Logprob:
        entries: list[TokenLogprob | None] = []
        for window in windows:
            if window.targets:
                answer = await self._ask(window.tokens)
                if len(answer) != len(window.tokens):
                    raise RequestError(
                        Kind.MALFORMED,
                        f"{len(answer)} log-probabilities for {len(window.tokens)} prompt tokens",
                    )
                entries.extend(answer[-window.targets :])
        return total(entries)


def total(entries: Sequence[TokenLogprob | None]) -> Logprob:
    """The sum over tokens.

    Raises:
        RequestError: One of them has no log-probability.
    """
    known = [entry for entry in entries if entry is not None]
    if len(known) < len(entries):
        raise RequestError(Kind.MALFORMED, "a scored token has no log-probability")
    return Logprob(
        sum(entry.value for entry in known),
        len(known),
        all(entry.is_greedy for entry in known),
    )
