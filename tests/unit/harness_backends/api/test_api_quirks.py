"""Servers as they are: errors inside a 200, refused parameters, answers without a text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.errors import ModelError, RunFailedError
from harness.testing import keyed
from harness.types import Completion, Failed, Generate, Loglikelihood, Sampling
from harness_backends.api.failures import Kind, RequestError
from harness_backends.api.refusals import error_inside, failure, read_error
from harness_backends.api.server import Server

SERVER = Server("http://127.0.0.1:1/v1", "m", "OPENAI_API_KEY", None)
ONE = keyed([Generate("p")])


def only(backend: Any, request: Any) -> Any:
    (response,) = dict(backend.run(keyed([request]))).values()
    return response


# --------------------------------------------------------------------------- errors inside a 200


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": "Unexpected endpoint or method. (POST /chat/completions)"}, Kind.NOT_OFFERED),
        ({"error": {"message": "busy", "code": 429}}, Kind.RATE_LIMIT),
        ({"error": {"message": "busy", "code": "503"}}, Kind.OVERLOAD),
        ({"choices": None, "error": {"message": "upstream", "code": 502}}, Kind.SERVER),
        ({"choices": [{"error": {"message": "slow", "code": 504}}]}, Kind.TIMEOUT),
        ({"object": "error", "message": "maximum context length is 9", "code": 400}, Kind.TOO_LONG),
        ({"object": "error", "message": "no", "type": "BadRequestError"}, Kind.REFUSED),
        ({"error": {"message": "no", "type": "rate_limit_error"}}, Kind.RATE_LIMIT),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}, Kind.OVERLOAD),
        ({"error": {"message": "no", "code": 401}}, Kind.DENIED),
        ({"error": {"message": "no", "code": "content_filter"}}, Kind.FILTERED),
        ({"error": {"message": "none today"}}, Kind.MALFORMED),
        ({"error": {"message": "none today", "code": 10**30}}, Kind.MALFORMED),
        ({"detail": "Not Found"}, Kind.NOT_OFFERED),
        ({"error": {"message": "API key not valid. Give one.", "code": 400}}, Kind.DENIED),
    ],
)
def test_an_error_inside_a_200_is_of_the_kind_it_names(body: dict[str, Any], kind: Kind) -> None:
    told = error_inside(body)
    assert told is not None
    error = failure(None, told, SERVER)
    assert isinstance(error, RequestError)
    assert error.kind is kind


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"text": "x"}], "error": None},
        {"choices": [{"text": "x"}], "error": {}},
        {"id": "1", "content": [{"type": "text", "text": "x"}], "type": "message"},
    ],
)
def test_answers_are_no_errors(body: dict[str, Any]) -> None:
    assert error_inside(body) is None


def test_what_cannot_help_is_not_asked_again(connect: Any, serve: Any, reply: Any) -> None:
    said = "this model's maximum context length is 20 tokens"
    server = serve(lambda call: reply({"object": "error", "message": said, "code": 400}))
    backend = connect(server.url)
    assert only(backend, Generate("p")) == Failed(f"too long: {said} (in a 200 answer)")
    assert len(server.calls) == 1
    assert backend.notes[0].startswith("1 prompts were too long")


def test_the_forms_of_errors() -> None:
    fields = [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs"}]
    assert read_error({"detail": fields}).message == "Extra inputs (body.seed)"
    assert read_error({"detail": fields}).parameter == "seed"
    assert read_error([{"error": {"code": 400, "message": "bad key"}}]).message == "bad key"
    page = "<html><head><title>Stop!</title></head><body>You are blocked</body></html>"
    assert read_error(page).message == "Stop! You are blocked"


# --------------------------------------------------------------------------- some among many


@pytest.mark.parametrize("status", [401, 403, 404])
def test_one_that_is_not_let_in_among_answers_is_a_lost_request(
    status: int, connect: Any, serve: Any, chat: Any, reply: Any
) -> None:
    def answer(call: Any) -> Any:
        odd = call.body["messages"][0]["content"] == "7"
        return reply({"error": {"message": "odd"}}, status) if odd else chat("yes")

    work = keyed([Generate(str(number)) for number in range(40)])
    answers = dict(connect(serve(answer).url).run(work))
    failed = [key for key, response in answers.items() if isinstance(response, Failed)]
    assert failed == [work[7].key]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_where_none_of_the_first_is_let_in_the_run_ends(
    status: int, connect: Any, serve: Any, reply: Any
) -> None:
    page = b"<html><title>Blocked</title><body>by a firewall</body></html>"
    server = serve(lambda call: reply(page, status, {"content-type": "text/html"}))
    with pytest.raises(ModelError, match="Blocked by a firewall"):
        list(connect(server.url).run(keyed([Generate(str(n)) for n in range(300)])))
    assert len(server.calls) < 60


def test_a_key_that_is_revoked_on_the_way_ends_the_run(
    connect: Any, serve: Any, chat: Any, reply: Any
) -> None:
    def answer(call: Any) -> Any:
        return chat("yes") if len(server.calls) < 30 else reply({"error": "revoked"}, 401)

    server = serve(answer)
    with pytest.raises(RunFailedError, match="revoked"):
        list(connect(server.url).run(keyed([Generate(str(n)) for n in range(300)])))
    assert len(server.calls) < 150


# --------------------------------------------------------------------------- waiting


@pytest.mark.parametrize("among_answers", [False, True])
def test_a_day_is_not_waited_for(
    among_answers: bool, connect: Any, serve: Any, chat: Any, reply: Any
) -> None:
    def answer(call: Any) -> Any:
        if among_answers and len(server.calls) < 5:
            return chat("yes")
        return reply({"error": {"message": "per day"}}, 429, {"retry-after": "86400"})

    server = serve(answer)
    with pytest.raises(RunFailedError, match=r"wait 1 day .*per day"):
        list(connect(server.url).run(keyed([Generate(str(n)) for n in range(30)])))


def test_among_answers_a_long_wait_is_capped_and_said(
    connect: Any, serve: Any, chat: Any, reply: Any
) -> None:
    def answer(call: Any) -> Any:
        if len(server.calls) == 1:
            return chat("yes")
        if len(server.calls) == 2:
            return reply({"error": {"message": "later"}}, 429, {"retry-after": "7200"})
        return chat("yes", prompt_tokens=9)

    server = serve(answer)
    backend = connect(server.url, max_concurrency="1", patience="1")
    work = keyed([Generate(str(n)) for n in range(2)])
    with pytest.raises(RunFailedError, match=r"for 1 s; the last failure: rate limit"):
        list(backend.run(work))
    (note,) = backend.notes
    assert "asked to wait 2 h 0 min" in note


# --------------------------------------------------------------------------- parameters


def refusing(
    chat: Any, reply: Any, refused: Callable[[dict[str, Any]], str | None]
) -> Callable[[Any], Any]:
    def answer(call: Any) -> Any:
        words = refused(call.body)
        return chat("yes") if words is None else reply({"error": {"message": words}}, 400)

    return answer


def test_a_renamed_parameter_is_sent_under_its_new_name(
    connect: Any, serve: Any, chat: Any, reply: Any
) -> None:
    def refused(body: dict[str, Any]) -> str | None:
        words = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        return words if "max_tokens" in body else None

    server = serve(refusing(chat, reply, refused))
    backend, plain = connect(server.url), connect(server.url, endpoint="auto")
    work = keyed([Generate(str(number)) for number in range(30)])
    assert set(dict(backend.run(work)).values()) == {Completion("yes", "stop", 5)}
    assert server.calls[-1].body["max_completion_tokens"] == 256
    assert "sent as max_completion_tokens" in backend.notes[0]
    assert backend.fingerprint == plain.fingerprint  # it means the same


def test_a_limit_that_is_too_large_keeps_its_name(
    connect: Any, serve: Any, chat: Any, reply: Any
) -> None:
    words = "max_tokens is too large: 300. This model supports at most 256 completion tokens."
    server = serve(refusing(chat, reply, lambda b: words if b["max_tokens"] > 256 else None))
    work = [Generate("p", Sampling(max_tokens=tokens)) for tokens in (9, 300, 8)]
    answers = list(dict(connect(server.url, max_concurrency="1").run(keyed(work))).values())
    assert [isinstance(answer, Failed) for answer in answers] == [False, True, False]


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        ("'temperature' does not support 0 with this model. Only the default (1) is.", None),
        ("Input validation error: `temperature` must be strictly positive", 0.01),
    ],
)
def test_a_refused_temperature_is_known_before_the_run(
    words: str, sent: float | None, connect: Any, serve: Any, chat: Any, reply: Any
) -> None:
    server = serve(refusing(chat, reply, lambda b: words if b.get("temperature") == 0 else None))
    backend = connect(server.url, endpoint="auto")
    assert backend.describe()["endpoint"] == "chat"
    assert only(backend, Generate("p")) == Completion("yes", "stop", 5)
    assert server.calls[-1].body.get("temperature") == sent
    assert "greedy" in backend.notes[0]
    assert backend.fingerprint != connect(server.url).fingerprint


def test_what_changes_answers_is_not_changed_on_the_way(
    connect: Any, serve: Any, chat: Any, reply: Any
) -> None:
    words = "temperature is not supported"
    server = serve(refusing(chat, reply, lambda b: words if "temperature" in b else None))
    with pytest.raises(RunFailedError, match="omit=temperature"):
        list(connect(server.url).run(keyed([Generate(str(n)) for n in range(30)])))
    assert only(connect(server.url, omit="temperature"), Generate("p")) == Completion(
        "yes", "stop", 5
    )


@pytest.mark.parametrize("least", [16, 1000])
def test_a_model_that_reasons_is_not_asked_for_one_token(
    least: int, connect: Any, serve: Any, chat: Any, reply: Any
) -> None:
    words = "Could not finish the message because max_tokens or model output limit was reached."
    server = serve(refusing(chat, reply, lambda b: words if b["max_tokens"] < least else None))
    backend = connect(server.url, endpoint="auto")
    assert backend.describe()["endpoint"] == "chat"
    assert only(backend, Generate("p", Sampling(max_tokens=1000))).text == "yes"


# --------------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("message", "expected", "note"),
    [
        ({"content": None, "reasoning_content": "so"}, ("", "so"), "reasoning"),
        ({"content": "a", "reasoning": "so"}, ("a", "so"), None),
        ({"content": None, "tool_calls": [{"id": "1"}]}, ("", None), "tool"),
        ({"content": None, "refusal": "I will not."}, ("I will not.", None), None),
        (
            {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            ("ab", None),
            None,
        ),
    ],
)
def test_answers_without_a_plain_text(
    message: dict[str, Any],
    expected: tuple[str, str | None],
    note: str | None,
    connect: Any,
    serve: Any,
    reply: Any,
) -> None:
    body = {"choices": [{"message": message, "finish_reason": "stop"}]}
    server = serve(lambda call: reply(body))
    backend = connect(server.url)
    response = only(backend, Generate("p"))
    assert (response.text, response.thinking) == expected
    assert len(server.calls) == 1
    assert [note in each for each in backend.notes] == ([] if note is None else [True])


def test_the_choice_of_index_0_is_read(connect: Any, serve: Any, reply: Any) -> None:
    choices = [
        {"index": 1, "message": {"content": "second"}},
        {"index": 0, "message": {"content": "first"}, "finish_reason": "a" * 100},
    ]
    usage = {"prompt_tokens": 12.0, "completion_tokens": None, "total_tokens": 10**30}
    backend = connect(serve(lambda call: reply({"choices": choices, "usage": usage})).url)
    response = only(backend, Generate("p"))
    assert (response.text, response.finish_reason) == ("first", "a" * 40)
    assert backend.usage.prompt_tokens == 12


def test_the_key_is_in_no_answer(connect: Any, serve: Any, chat: Any, key: str) -> None:
    backend = connect(serve(lambda call: chat(f"your key is {key}!")).url)
    assert only(backend, Generate("p")).text == "your key is ***!"


def test_prompts_that_the_server_cuts_are_noticed(connect: Any, serve: Any, chat: Any) -> None:
    def answer(call: Any) -> Any:
        words = len(call.body["messages"][0]["content"].split())
        return chat("x", prompt_tokens=min(words, limit[0]))

    limit, server = [500], serve(answer)
    work = keyed([Generate("word " * (200 * number)) for number in range(1, 9)])
    backend = connect(server.url)
    list(backend.run(work))
    (note,) = backend.notes
    assert "counted 500 tokens in each of 6 prompts of 3,000 to 8,000 bytes" in note
    limit[0] = 10_000
    whole = connect(server.url)
    list(whole.run(work))
    assert whole.notes == ()


# --------------------------------------------------------------------------- log-probabilities


def test_a_server_that_ignores_echo_gives_no_log_probabilities(
    connect: Any, serve: Any, reply: Any
) -> None:
    def answer(call: Any) -> Any:
        new = {"tokens": [" x"], "token_logprobs": [-0.2], "top_logprobs": [{" x": -0.2}]}
        choice = {"text": " x", "finish_reason": "length", "logprobs": new}
        return reply({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}})

    url = serve(answer).url
    backend = connect(url, endpoint="completions", logprobs="auto")
    assert backend.describe()["logprobs"] == "none"
    told = connect(url, endpoint="completions", logprobs="echo", max_retries="0")
    failure = only(told, Loglikelihood("a", " b"))
    assert isinstance(failure, Failed)
    assert "does not echo the prompt" in failure.reason
