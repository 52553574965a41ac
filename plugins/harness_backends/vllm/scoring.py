"""Log-likelihoods by vLLM's engine, which computes a shared beginning once.

The engine has log-probabilities of a prompt's tokens only where it computes them: in the places of
what it finds in its prefix cache stand others. So it leaves the cache alone for such prompts, if it
is not told otherwise. Here it is told to read it; where it found more than lies before the first
scored token, that prompt is computed whole.

A single token is scored as what may follow its context, which needs no log-probabilities of the
prompt: all options behind one context are one prompt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from harness.authoring.chat.encoding import Scored

MOST_OPTIONS = 128
"""Tokens that may be asked for behind one context; the engine's own limit."""

Token = tuple[float, bool]
"""A token's log-probability, and whether it was the argmax."""


class Generate(Protocol):
    """Has the engine answer prompts, and counts their tokens."""

    def __call__(
        self, prompts: Sequence[Sequence[int]], parameters: Any, asked: int
    ) -> Sequence[Any]:
        """One ``vllm.RequestOutput`` a prompt; ``asked`` is how many tokens they stand for."""
        ...


class Scorer:
    """Scores tokens behind others.

    Args:
        generate: The engine.
        sampling_params: ``vllm.SamplingParams``.
    """

    def __init__(self, generate: Generate, sampling_params: Any) -> None:
        self._generate, self._sampling_params = generate, sampling_params
        self._by_ids = hasattr(sampling_params, "logprob_token_ids")  # not in every version

    def score(self, windows: Sequence[Scored]) -> list[list[Token]]:
        """The scored tokens of each window, in their order."""
        found: dict[int, list[Token]] = {}
        single = [i for i, each in enumerate(windows) if self._by_ids and each.targets == 1]
        found |= self._score_single({i: windows[i] for i in single})
        found |= self._score_prompts({i: w for i, w in enumerate(windows) if i not in found})
        return [found[i] for i in range(len(windows))]

    def _score_single(self, windows: Mapping[int, Scored]) -> dict[int, list[Token]]:
        """Scores last tokens, those behind the same context together."""
        behind: dict[tuple[int, ...], dict[int, list[int]]] = defaultdict(dict)
        for index, window in windows.items():
            *context, token = window.tokens
            behind[tuple(context)].setdefault(token, []).append(index)
        asked = [
            (context, tokens, list(tokens)[start : start + MOST_OPTIONS])
            for context, tokens in behind.items()
            for start in range(0, len(tokens), MOST_OPTIONS)
        ]
        parameters = [self._one_token(logprob_token_ids=part) for *_, part in asked]
        count = sum(len(window.tokens) for window in windows.values())
        outputs = self._generate([context for context, *_ in asked], parameters, count)
        found: dict[int, list[Token]] = {}
        for (_, tokens, part), output in zip(asked, outputs, strict=True):
            (answer,) = output.outputs
            for token in part:
                scored = float(answer.logprobs[0][token].logprob), answer.token_ids[0] == token
                found |= {index: [scored] for index in tokens[token]}
        return found

    def _score_prompts(self, windows: Mapping[int, Scored]) -> dict[int, list[Token]]:
        """Scores the ends of prompts; those of which the cache held too much once more."""
        outputs = self._prompts(windows, skip_cache=False)
        late = {
            index: window
            for index, window in windows.items()
            if (outputs[index].num_cached_tokens or 0) >= len(window.tokens) - window.targets
        }
        outputs |= self._prompts(late, skip_cache=True)
        return {
            index: [
                _token(position, token)
                for position, token in zip(
                    outputs[index].prompt_logprobs[-window.targets :],
                    window.tokens[-window.targets :],
                    strict=True,
                )
            ]
            for index, window in windows.items()
        }

    def _prompts(self, windows: Mapping[int, Scored], skip_cache: bool) -> dict[int, Any]:
        parameters = self._one_token(prompt_logprobs=1)
        parameters.skip_reading_prefix_cache = skip_cache
        prompts = [window.tokens for window in windows.values()]
        asked = 0 if skip_cache else sum(map(len, prompts))  # counted when they were asked first
        return dict(zip(windows, self._generate(prompts, parameters, asked), strict=True))

    def _one_token(self, **more: Any) -> Any:
        return self._sampling_params(max_tokens=1, temperature=0.0, detokenize=False, **more)


def _token(position: Mapping[int, Any], token: int) -> Token:
    """A prompt's token; its position holds the best one, too, and ranks count from 1."""
    entry = position[token]
    return float(entry.logprob), entry.rank == 1
