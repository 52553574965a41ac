"""How many tokens requests will take, before any of them is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from harness.authoring.chat.encoding import Encoder, EncodingError, Scored
from harness.types import Generate, Loglikelihood, Prompt, Request, RollingLoglikelihood
from harness_backends.api.budget import Spent
from harness_backends.api.prompts import as_messages

BYTES_PER_TOKEN = 4
"""OpenAI's rule of thumb for English text; bytes rather than characters, as a character of most
other scripts is two to four bytes and about a token."""
MESSAGE_TOKENS = 4
"""What a chat format puts around each message (its role, its beginning and end)."""
REPLY_TOKENS = 3
"""What a chat format puts before the answer."""

ScoredRequest: TypeAlias = Loglikelihood | RollingLoglikelihood


class TokenCounter(Protocol):
    """Counts tokens."""

    @property
    def basis(self) -> str | None:
        """How, where that is an estimate; None where it is exact."""
        ...

    def prompts(self, requests: Sequence[Generate]) -> int:
        """Tokens of the prompts, chat format included."""
        ...

    def scored(self, requests: Sequence[ScoredRequest]) -> tuple[int, int]:
        """Calls that the log-likelihoods take, and the tokens sent in them."""
        ...


class ByBytes:
    """Estimates from the length of the text.

    Args:
        chat: Whether prompts are sent as chat messages.
        hint: Added to ``basis``: how to count exactly.
    """

    def __init__(self, chat: bool, hint: str = "") -> None:
        self._chat = chat
        self.basis = f"estimated: {BYTES_PER_TOKEN} bytes of text a token{hint}"

    def prompts(self, requests: Sequence[Generate]) -> int:
        """Tokens of the prompts, about."""
        return sum(self._tokens(request.prompt) for request in requests)

    def scored(self, requests: Sequence[ScoredRequest]) -> tuple[int, int]:
        """A call for each text, and one for each context, whose tokens the server has to count."""
        contexts: set[Prompt] = set()
        tokens = 0
        for request in requests:
            if isinstance(request, RollingLoglikelihood):
                tokens += _estimate(request.text)
                continue
            tokens += self._tokens(request.context) + _estimate(request.continuation)
            if request.context:
                contexts.add(request.context)
        return len(requests) + len(contexts), tokens + sum(map(self._tokens, contexts))

    def _tokens(self, prompt: Prompt) -> int:
        turns = [turn["content"] for turn in as_messages(prompt)]
        around = len(turns) * MESSAGE_TOKENS + REPLY_TOKENS if self._chat else 0
        return sum(map(_estimate, turns)) + around


class ByTokenizer:
    """Counts with the model's own tokenizer.

    Args:
        prompts: Encodes what is continued; nothing is cut.
        scored: Encodes what is scored, as it is sent.
    """

    basis = None

    def __init__(self, prompts: Encoder, scored: Encoder) -> None:
        self._prompts, self._scored = prompts, scored

    def prompts(self, requests: Sequence[Generate]) -> int:
        """Tokens of the prompts."""
        found = self._prompts.prompts(requests)
        return sum(len(each.tokens) for each in found if not isinstance(each, EncodingError))

    def scored(self, requests: Sequence[ScoredRequest]) -> tuple[int, int]:
        """A call for each window that holds a token to score."""
        pairs = [each for each in requests if isinstance(each, Loglikelihood)]
        texts = [each for each in requests if isinstance(each, RollingLoglikelihood)]
        windows: list[Scored] = [
            window for found in self._scored.rolling(texts) for window in found
        ]
        for found in self._scored.loglikelihoods(pairs):
            if not isinstance(found, EncodingError):
                windows.append(found)
        sent = [len(window.tokens) for window in windows if window.targets]
        return len(sent), sum(sent)


def expected(requests: Sequence[Request], counter: TokenCounter) -> Spent:
    """What the requests take: the prompts, and the most that may be generated.

    A log-likelihood makes one token, which the protocols do not let one do without.
    """
    texts = [each for each in requests if isinstance(each, Generate) and each.sampling.n == 1]
    calls, tokens = counter.scored([each for each in requests if isinstance(each, ScoredRequest)])
    return Spent(
        prompt=counter.prompts(texts) + tokens,
        completion=sum(each.sampling.max_tokens for each in texts) + calls,
    )


def _estimate(text: str) -> int:
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)
