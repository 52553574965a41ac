"""Several drawn answers to one prompt: one request where the server takes ``n``, else several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.testing import keyed
from harness.types import Completion, Failed, Generate, KeyedRequest, Request, Response, Sampling
from harness_backends.api.backend import MOST_AT_ONCE, grouped

Connect = Callable[..., Any]


def draws(prompt: str, count: int, first: int = 0, temperature: float = 0.8) -> list[Request]:
    return [
        Generate(prompt, Sampling(temperature=temperature, seed=seed))
        for seed in range(first, first + count)
    ]


def several(body: Any, takes: bool = True) -> list[dict[str, Any]]:
    """Choices whose text tells the seed that each would have alone."""
    count = body.get("n", 1) if takes else 1
    seed = body.get("seed", 0)
    return [
        {"index": n, "message": {"role": "assistant", "content": f"drawn with {seed + n}"},
         "finish_reason": "stop"}
        for n in range(count)
    ][::-1]  # fmt: skip


def answered(backend: Any, requests: list[KeyedRequest]) -> dict[str, Response]:
    pairs = list(backend.run(requests))
    found = dict(pairs)
    assert len(found) == len(pairs) == len(requests)
    return found


def body(choices: list[dict[str, Any]], count: int = 1) -> dict[str, Any]:
    usage = {"prompt_tokens": 100, "completion_tokens": 4 * count}
    return {"choices": choices, "usage": usage}


def test_a_prompt_is_sent_and_paid_for_once(connect: Connect, serve: Any, reply: Any) -> None:
    server = serve(lambda call: reply(body(several(call.body), call.body.get("n", 1))))
    backend = connect(server.url)
    requests = keyed([*draws("p", 5), *draws("q", 1), Generate("p")])
    found = answered(backend, requests)
    texts = [found[each.key].text for each in requests]  # type: ignore[union-attr]
    assert texts == [*(f"drawn with {seed}" for seed in range(5)), *["drawn with 0"] * 2]
    probe, *asked = server.calls
    assert (probe.body["n"], probe.body["max_tokens"]) == (2, 16)
    sent = [(each.body["messages"][0]["content"], each.body.get("n", 1)) for each in asked]
    assert sorted(sent) == [("p", 1), ("p", 5), ("q", 1)]
    assert backend.usage.prompt_tokens == 400  # with the one that finds it out
    answered(backend, keyed(draws("r", 3)))
    assert len(server.calls) == 5  # what the server takes is found out once
    one = found[requests[0].key]
    assert isinstance(one, Completion)
    assert one.tokens is None  # the server counts those of all five together


@pytest.mark.parametrize("refusal", [True, False])
def test_a_server_that_does_not_take_n_is_asked_several_times(
    connect: Connect, serve: Any, reply: Any, refusal: bool
) -> None:
    def answer(call: Any) -> Any:
        if refusal and "n" in call.body:
            return reply({"error": {"message": "Unsupported parameter: n", "param": "n"}}, 400)
        return reply(body(several(call.body, takes=False)))

    server = serve(answer)
    requests = keyed(draws("p", 4))
    found = answered(connect(server.url), requests)
    assert [found[each.key].text for each in requests] == [  # type: ignore[union-attr]
        f"drawn with {seed}" for seed in range(4)
    ]
    assert [each.body.get("n") for each in server.calls] == [2, None, None, None, None]
    assert sorted(each.body["seed"] for each in server.calls[1:]) == [0, 1, 2, 3]


def test_fewer_answers_than_asked_for_are_completed(
    connect: Connect, serve: Any, reply: Any
) -> None:
    def answer(call: Any) -> Any:
        return reply(body(several({**call.body, "n": min(2, call.body.get("n", 1))})))

    server = serve(answer)
    requests = keyed(draws("p", 5))
    found = answered(connect(server.url), requests)
    assert [found[each.key].text for each in requests] == [  # type: ignore[union-attr]
        f"drawn with {seed}" for seed in range(5)
    ]
    assert [each.body.get("n") for each in server.calls] == [2, 5, 3, None]


def test_a_failure_is_every_members(connect: Connect, serve: Any, reply: Any) -> None:
    def answer(call: Any) -> Any:
        if call.body["messages"][0]["content"] == "Hi":
            return reply(body(several(call.body)))
        return reply({"error": {"message": "context length exceeded", "param": None}}, 400)

    requests = keyed(draws("p", 3))
    found = answered(connect(serve(answer).url), requests)
    assert all(isinstance(each, Failed) for each in found.values())


def test_greedy_answers_and_gaps_between_seeds_are_asked_for_apart() -> None:
    requests = keyed(
        [*draws("p", 3, temperature=0.0), *draws("p", 2), *draws("p", 2, 7), *draws("q", 20)]
    )
    groups = [[each.request for each in group] for group in grouped(requests)]
    sizes = [(group[0].prompt, group[0].sampling.seed, len(group)) for group in groups]  # type: ignore[union-attr]
    assert sizes == [
        ("p", 0, 1), ("p", 1, 1), ("p", 2, 1), ("p", 0, 2), ("p", 7, 2),
        ("q", 0, MOST_AT_ONCE), ("q", MOST_AT_ONCE, 4),
    ]  # fmt: skip
    shuffled = [requests[place] for place in (8, 3, 6, 0, 5, 4, 7, *range(9, 27), 1, 2)]
    assert sum(map(len, grouped(shuffled))) == len(requests)
    assert sorted(map(len, grouped(shuffled))) == sorted(map(len, groups))


def test_anthropic_has_one_answer_a_request(connect: Connect, serve: Any, reply: Any) -> None:
    usage = {"input_tokens": 3, "output_tokens": 1}
    content = [{"type": "text", "text": "x"}]
    server = serve(
        lambda call: reply({"content": content, "stop_reason": "end_turn", "usage": usage})
    )
    answered(connect(server.url, scheme="anthropic", sampling="on"), keyed(draws("p", 3)))
    assert len(server.calls) == 3
