"""What the user is told, and that no secret is in it."""

from __future__ import annotations

import json
import logging
import socket
import sys
from typing import Any

import pytest

from harness.errors import (
    HarnessError,
    MissingExtraError,
    ModelError,
    RunFailedError,
    RunInterruptedError,
    UsageError,
)
from harness.protocols import BackendOptions
from harness.testing import keyed
from harness.types import Completion, Failed, Generate, Loglikelihood, Message
from harness_backends.api import open_anthropic, open_openai

ONE = keyed([Generate("hello")])


@pytest.mark.parametrize(
    ("opener", "variable"),
    [(open_openai, "OPENAI_API_KEY"), (open_anthropic, "ANTHROPIC_API_KEY")],
)
def test_a_missing_key_names_the_variable(
    opener: Any, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ModelError, match=variable):
        opener(BackendOptions("some-model"))


def test_the_variable_can_be_chosen(
    connect: Any, serve: Any, chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(lambda call: chat("hi"))
    with pytest.raises(ModelError, match="OTHER_KEY is not set"):
        connect(server.url, api_key_env="OTHER_KEY")
    monkeypatch.setenv("OTHER_KEY", "sk-other")
    list(connect(server.url, api_key_env="OTHER_KEY").run(ONE))
    assert server.calls[-1].headers["authorization"] == "Bearer sk-other"


@pytest.mark.parametrize(
    ("opener", "package"), [(open_openai, "openai"), (open_anthropic, "anthropic")]
)
def test_a_missing_sdk_names_the_extra(
    opener: Any, package: str, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"evalign\[api\]"):
        opener(BackendOptions("some-model"))


def _closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def test_an_unreachable_server_is_named_before_the_run(
    connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness_backends.api.probing._PAUSE", 0.01)
    url = f"http://127.0.0.1:{_closed_port()}/v1"
    with pytest.raises(ModelError, match="cannot be used: connection") as caught:
        connect(url, endpoint="auto")
    assert url in str(caught.value)
    assert "base_url" in str(caught.value)


def test_a_server_that_is_gone_ends_the_run(connect: Any) -> None:
    url = f"http://127.0.0.1:{_closed_port()}/v1"
    backend = connect(url, max_retries="1")
    requests = keyed([Generate(str(number)) for number in range(50)])
    with pytest.raises(RunFailedError, match="requests in a row") as caught:
        list(backend.run(requests))
    # Those under way when the twentieth fails are counted too.
    assert 20 <= int(str(caught.value).split()[0]) <= 50
    assert url in str(caught.value)


def test_a_silent_server_ends_the_run_when_patience_does(
    connect: Any, serve: Any, reply: Any
) -> None:
    server = serve(lambda call: reply({"error": {"message": "later"}}, 429))
    backend = connect(server.url, patience="0.3")
    with pytest.raises(RunFailedError, match=r"answered for 0\.3 s.*rate limit"):
        list(backend.run(ONE))


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (401, {"error": {"message": "bad key KEY"}}, ModelError, "OPENAI_API_KEY"),
        (403, {"error": {"message": "bad key KEY"}}, ModelError, "OPENAI_API_KEY"),
        (404, {"error": {"message": "no model 'm', KEY"}}, ModelError, "no model 'm'"),
        (404, {"detail": "Not Found"}, ModelError, "usually ends in /v1"),
        (402, {"error": {"message": "pay, KEY"}}, RunFailedError, "no credit"),
        (
            429,
            {"error": {"message": "quota KEY", "code": "insufficient_quota"}},
            RunFailedError,
            "no credit",
        ),
    ],
)
def test_what_concerns_every_request_ends_the_run_at_once(
    status: int,
    body: Any,
    error: type[HarnessError],
    words: str,
    connect: Any,
    serve: Any,
    reply: Any,
    key: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    text = json.dumps(body).replace("KEY", key)
    server = serve(lambda call: reply(text.encode(), status))
    with pytest.raises(error) as caught:
        list(connect(server.url).run(ONE))
    assert words in str(caught.value)
    assert len(server.calls) == 1
    assert caught.value.__cause__ is None  # a traceback would show the SDK's message
    assert key not in str(caught.value) + caplog.text


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, {"error": {"message": "context too long"}}, "refused: status 400: context too long"),
        (422, {"detail": "no such field"}, "refused: status 422: no such field"),
        (400, b"<html>nonsense</html>", "refused: status 400: nonsense"),
        (
            400,
            {"error": {"message": "not this", "code": "content_filter"}},
            "content filter: not this",
        ),
        (
            403,
            {"error": {"message": "not this", "code": "moderation_blocked"}},
            "content filter: not this",
        ),
    ],
)
def test_what_concerns_one_request_is_its_failure_and_is_not_retried(
    status: int, body: Any, reason: str, connect: Any, serve: Any, reply: Any
) -> None:
    server = serve(lambda call: reply(body, status))
    assert [response for _, response in connect(server.url).run(ONE)] == [Failed(reason)]
    assert len(server.calls) == 1


def test_requests_that_are_all_refused_end_the_run(connect: Any, serve: Any, reply: Any) -> None:
    server = serve(lambda call: reply({"error": {"message": "unknown parameter"}}, 400))
    requests = keyed([Generate(str(number)) for number in range(100)])
    with pytest.raises(RunFailedError, match="unknown parameter"):
        list(connect(server.url).run(requests))
    assert len(server.calls) < 100


