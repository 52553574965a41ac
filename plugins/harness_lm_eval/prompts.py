"""lm_eval's requests as ours: chat prompts keep their turns, generation keeps its settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

from harness.errors import PluginError, UsageError
from harness.types import (
    Completion,
    Generate,
    Loglikelihood,
    Logprob,
    Message,
    Prompt,
    Request,
    Response,
    RollingLoglikelihood,
    Sampling,
)

MAX_TOKENS = 256
"""Of a generation that does not say: the default of lm_eval's models."""
_LENGTHS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "num_beams": (1,),
    "repetition_penalty": (1, 1.0),
    "length_penalty": (1, 1.0),
    "no_repeat_ngram_size": (0,),
    "use_cache": (True, False),
    "num_return_sequences": (1,),
    "think_end_token": (None,),
}
_OF_DRAWS = ("top_k", "min_p", "typical_p", "top_p")


class ChatText(str):
    """What stands for a conversation while lm_eval puts a prompt together."""

    turns: tuple[Message, ...]

    @classmethod
    def of(cls, turns: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> Self:
        """Their callable ``chat_template``: the backend applies the model's own later.

        A conversation whose last turn is the assistant's is one that the model continues, which
        is what ``add_generation_prompt=False`` means in theirs.
        """
        del add_generation_prompt
        made = cls(json.dumps(list(turns)))
        made.turns = tuple(Message(turn["role"], turn["content"]) for turn in turns)
        return made


def requests_of(name: str, instance: Any) -> list[Request]:
    """Our requests for one of their instances; several where it is repeated.

    Args:
        name: The task, for messages.
        instance: An ``lm_eval.api.instance.Instance``.

    Raises:
        UsageError: It asks for something that no backend here does.
    """
    kind, arguments = instance.request_type, instance.args
    repeats = int(instance.repeats or 1)
    if kind == "loglikelihood":
        context, continuation = arguments[:2]
        return [Loglikelihood(_prompt(name, context), continuation)] * repeats
    if kind == "loglikelihood_rolling":
        return [RollingLoglikelihood(arguments[0])] * repeats
    if kind == "generate_until":
        prompt, settings = _prompt(name, arguments[0]), arguments[1]
        return [Generate(prompt, sampling(name, settings, seed)) for seed in range(repeats)]
    raise UsageError(f"{name} asks for {kind!r}", "Known are log-likelihoods and generation.")


def _prompt(name: str, text: str) -> Prompt:
    if isinstance(text, ChatText):
        return text.turns
    if not isinstance(text, str):
        raise PluginError(f"{name} gave a prompt of type {type(text).__name__}, expected text")
    return str(text)


def sampling(name: str, kwargs: Mapping[str, Any], seed: int) -> Sampling:
    """Generation settings, read as lm_eval's models read them.

    Args:
        name: The task, for messages.
        kwargs: Its ``generation_kwargs``.
        seed: Which of its repeats; greedy answers are the same for all.

    Raises:
        UsageError: A setting changes the answers in a way that is not supported.
    """
    rest = dict(kwargs)
    until = rest.pop("until", None) or []
    stop = [until] if isinstance(until, str) else list(until)
    lengths = [value for key in _LENGTHS if (value := rest.pop(key, None)) is not None]
    draws, temperature = rest.pop("do_sample", None), float(rest.pop("temperature", 0.0) or 0.0)
    if draws is False or temperature <= 0:
        temperature = 0.0
    top_p = rest.get("top_p")
    for key in _OF_DRAWS:
        value = rest.pop(key, None)
        if temperature and key != "top_p" and value not in (None, 0, 0.0, 1.0, -1):
            raise _unsupported(name, key, value)
    for key, value in rest.items():
        if value is not None and value not in _NEUTRAL.get(key, ()):
            raise _unsupported(name, key, value)
    return Sampling(
        max_tokens=int(lengths[0]) if lengths else MAX_TOKENS,
        stop=tuple(str(each) for each in stop if each),
        temperature=temperature,
        top_p=float(top_p) if temperature and top_p is not None else 1.0,
        seed=seed if temperature else 0,
    )


def _unsupported(name: str, key: str, value: object) -> UsageError:
    return UsageError(
        f"{name} generates with {key}={value!r}, which the backends here do not do",
        f"Leave it out, knowing that answers then differ: --set {name}.gen_kwargs={key}=null",
    )


def result_of(request: Request, response: Response) -> Any:
    """A response as lm_eval's models give it."""
    if isinstance(response, Logprob):
        return response.total, response.is_greedy
    if isinstance(request, Generate) and isinstance(response, Completion):
        return cut(response.text, request.sampling.stop)
    raise PluginError(f"a response of type {type(response).__name__}, expected text or a number")


def cut(text: str, stop: Sequence[str]) -> str:
    """The text up to its first stop string, as lm_eval's models cut it.

    Backends here let one of white space end nothing before the first visible character; in
    lm_eval an answer that begins with one is empty.
    """
    for term in stop:
        text = text.partition(term)[0]
    return text
