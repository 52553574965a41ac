"""Text → token ids: the one encoding that asking, training and rewards share.

The rules are those of lm-evaluation-harness 0.4.13, with three differences that are meant:

* Boundary: white space at the end of a context moves to the continuation; both are encoded as
  one string, and the continuation's tokens are what follows ``len(encode(context))``.
* Beginning: what the tokenizer writes before a text by default (mostly BOS), exactly once. A text
  or a chat template that brings it gets no second one. An empty context is the BOS (else EOS)
  token, and so is what stands before the first token of a text whose every token is scored;
  lm-evaluation-harness feeds two there, and scores the second as a word of the text.
* End: what the tokenizer writes behind a text (EOS, with ``add_eos_token``) is left out, as the
  text goes on; lm-evaluation-harness scores continuations behind an EOS. An encoder's input ends
  as the tokenizer ends it.
* Too long: the oldest tokens are dropped. Scoring keeps the last ``max_length + 1`` and feeds
  all but the last; generation keeps room for the new tokens.
* Chat: where switched on, a string prompt is one user message; the continuation of a wrapped
  context loses its leading space. A conversation whose last turn is the assistant's is one that
  the model goes on with: the text ends where that turn ends.

Nothing here imports a tokenizer's library: any ``transformers`` tokenizer is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from harness.authoring.chat.templates import ChatTemplate
from harness.errors import ModelError
from harness.types import Generate, Loglikelihood, Prompt, Request, RollingLoglikelihood

Tokens: TypeAlias = tuple[int, ...]

VERSION = 2
"""Part of a model's identity: raised when the same text gets other token ids than before."""
TEXTS, CHARACTERS = 64, 1 << 17
"""Texts, and what they hold together, in one call of the tokenizer."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Token ids whose last ``targets`` are scored, each given all before it.

    The model is fed ``tokens[:-1]``. ``0 < targets < len(tokens)`` unless there is nothing to
    score, when both are empty.
    """

    tokens: Tokens
    targets: int
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Prefix:
    """Token ids that a generation continues."""

    tokens: Tokens
    truncated: bool = False


class EncodingError(ValueError):
    """One request that cannot be encoded; the others go on."""


# --------------------------------------------------------------------------- pure rules


def split_boundary(context: str, continuation: str) -> tuple[str, str]:
    """Moves the white space at the end of ``context`` to ``continuation``."""
    stripped = context.rstrip()
    return stripped, context[len(stripped) :] + continuation


def scored_window(context: Tokens, continuation: Tokens, max_length: int) -> Scored:
    """Keeps the last ``max_length + 1`` tokens.

    Raises:
        EncodingError: The continuation alone is longer than the model.
    """
    if len(continuation) > max_length:
        raise EncodingError(
            f"the continuation has {len(continuation)} tokens, the model takes {max_length}"
        )
    tokens = (context + continuation)[-(max_length + 1) :]
    return Scored(tokens, len(continuation), len(tokens) < len(context) + len(continuation))


def rolling_windows(tokens: Tokens, prefix: int, max_length: int) -> Iterator[Scored]:
    """Windows that score every token once.

    The first is preceded by ``prefix``; the next ones see one token of context, except that the
    last is filled up to ``max_length`` with tokens that were scored already.
    """
    done = min(max_length, len(tokens))
    if done:
        yield Scored((prefix, *tokens[:done]), done)
    while done < len(tokens):
        targets = min(max_length, len(tokens) - done)
        done += targets
        yield Scored(tokens[done - max_length - 1 : done], targets)


# --------------------------------------------------------------------------- the encoder


@dataclass(frozen=True, slots=True)
class Frame:
    """What a tokenizer writes around a text by default.

    Attributes:
        before: BOS, for most that write one.
        behind: EOS, with ``add_eos_token``; for encoders what ends their input.
    """

    before: Tokens
    behind: Tokens


def frame_of(tokenizer: Any) -> Frame:
    """Reads off a short text what ``tokenizer`` adds to it.

    Raises:
        ModelError: It changes the text's own tokens.
    """
    bare, framed = (_ids(tokenizer, ["a"], special)[0] for special in (False, True))
    for start in range(len(framed) - len(bare) + 1):
        if framed[start : start + len(bare)] == bare:
            return Frame(framed[:start], framed[start + len(bare) :])
    raise ModelError(
        f"the tokenizer encodes 'a' as {list(bare)}, and with special tokens as {list(framed)}: "
        "what it adds cannot be told from the text",
        "Expected a tokenizer that writes special tokens only before and behind a text",
    )


