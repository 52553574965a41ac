"""A server that fails in every way it can: all requests end answered, each exactly once."""

from __future__ import annotations

import hashlib
import logging
import random
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.run import scheduler
from harness.run.cache import ResponseStore
from harness.testing import keyed
from harness.types import Completion, Failed, Generate

REQUESTS = keyed([Generate(f"question {number}") for number in range(400)])
FAULT_SHARE = 0.3


def faulty(reply: Any, chat: Any, key: str) -> Callable[[Any], Any]:
    """Fails 30 % of calls, every kind in turn, and echoes the key where it can."""
    lock = threading.Lock()
    rng = random.Random(0)
    said = {"error": {"message": f"no luck with {key}", "type": "server", "code": None}}
    faults = [
        reply(said, 429),
        reply(said, 429, {"retry-after": "0"}),
        reply(said, 429, {"retry-after-ms": "20"}),
        reply(said, 500),
        reply(said, 503),
        reply(said, 529),
        reply(drop=True),
        reply(b"{garbage"),
        reply(b"\xff\xfe\x00"),
        reply(b"[]"),
        reply({"choices": []}),
        reply({"choices": [{"message": {"role": "assistant"}, "finish_reason": "stop"}]}),
        reply(said, 200, delay=1.5),
    ]
    turn = iter(faults * 1000)

    def answer(call: Any) -> Any:
        with lock:
            fails = rng.random() < FAULT_SHARE
            fault = next(turn) if fails else None
        prompt = call.body["messages"][0]["content"]
        return fault if fault is not None else chat(f"answer to {prompt}")

    return answer


def test_every_request_is_answered_exactly_once(
    serve: Any,
    connect: Any,
    reply: Any,
    chat: Any,
    key: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(faulty(reply, chat, key))
    backend = connect(server.url, timeout="1", max_retries="12")
    with ResponseStore(tmp_path / "store.sqlite") as store:
        answers = list(scheduler.answers(REQUESTS, backend, store))
        kept = store.get_many(backend.fingerprint, [request.key for request in REQUESTS])
    assert len(answers) == len(REQUESTS)
    assert Counter(answer.key for answer in answers) == Counter(each.key for each in REQUESTS)
    prompts = {each.key: each.request.prompt for each in REQUESTS}  # type: ignore[union-attr]
    expected = {
        name: Completion(f"answer to {prompt}", "stop", 5) for name, prompt in prompts.items()
    }
    assert kept == expected
    failed_tries = backend.describe()["failed_tries"]
    assert set(failed_tries) == {
        "rate limit",
        "overload",
        "time-out",
        "connection",
        "server error",
        "malformed answer",
    }
    assert len(server.calls) == len(REQUESTS) + sum(failed_tries.values())
    assert server.most_open <= 200
    seen = caplog.text + "".join(capfd.readouterr()) + str(backend.describe())
    assert key not in seen + backend.fingerprint
    assert key not in (tmp_path / "store.sqlite").read_bytes().decode("latin-1")


def test_the_order_of_requests_is_irrelevant(
    serve: Any, connect: Any, reply: Any, chat: Any, key: str
) -> None:
    server = serve(faulty(reply, chat, key))
    backend = connect(server.url, timeout="1", max_retries="12")
    one = dict(backend.run(REQUESTS[:40]))
    other = dict(backend.run(REQUESTS[39::-1]))
    assert one == other


def test_a_request_that_never_succeeds_is_a_counted_failure(
    serve: Any, connect: Any, reply: Any, chat: Any, key: str
) -> None:
    def answer(call: Any) -> Any:
        prompt = call.body["messages"][0]["content"]
        digest = hashlib.sha256(prompt.encode()).digest()[0]
        return chat("fine") if digest % 4 else reply({"error": f"broken, {key}"}, 500)

    backend = connect(serve(answer).url, max_retries="2")
    answers = dict(backend.run(REQUESTS[:60]))
    lost = [each for each in answers.values() if isinstance(each, Failed)]
    assert 0 < len(lost) < 60
    assert all("server error: status 500: broken, ***" in each.reason for each in lost)
    assert backend.describe()["failed_tries"] == {"server error": 3 * len(lost)}
