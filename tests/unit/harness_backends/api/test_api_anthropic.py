"""The Messages API, through the SDK, against a server that answers in its format."""

from __future__ import annotations

from typing import Any

import pytest

from harness.testing import check_backend, keyed
from harness.types import Completion, Failed, Generate, Message, Sampling


def message(text: str, reason: str = "end_turn") -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": text}] if text else [],
        "stop_reason": reason,
        "usage": {"input_tokens": 7, "output_tokens": 3, "cache_read_input_tokens": 5},
    }


def only(backend: Any, request: Generate) -> Any:
    (response,) = dict(backend.run(keyed([request]))).values()
    return response


def test_what_is_sent(connect: Any, serve: Any, reply: Any, key: str) -> None:
    server = serve(lambda call: reply(message("Hi there")))
    backend = connect(server.url.removesuffix("/v1"), scheme="anthropic")
    prompt = (Message("system", "Be short."), Message("user", "Hello"))
    sampling = Sampling(max_tokens=9, stop=("\n", "END"), temperature=0.5)
    assert only(backend, Generate(prompt, sampling)) == Completion("Hi there", "stop", 3)
    (call,) = server.calls
    assert call.path == "/v1/messages"
    assert call.body == {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hello"}],
        "system": "Be short.",
        "stop_sequences": ["END"],
    }
    assert key in (call.headers.get("x-api-key"), call.headers.get("authorization", "")[7:])
    assert (backend.usage.prompt_tokens, backend.usage.reused_tokens) == (12, 5)


def test_white_space_stop_strings_are_cut_here(connect: Any, serve: Any, reply: Any) -> None:
    server = serve(lambda call: reply(message("one\ntwo", "max_tokens")))
    backend = connect(server.url.removesuffix("/v1"), scheme="anthropic")
    response = only(backend, Generate("p", Sampling(stop=("\n",))))
    assert response == Completion("one", "stop", 3)
    assert "stop_sequences" not in server.calls[0].body


def test_sampling_can_be_switched_on(connect: Any, serve: Any, reply: Any) -> None:
    server = serve(lambda call: reply(message("x")))
    url = server.url.removesuffix("/v1")
    backend = connect(url, scheme="anthropic", sampling="on")
    only(backend, Generate("p", Sampling(temperature=0.5, top_p=0.8)))
    assert (server.calls[0].body["temperature"], server.calls[0].body["top_p"]) == (0.5, 0.8)


@pytest.mark.parametrize(
    ("text", "reason", "expected"),
    [
        ("", "end_turn", Completion("", "stop", 3)),
        ("", "max_tokens", Completion("", "length", 3)),
        ("part", "model_context_window_exceeded", Completion("part", "length", 3)),
        ("", "refusal", Completion("", "content_filter", 3)),
        ("", "tool_use", Failed("malformed answer: an answer without content")),
    ],
)
def test_how_answers_end(
    text: str, reason: str, expected: Any, connect: Any, serve: Any, reply: Any
) -> None:
    server = serve(lambda call: reply(message(text, reason)))
    url = server.url.removesuffix("/v1")
    assert only(connect(url, scheme="anthropic", max_retries="1"), Generate("p")) == expected


def test_overload_and_rate_limits_are_waited_for(connect: Any, serve: Any, reply: Any) -> None:
    replies = iter(
        [
            reply({"error": {"type": "overloaded_error", "message": "busy"}}, 529),
            reply({"error": {"type": "rate_limit_error", "message": "slow"}}, 429),
            reply(message("done")),
        ]
    )
    server = serve(lambda call: next(replies))
    backend = connect(server.url.removesuffix("/v1"), scheme="anthropic", max_retries="0")
    assert only(backend, Generate("p")) == Completion("done", "stop", 3)
    assert backend.describe()["failed_tries"] == {"overload": 1, "rate limit": 1}


def test_the_contract(connect: Any, serve: Any, reply: Any) -> None:
    server = serve(lambda call: reply(message(call.body["messages"][0]["content"][::-1])))
    backend = connect(server.url.removesuffix("/v1"), scheme="anthropic")
    check_backend(backend, [Generate("abc"), Generate("def"), Generate("ghi")])