def end_of_turn(tokenizer: Any) -> int | None:
    """The special token that a chat template writes behind an answer; None without one.

    It ends a chat model's answer, whether or not it is the tokenizer's EOS.
    """
    template = ChatTemplate.of(tokenizer)
    if template is None:
        return None
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": _ANSWER}]
    try:
        text = template.render(turns, answering=False)
    except ModelError:
        return None  # whoever asks through it is told
    _, answer, rest = text.rpartition(_ANSWER)
    ids = _ids(tokenizer, [rest.lstrip()], False)[0] if answer and rest.strip() else ()
    special = {*tokenizer.all_special_ids, *getattr(tokenizer, "added_tokens_decoder", ())}
    # Some tokenizers write a token for the beginning of a word first.
    return next((token for token in ids[:2] if token in special), None)


_ANSWER = "harnessanswer"


def begun_answer(text: str, answer: str) -> str:
    """A rendered conversation up to the end of its last answer, without the end of the turn.

    Args:
        text: The conversation.
        answer: The last turn's words, which a template may have stripped.

    Raises:
        ModelError: The template left the words out or changed them.
    """
    start = text.rfind(answer.strip())
    if start < 0:
        raise ModelError(
            "the model's chat template does not write the assistant's words as they are, and the "
            "model is to go on with them",
            "Leave the beginning of the answer out of the prompt",
        )
    whole = answer.lstrip()
    kept = whole if text.startswith(whole, start) else answer.strip()
    return text[: start + len(kept)]


def _opens_answer(context: Prompt, chat: bool) -> bool:
    """Whether the template's mark of the assistant's turn ends the context."""
    return chat if isinstance(context, str) else context[-1].role != "assistant"


