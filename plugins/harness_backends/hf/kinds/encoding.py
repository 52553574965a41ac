"""Source and target of an encoder-decoder as token ids (the rules of lm-eval 0.4.13).

* The two are encoded apart; white space at the end of a context moves to the continuation. The
  source gets the tokenizer's special tokens, the continuation none.
* Too long: the source keeps its last ``max_length`` tokens. A continuation that is longer than
  the decoder cannot be scored.
* The decoder starts with the checkpoint's start token and, where the user names one, the code of
  the target language; neither is scored.

One rule differs: continuations are encoded as targets. A tokenizer with a vocabulary for each side
(Marian) would otherwise cut them up by the source's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.authoring.chat.encoding import Encoder, EncodingError, Scored, Tokens
from harness.types import Generate, Loglikelihood, Prompt, Sampling
from harness_backends.hf.kinds.languages import Languages


@dataclass(frozen=True, slots=True)
class Pair:
    """A source, and decoder tokens of which the last are scored."""

    source: Tokens
    target: Scored
    truncated: bool


@dataclass(frozen=True, slots=True)
class Source:
    """A source that a generation answers."""

    tokens: Tokens
    sampling: Sampling
    truncated: bool


class PairEncoder:
    """Encodes requests for an encoder-decoder.

    Args:
        encoder: Encodes texts.
        languages: How the decoder starts.
    """

    def __init__(self, encoder: Encoder, languages: Languages) -> None:
        self._encoder, self._start = encoder, languages.decoder_start

    def render(self, prompt: Prompt) -> str:
        """See ``Encoder.render``."""
        return self._encoder.render(prompt)

    def pairs(self, requests: Sequence[Loglikelihood]) -> list[Pair | EncodingError]:
        """Token ids of each context and continuation."""
        encoder, longest = self._encoder, self._encoder.max_length
        texts = [encoder.pair(request) for request in requests]
        sources = encoder.encode_many([context for context, _ in texts if context])
        targets = self._targets([continuation for _, continuation in texts])
        results: list[Pair | EncodingError] = []
        for context, continuation in texts:
            source = sources[context] if context else ()
            target = targets[continuation]
            if not context and target[:1] == (encoder.prefix_id,):
                target = target[1:]
            if continuation and not target:
                results.append(EncodingError(f"the continuation {continuation!r} has no token"))
            elif len(self._start) + len(target) > longest + 1:
                results.append(
                    EncodingError(
                        f"the continuation has {len(target)} tokens, "
                        f"the model takes {longest + 1 - len(self._start)}"
                    )
                )
            else:
                results.append(
                    Pair(
                        source[-longest:] or (encoder.required_prefix(),),
                        Scored(self._start + target, len(target)),
                        len(source) > longest,
                    )
                )
        return results

    def sources(self, requests: Sequence[Generate]) -> list[Source | EncodingError]:
        """Token ids of each prompt."""
        encoder, longest = self._encoder, self._encoder.max_length
        texts = [encoder.render(request.prompt) for request in requests]
        encoded = encoder.encode_many(texts)
        room = longest - len(self._start)
        results: list[Source | EncodingError] = []
        for text, request in zip(texts, requests, strict=True):
            if request.sampling.max_tokens > room:
                results.append(
                    EncodingError(
                        f"max_tokens {request.sampling.max_tokens}: the model writes {room} tokens"
                    )
                )
                continue
            tokens = encoded[text] or (encoder.required_prefix(),)
            results.append(Source(tokens[-longest:], request.sampling, len(tokens) > longest))
        return results

    def _targets(self, texts: Sequence[str]) -> dict[str, Tokens]:
        distinct = list(dict.fromkeys(texts))
        if not distinct:
            return {}
        ids = self._encoder.tokenizer(
            text_target=distinct,
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
        return dict(zip(distinct, map(tuple, ids), strict=True))
