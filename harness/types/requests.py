"""What is asked and what comes back: prompts, requests, responses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

# --------------------------------------------------------------------------- prompts


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat prompt; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str


Prompt: TypeAlias = str | tuple[Message, ...]
"""Plain text, or chat messages to which the backend applies the model's chat template."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Decoding parameters; ``temperature`` 0 is greedy, ``stop`` cuts the decoded text."""

    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    n: int = 1


# --------------------------------------------------------------------------- requests


@dataclass(frozen=True, slots=True)
class Loglikelihood:
    """The log-probability of ``continuation`` after ``context``."""

    context: Prompt
    continuation: str


@dataclass(frozen=True, slots=True)
class RollingLoglikelihood:
    """The log-probability of a whole text, every token scored once."""

    text: str


@dataclass(frozen=True, slots=True)
class Generate:
    """Text that continues ``prompt``."""

    prompt: Prompt
    sampling: Sampling = Sampling()


@dataclass(frozen=True, slots=True)
class Classify:
    """The probability of each label for ``text``, from a classification head.

    With ``pair`` the two are read together: the premise and the hypothesis of an entailment.
    """

    text: str
    labels: tuple[str, ...]
    pair: str | None = None


@dataclass(frozen=True, slots=True)
class PseudoLoglikelihood:
    """The pseudo-log-likelihood of what ``text`` shares with ``counterpart``.

    The tokens that both have, in order, are masked one at a time in ``text``, and the
    log-probabilities of the true tokens there are summed. Which tokens are shared depends on the
    model's tokenizer, so the other text travels along.
    """

    text: str
    counterpart: str


@dataclass(frozen=True, slots=True)
class ExtractAnswer:
    """The span of ``context`` that answers ``question``, from an extractive head.

    ``answerable``: the context is known to hold an answer. Where it is not, the answer may be
    the empty text.
    """

    question: str
    context: str
    answerable: bool = True


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag for each word of ``text``, from a token-classification head.

    ``words`` holds the first character's place of each word and the one after its last, in order;
    empty where the model's own way of splitting a text into words is wanted.
    """

    text: str
    words: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Embed:
    """A vector that stands for ``text``, from an encoder: alike texts have alike vectors."""

    text: str


Request: TypeAlias = (
    Loglikelihood
    | RollingLoglikelihood
    | Generate
    | Classify
    | PseudoLoglikelihood
    | ExtractAnswer
    | Tag
    | Embed
)


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request with the key its response is stored and returned under.

    ``task`` and ``sample_id`` say where it comes from (the first of them, when samples
    share a request); backends that answer by sample, such as replay, read them. ``place`` counts
    the sample's requests to this model from 0, over all rounds; None where they stand in the order
    of the call. ``more``: later rounds may ask it about the sample again.
    """

    key: str
    request: Request
    task: str
    sample_id: str
    place: int | None = None
    more: bool = False


# --------------------------------------------------------------------------- responses


@dataclass(frozen=True, slots=True)
class Logprob:
    """Sum of the tokens' natural-log probabilities; ``is_greedy``: each was the argmax."""

    total: float
    token_count: int
    is_greedy: bool


@dataclass(frozen=True, slots=True)
class Completion:
    """Generated or extracted text.

    Attributes:
        text: The answer alone: free of thinking, cut at its first stop string.
        finish_reason: ``stop``, or ``length`` where the tokens ran out.
        tokens: How many were generated, thinking included, where the backend knows.
        logprob: Their log-probability, where the backend knows.
        thinking: What the model said to itself before the answer; None where it said nothing so.
    """

    text: str
    finish_reason: str = "stop"
    tokens: int | None = None
    logprob: float | None = None
    thinking: str | None = None

    @property
    def cut_off(self) -> bool:
        """Whether the text ended before the answer began, which is not the same as saying nothing.

        The tokens ran out, or all that was written is thinking.
        """
        ended_early = self.finish_reason == "length" or self.thinking is not None
        return ended_early and not self.text.strip()


@dataclass(frozen=True, slots=True)
class ClassProbs:
    """Probabilities in the order of the request's labels, summing to 1."""

    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The request could not be answered; counted beside n, never scored as 0, never stored."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tags:
    """A tag a word (``O``, ``B-person``, …), and where the words stand in the text.

    ``words`` are those of the request where it names any.
    """

    words: tuple[tuple[int, int], ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Embedding:
    """The vector of a text; all vectors of one model are equally long."""

    values: tuple[float, ...]


Response: TypeAlias = Logprob | Completion | ClassProbs | Tags | Embedding | Failed