def test_answers_that_the_provider_holds_back_are_answers(
    connect: Any, serve: Any, chat: Any
) -> None:
    server = serve(lambda call: chat("part", "content_filter"))
    backend = connect(server.url)
    (response,) = dict(backend.run(ONE)).values()
    assert response == Completion("part", "content_filter", 5)
    assert len(server.calls) == 1
    (note,) = backend.notes
    assert note.startswith("1 answers were held back")


@pytest.mark.parametrize(
    ("text", "reason", "expected"),
    [
        (None, "length", Completion("", "length", 5)),
        ("", "stop", Completion("", "stop", 5)),
        ("half a \ud83d pair", "stop", Completion("half a \ufffd pair", "stop", 5)),
        ("\ud83d\ude00", "stop", Completion("😀", "stop", 5)),
    ],
)
def test_odd_answers(
    text: str | None, reason: str, expected: Completion, connect: Any, serve: Any, chat: Any
) -> None:
    server = serve(lambda call: chat(text, reason))
    (response,) = dict(connect(server.url).run(ONE)).values()
    assert response == expected


def test_a_huge_answer_is_a_failure(connect: Any, serve: Any, chat: Any) -> None:
    server = serve(lambda call: chat("x" * 5_000_000))
    (response,) = dict(connect(server.url, max_retries="1").run(ONE)).values()
    assert response == Failed("malformed answer: the answer has 5,000,000 characters")


def test_limits_end_the_run_so_that_it_can_be_resumed(connect: Any, serve: Any, chat: Any) -> None:
    server = serve(lambda call: chat("yes", prompt_tokens=900_000, completion_tokens=100_000))
    requests = keyed([Generate(str(number)) for number in range(100)])
    prices = {"prompt": 1.0, "completion": 10.0}  # an answer costs 0.9 + 1 dollars
    backend = connect(server.url, max_cost="60", prices=prices)
    kept = []
    with pytest.raises(RunInterruptedError, match=r"max_cost = 60.* requests to go"):
        for pair in backend.run(requests):
            kept.append(pair)
    assert len(kept) == len(server.calls) < 60  # what was asked for was delivered
    assert backend.usage.cost == pytest.approx(1.9 * len(kept))
    assert backend.usage.prompt_tokens == 900_000 * len(kept)


def test_a_limit_on_time_does_not_wait_for_slow_answers(
    connect: Any, serve: Any, chat: Any, reply: Any
) -> None:
    slow = reply(chat("late").body, delay=3)
    server = serve(lambda call: slow if call.body["messages"][0]["content"] == "slow" else chat(""))
    backend = connect(server.url, max_seconds="0.5")
    answers = []
    with pytest.raises(RunInterruptedError, match=r"max_seconds = 0\.5.* 1 requests to go"):
        for pair in backend.run(keyed([Generate("slow"), Generate("quick")])):
            answers.append(pair[1])
    assert answers == [Completion("", "stop", 5)]


def test_limits_need_to_know_what_is_spent(connect: Any, serve: Any, reply: Any, chat: Any) -> None:
    with pytest.raises(UsageError, match=r'needs the prices of openai:m\n.*\[prices."openai:m"\]'):
        connect("http://127.0.0.1:1/v1", max_cost="1")
    body = {name: value for name, value in chat("x").body.items() if name != "usage"}
    server = serve(lambda call: reply(body))
    with pytest.raises(RunFailedError, match="does not report"):
        list(connect(server.url, max_tokens_total="10").run(ONE))


def test_other_requests_are_not_supported(connect: Any, serve: Any, chat: Any) -> None:
    server = serve(lambda call: chat("x"))
    backend = connect(server.url)
    assert backend.supports == {Generate}
    (response,) = dict(backend.run(keyed([Loglikelihood("a", " b")]))).values()
    assert response == Failed("Loglikelihood is not supported here")


def test_chat_messages_need_a_chat_endpoint(connect: Any, serve: Any, chat: Any) -> None:
    server = serve(lambda call: chat("x"))
    backend = connect(server.url, endpoint="completions", logprobs="none")
    with pytest.raises(ModelError, match="need a chat endpoint"):
        list(backend.run(keyed([Generate((Message("user", "hi"),))])))


def test_the_caller_may_stop_early(connect: Any, serve: Any, chat: Any, reply: Any) -> None:
    server = serve(lambda call: reply(chat("x").body, delay=0.05))
    backend = connect(server.url, max_concurrency="4")
    running = backend.run(keyed([Generate(str(number)) for number in range(100)]))
    next(running)
    running.close()  # type: ignore[attr-defined]
    assert len(list(backend.run(ONE))) == 1  # the backend is still good
    assert len(server.calls) < 50


def test_the_key_is_nowhere(connect: Any, serve: Any, chat: Any, key: str) -> None:
    server = serve(lambda call: chat("x"))
    backend = connect(server.url)
    list(backend.run(ONE))
    assert server.calls[0].headers["authorization"] == f"Bearer {key}"
    assert key not in str(backend.describe()) + backend.fingerprint + repr(vars(backend))


def test_addresses_with_secrets_are_refused() -> None:
    for url in ("https://user:pass@host/v1", "https://host/v1?api-key=pass"):
        with pytest.raises(UsageError) as caught:
            open_openai(BackendOptions("m", values={"base_url": url}))
        assert "pass" not in str(caught.value)
