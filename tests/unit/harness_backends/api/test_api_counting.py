"""Tokens and cost before anything is sent, against what a server counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.testing import keyed
from harness.types import (
    Generate,
    Loglikelihood,
    Message,
    Request,
    RollingLoglikelihood,
    Sampling,
)
from harness_backends.api.counting import ByBytes, expected

PAIRS: list[Request] = [
    Loglikelihood("The quick brown", " fox"),
    Loglikelihood("The quick brown", " dog jumps"),
    Loglikelihood("Answer:", " the fox."),
]
TEXTS: list[Request] = [Generate("Once upon a time", Sampling(4)), Generate("The dog", Sampling(2))]
ROLLING: list[Request] = [RollingLoglikelihood("The quick brown fox jumps over the lazy dog. " * 9)]


def test_text_is_counted_by_its_bytes() -> None:
    counter = ByBytes(chat=False)
    assert counter.prompts([Generate("a" * 40), Generate("你" * 40)]) == 10 + 30
    assert expected([Generate("abcde", Sampling(7))], counter).completion == 7
    # Two continuations of one context: three calls, one of which counts the context.
    spent = expected([Loglikelihood("c" * 40, "d" * 8), Loglikelihood("c" * 40, "e" * 4)], counter)
    assert (spent.prompt, spent.completion) == (12 + 11 + 10, 3)


def test_chat_messages_cost_what_is_around_them() -> None:
    turns = (Message("system", "a" * 8), Message("user", "b" * 8))
    assert ByBytes(chat=True).prompts([Generate(turns)]) == 2 + 2 + 2 * 4 + 3


@pytest.mark.parametrize("by_tokens", [True, False], ids=["by-tokens", "by-text"])
def test_calls_and_tokens_are_those_that_the_server_sees(
    by_tokens: bool, checkpoint: Path, faithful: Any, connect: Any
) -> None:
    pytest.importorskip("torch")
    server = faithful(checkpoint, "vllm")
    values = {"tokenizer": str(checkpoint)} if by_tokens else {}
    backend = connect(server.url, endpoint="completions", logprobs="prompt_logprobs", **values)
    assert (backend.forecast_basis is None) is by_tokens
    work = keyed([*PAIRS, *TEXTS, *(ROLLING if by_tokens else [])])
    forecast = backend.forecast(work)
    assert not server.calls
    list(backend.run(work))
    seen, usage = len(server.calls), backend.usage
    most = sum(call.body["max_tokens"] for call in server.calls)
    assert forecast.completion_tokens == most
    if by_tokens:
        assert forecast.prompt_tokens == usage.prompt_tokens
    else:
        assert seen == 3 + 2 + 2
        assert forecast.prompt_tokens == pytest.approx(usage.prompt_tokens, rel=0.5)


def test_the_chat_template_is_counted(checkpoint: Path, faithful: Any, connect: Any) -> None:
    pytest.importorskip("torch")
    server = faithful(checkpoint, "vllm")
    backend = connect(server.url, endpoint="chat", logprobs="none", tokenizer=str(checkpoint))
    work = keyed(TEXTS)
    forecast = backend.forecast(work)
    list(backend.run(work))
    assert forecast.prompt_tokens == backend.usage.prompt_tokens


def test_cost_is_that_of_the_longest_answers(connect: Any, serve: Any, chat: Any) -> None:
    server = serve(lambda call: chat("yes"))
    prices = {"prompt": 2.0, "completion": 10.0}
    backend = connect(server.url, prices=prices, endpoint="chat")
    forecast = backend.forecast(keyed([Generate("a" * 40, Sampling(100))]))
    assert forecast.prompt_tokens == 10 + 4 + 3
    assert forecast.cost == pytest.approx((17 * 2.0 + 100 * 10.0) / 1e6)
    assert not server.calls
    free = connect(server.url, endpoint="chat").forecast(keyed([Generate("a")]))
    assert free.cost is None
