"""What is sent to a server that speaks OpenAI's protocol, and what identifies it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import ModelError
from harness.testing import keyed
from harness.types import Completion, Failed, Generate, Message, Sampling


def only(backend: Any, request: Generate) -> Any:
    (response,) = dict(backend.run(keyed([request]))).values()
    return response


def test_a_string_is_one_message_of_the_user(connect: Any, serve: Any, chat: Any) -> None:
    server = serve(lambda call: chat("four"))
    request = Generate("2 + 2 = ", Sampling(max_tokens=7))
    assert only(connect(server.url), request) == Completion("four", "stop", 5)
    (call,) = server.calls
    assert call.path == "/v1/chat/completions"
    assert call.body == {
        "model": "m",
        "messages": [{"role": "user", "content": "2 + 2 = "}],
        "max_tokens": 7,
        "temperature": 0.0,
    }


def test_chat_messages_go_as_they_are(connect: Any, serve: Any, chat: Any) -> None:
    server = serve(lambda call: chat("x"))
    only(connect(server.url), Generate((Message("system", "s"), Message("user", "u"))))
    assert server.calls[0].body["messages"] == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
    ]


def test_sampling_parameters_pass_through(connect: Any, serve: Any, chat: Any) -> None:
    server = serve(lambda call: chat("x"))
    sampling = Sampling(temperature=0.7, top_p=0.9, seed=11, stop=("a", "", "b", "c", "d", "e"))
    only(connect(server.url), Generate("p", sampling))
    body = server.calls[0].body
    assert (body["temperature"], body["top_p"], body["seed"]) == (0.7, 0.9, 11)
    assert "stop" not in body  # a chat model may think first, and servers look there, too


def test_the_text_is_cut_at_every_stop_string(connect: Any, serve: Any, chat: Any) -> None:
    server = serve(lambda call: chat("one two END three STOP", "length"))
    stop = ("1", "2", "3", "4", "STOP", "END")
    response = only(connect(server.url), Generate("p", Sampling(stop=stop)))
    assert response == Completion("one two ", "stop", 5)


def test_completions_are_asked_verbatim(connect: Any, serve: Any, reply: Any) -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    choice = {"text": " there", "finish_reason": "length"}
    server = serve(lambda call: reply({"choices": [choice], "usage": usage}))
    backend = connect(server.url, endpoint="completions", logprobs="none")
    assert only(backend, Generate("  hi\n")) == Completion(" there", "length", 2)
    assert server.calls[0].path == "/v1/completions"
    assert server.calls[0].body["prompt"] == "  hi\n"


def test_parameters_can_be_left_out_and_added(connect: Any, serve: Any, chat: Any) -> None:
    server = serve(lambda call: chat("x"))
    extra = '{"reasoning_effort": "low"}'
    backend = connect(server.url, omit="temperature, stop", extra_body=extra)
    only(backend, Generate("p", Sampling(stop=("\n",))))
    assert set(server.calls[0].body) == {"model", "messages", "max_tokens", "reasoning_effort"}


def test_more_than_one_completion_is_refused_before_it_is_paid_for(
    connect: Any, serve: Any, chat: Any
) -> None:
    server = serve(lambda call: chat("x"))
    response = only(connect(server.url), Generate("p", Sampling(n=2)))
    assert response == Failed("one completion a request: n must be 1")
    assert not server.calls


def test_usage_and_cost(connect: Any, serve: Any, chat: Any) -> None:
    details = {"cached_tokens": 400}
    server = serve(
        lambda call: chat(
            "x", prompt_tokens=1000, completion_tokens=50, prompt_tokens_details=details
        )
    )
    prices = {"prompt": 2.0, "completion": 8.0, "cached_prompt": 0.5}
    backend = connect(server.url, prices=prices)
    list(backend.run(keyed([Generate("a"), Generate("b")])))
    usage = backend.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (2000, 100)
    assert (usage.computed_tokens, usage.reused_tokens) == (1300, 800)
    assert usage.cost == pytest.approx((1200 * 2 + 800 * 0.5 + 100 * 8) / 1e6)


# --------------------------------------------------------------------------- probing


def test_the_chat_endpoint_is_taken_where_there_is_one(connect: Any, serve: Any, chat: Any) -> None:
    server = serve(lambda call: chat("x"))
    backend = connect(server.url, endpoint="auto")
    assert backend.describe()["endpoint"] == "chat"
    assert backend.supports == {Generate}
    assert [call.path for call in server.calls] == ["/v1/chat/completions"]


@pytest.mark.parametrize("status", [400, 404, 500])
def test_else_completions(
    status: int, connect: Any, serve: Any, reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness_backends.api.probing._PAUSE", 0.01)

    def answer(call: Any) -> Any:
        if call.path.endswith("/chat/completions"):
            return reply({"error": {"message": "no chat template"}}, status)
        return reply({"choices": [{"text": "x", "finish_reason": "stop"}]})

    backend = connect(serve(answer).url, endpoint="auto")
    facts = backend.describe()
    assert (facts["endpoint"], facts["logprobs"]) == ("completions", "none")
    assert backend.supports == {Generate}


def test_an_unknown_model_is_known_before_the_run(connect: Any, serve: Any, reply: Any) -> None:
    server = serve(lambda call: reply({"error": {"message": "no model m"}}, 404))
    with pytest.raises(ModelError, match=r"neither endpoint answers.*no model m"):
        connect(server.url, endpoint="auto")


# --------------------------------------------------------------------------- identity


def test_the_same_server_and_options_share_stored_answers(
    connect: Any, serve: Any, chat: Any
) -> None:
    url = serve(lambda call: chat("x")).url
    one = connect(url, max_concurrency="3", timeout="9", retry_delay="1").fingerprint
    assert one == connect(url).fingerprint
    assert one == connect(url + "/", endpoint="auto").fingerprint


def test_what_changes_answers_changes_the_fingerprint(connect: Any, serve: Any, chat: Any) -> None:
    def answer(call: Any) -> Any:
        return chat("x")

    url, other = serve(answer).url, serve(answer).url
    prints = [
        connect(url),
        connect(other),
        connect(url, model="n"),
        connect(url, endpoint="completions", logprobs="none"),
        connect(url, endpoint="completions", logprobs="echo"),
        connect(url, omit="temperature"),
        connect(url, extra_body='{"top_k": 1}'),
        connect(url, scheme="anthropic"),
        connect(url, scheme="anthropic", sampling="on"),
    ]
    assert len({backend.fingerprint for backend in prints}) == len(prints)