class Encoder:
    """Encodes requests for one tokenizer.

    Args:
        tokenizer: A ``transformers`` tokenizer.
        max_length: Longest sequence the model takes, in tokens.
        chat: Whether string prompts are wrapped with the chat template.
        ends: Whether texts end as the tokenizer ends them, as an encoder's input does.
    """

    def __init__(self, tokenizer: Any, max_length: int, chat: bool, *, ends: bool = False) -> None:
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.chat = chat
        self._ends = ends
        bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
        self.prefix_id: int | None = bos if bos is not None else eos
        self._same: dict[int, int] = {}
        self._template = ChatTemplate.of(tokenizer)

    # ---- batches of requests; a request that cannot be encoded gives its EncodingError

    def loglikelihoods(self, requests: Sequence[Loglikelihood]) -> list[Scored | EncodingError]:
        """Token ids of each context and continuation."""
        pairs = [self.pair(request) for request in requests]
        whole = self.encode_many([context + text for context, text in pairs if context])
        contexts = self.encode_many([context for context, _ in pairs if context])
        bare = self.encode_many([text for context, text in pairs if not context], special=False)
        results: list[Scored | EncodingError] = []
        for context, text in pairs:
            try:
                if context:
                    before = contexts[context]
                    results.append(self._joined(before, whole[context + text][len(before) :], text))
                else:
                    results.append(self._without_context(bare[text], text))
            except EncodingError as error:
                results.append(error)
        return results

    def rolling(self, requests: Sequence[RollingLoglikelihood]) -> list[tuple[Scored, ...]]:
        """The windows of each text; none where it has no tokens."""
        encoded = self.encode_many([request.text for request in requests], special=False)
        prefix = self.required_prefix() if requests else 0
        return [
            tuple(
                rolling_windows(
                    self._without_prefix(encoded[request.text]), prefix, self.max_length
                )
            )
            for request in requests
        ]

    def prompts(self, requests: Sequence[Generate]) -> list[Prefix | EncodingError]:
        """Token ids of each prompt, with room for the new tokens."""
        texts = [self.render(request.prompt) for request in requests]
        encoded = self.encode_many(texts)
        results: list[Prefix | EncodingError] = []
        for text, request in zip(texts, requests, strict=True):
            room = self.max_length - request.sampling.max_tokens
            if room < 1:
                results.append(
                    EncodingError(
                        f"max_tokens {request.sampling.max_tokens} leaves no room for a prompt: "
                        f"the model takes {self.max_length} tokens"
                    )
                )
                continue
            tokens = encoded[text] or (self.required_prefix(),)
            results.append(Prefix(tokens[-room:], len(tokens) > room))
        return results

    # ---- text

    def render(self, prompt: Prompt) -> str:
        """The text of a prompt, through the chat template where that applies.

        A conversation ends where the model's answer begins: behind the mark of its turn, or, where
        the last turn is the assistant's, behind that turn's words.

        Raises:
            ModelError: Chat messages, and the tokenizer has no chat template, or it refuses them.
        """
        if isinstance(prompt, str):
            if not self.chat:
                return prompt
            messages = [{"role": "user", "content": prompt}]
        else:
            messages = [{"role": turn.role, "content": turn.content} for turn in prompt]
        if self._template is None:
            raise ModelError(
                "chat messages need a chat template, which this tokenizer does not have",
                "Use a task template that gives plain text, or a chat model",
            )
        if not messages or messages[-1]["role"] != "assistant":
            return self._template.render(messages)
        text = self._template.render(messages, answering=False)
        return begun_answer(text, messages[-1]["content"])

    def check_turns(self, requests: Iterable[Request]) -> None:
        """Renders one prompt of each form of conversation: of these roles in this order.

        Raises:
            ModelError: The chat template refuses it, or there is none.
        """
        seen: set[tuple[str, ...]] = set()
        for request in requests:
            prompt = getattr(request, "prompt", getattr(request, "context", ""))
            if isinstance(prompt, str):
                roles = ("user",) if self.chat and prompt else ()
            else:
                roles = tuple(turn.role for turn in prompt)
            if roles and roles not in seen:
                seen.add(roles)
                self.render(prompt)

    def pair(self, request: Loglikelihood) -> tuple[str, str]:
        """(context, continuation) as text, split by the boundary rule."""
        if request.context in ("", ()):
            return "", request.continuation
        context, continuation = self.render(request.context), request.continuation
        if _opens_answer(request.context, self.chat):
            continuation = continuation.removeprefix(" ")
        return split_boundary(context, continuation)

    # ---- tokens

    def _joined(self, context: Tokens, continuation: Tokens, text: str) -> Scored:
        if not continuation and text:
            raise EncodingError(f"the continuation {text!r} adds no token to its context")
        return scored_window(context or (self.required_prefix(),), continuation, self.max_length)

    def _without_context(self, tokens: Tokens, text: str) -> Scored:
        return self._joined((self.required_prefix(),), self._without_prefix(tokens), text)

    def _without_prefix(self, tokens: Tokens) -> Tokens:
        """Leaves out the BOS of a text that brings its own: it is the context."""
        return tokens[1:] if tokens[:1] == (self.prefix_id,) else tokens

    def required_prefix(self) -> int:
        """The token that stands for an empty context.

        Raises:
            ModelError: The tokenizer has neither BOS nor EOS.
        """
        if self.prefix_id is None:
            raise ModelError(
                "the tokenizer has neither a BOS nor an EOS token to stand for an empty context",
                "Set bos_token or eos_token in tokenizer_config.json",
            )
        return self.prefix_id

    def encode_many(self, texts: Sequence[str], special: bool = True) -> dict[str, Tokens]:
        """Each distinct text's token ids.

        Equal ids are one object, as a Python number takes four times its place in a tuple.

        Args:
            texts: What to encode.
            special: Whether the tokenizer's frame goes around each: its beginning, unless the
                text brings it, and its end where ``ends`` says so.
        """
        encoded: dict[str, Tokens] = {}
        for part in _portions(list(dict.fromkeys(texts))):
            for text, row in zip(part, _ids(self.tokenizer, part, False), strict=True):
                row = self._framed(row) if special else row
                encoded[text] = tuple(map(self._same.setdefault, row, row))
        return encoded

    @cached_property
    def _frame(self) -> Frame:
        return frame_of(self.tokenizer)

    def _framed(self, tokens: Tokens) -> Tokens:
        before, behind = self._frame.before, self._frame.behind
        if tokens[: len(before)] != before:
            tokens = before + tokens
        if self._ends and behind and tokens[-len(behind) :] != behind:
            tokens += behind
        return tokens


def _ids(tokenizer: Any, texts: Sequence[str], special: bool) -> list[Tokens]:
    rows = tokenizer(
        list(texts),
        add_special_tokens=special,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )["input_ids"]
    return [tuple(row) for row in rows]


def _portions(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cuts ``texts`` so that fast tokenizers use their threads, and what they hold stays small.

    What they return beside the ids takes thirty times as much as these.
    """
    start = held = 0
    for place, text in enumerate(texts):
        held += len(text)
        if place > start and (held > CHARACTERS or place - start == TEXTS):
            yield texts[start:place]
            start, held = place, len(text)
    if start < len(texts):
        yield texts[start:]
