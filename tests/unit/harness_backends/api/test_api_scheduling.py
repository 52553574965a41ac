"""How many requests are open, and that each gets exactly one response."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ModelError, RunFailedError
from harness.testing import keyed
from harness.types import Completion, Failed, Generate, KeyedRequest, Response
from harness_backends.api.budget import Limits, Meter, Spent
from harness_backends.api.failures import TREATMENTS, Kind, RequestError
from harness_backends.api.retrying import RetryPolicy
from harness_backends.api.scheduling import LOST_IN_A_ROW, AdaptiveLimit, Dispatcher


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


# --------------------------------------------------------------------------- the limit


def succeed(limit: AdaptiveLimit, times: int) -> int:
    for _ in range(times):
        limit.succeeded()
    return limit.current


def test_the_limit_doubles_with_each_round_of_clean_answers() -> None:
    limit = AdaptiveLimit(200, Clock())
    assert limit.current == 20
    assert succeed(limit, 19) == 20
    assert succeed(limit, 1) == 40
    assert succeed(limit, 40) == 80
    assert succeed(limit, 80) == 160
    assert succeed(limit, 160) == 200
    assert succeed(limit, 1000) == 200


def test_it_starts_under_a_lower_maximum() -> None:
    assert AdaptiveLimit(3, Clock()).current == 3


def test_it_falls_once_in_a_cool_down_and_then_rises_slowly() -> None:
    clock = Clock()
    limit = AdaptiveLimit(200, clock)
    succeed(limit, 60)
    assert limit.current == 80
    for _ in range(16):  # one burst of refusals
        limit.slow_down()
    assert limit.current == 64
    clock.now = 14.9
    limit.slow_down()
    assert succeed(limit, 500) == 64  # these were asked for before the cut
    clock.now = 15.1
    assert succeed(limit, 63) == 64
    assert succeed(limit, 1) == 67  # 5 %
    limit.slow_down()
    assert limit.current == 53


def test_a_refusal_begins_the_round_anew() -> None:
    clock = Clock()
    limit = AdaptiveLimit(200, clock)
    limit.slow_down()
    clock.now = 20
    succeed(limit, limit.current - 1)
    before = limit.current
    limit.slow_down()
    clock.now = 40
    limit.succeeded()
    assert limit.current < before


def test_it_never_falls_under_one() -> None:
    clock = Clock()
    limit = AdaptiveLimit(2, clock)
    for _ in range(50):
        limit.slow_down()
        clock.now += 16
    assert limit.current == 1
    assert succeed(limit, 4) == 2


# --------------------------------------------------------------------------- the dispatcher

Ask = Callable[[KeyedRequest], Any]
QUICK = RetryPolicy(max_retries=50, base_delay=1e-4, rng=random.Random(0))


def meter(**limits: Any) -> Meter:
    return Meter("m", None, Limits(**limits))


def run(
    ask: Ask,
    count: int,
    maximum: int = 200,
    retries: RetryPolicy = QUICK,
    books: Meter | None = None,
) -> tuple[list[tuple[str, Response]], Dispatcher]:
    dispatcher = Dispatcher(AdaptiveLimit(maximum), retries, books or meter(), patience=30)
    delivered: list[tuple[str, Response]] = []
    requests = keyed([Generate(str(number)) for number in range(count)])
    asyncio.run(dispatcher.run(requests, ask, delivered.append))
    return delivered, dispatcher


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 60), st.integers(1, 30), st.integers(0, 2**32))
def test_each_request_gets_one_response_whatever_goes_wrong(
    count: int, maximum: int, seed: int
) -> None:
    rng = random.Random(seed)
    kinds = list(Kind)
    open_now = most_open = 0

    async def ask(request: KeyedRequest) -> Response:
        nonlocal open_now, most_open
        open_now += 1
        most_open = max(most_open, open_now)
        try:
            await asyncio.sleep(0)
            if rng.random() < 0.4:
                raise RequestError(rng.choice(kinds), "bad luck", rng.choice([None, 0.0]))
            return Completion(request.key)
        finally:
            open_now -= 1

    delivered, dispatcher = run(ask, count, maximum)
    assert len({key for key, _ in delivered}) == len(delivered) == count
    for key, response in delivered:
        assert response == Completion(key) or isinstance(response, Failed)
    lost = sum(isinstance(response, Failed) for _, response in delivered)
    final = sum(n for kind, n in dispatcher.failures.items() if not TREATMENTS[kind].retried)
    assert lost == final
    assert most_open <= min(maximum, max(count, 0))


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_retried_and_what_counts(kind: Kind) -> None:
    tries = 0

    async def ask(request: KeyedRequest) -> Response:
        nonlocal tries
        tries += 1
        if tries <= 5:
            raise RequestError(kind, "no")
        return Completion("yes")

    treatment = TREATMENTS[kind]
    once = RetryPolicy(max_retries=2, base_delay=1e-4)
    if treatment.of_server:
        with pytest.raises(ModelError, match=r"^no$"):
            run(ask, 1, retries=once)
        return
    delivered, _ = run(ask, 1, retries=once)
    (response,) = (response for _, response in delivered)
    if not treatment.retried:
        assert (tries, response) == (1, Failed(f"{kind}: no"))
    elif treatment.counted:
        assert (tries, response) == (3, Failed(f"{kind}: no"))
    else:
        assert (tries, response) == (6, Completion("yes"))


def test_answers_beside_a_fatal_failure_are_delivered() -> None:
    together = asyncio.Barrier(20)

    async def ask(request: KeyedRequest) -> Response:
        await together.wait()
        if request.sample_id == "7":
            raise ModelError("the key was revoked")
        return Completion("kept")

    delivered: list[tuple[str, Response]] = []
    dispatcher = Dispatcher(AdaptiveLimit(200), QUICK, meter(), patience=30)
    requests = keyed([Generate(str(number)) for number in range(20)])
    with pytest.raises(ModelError, match="revoked"):
        asyncio.run(dispatcher.run(requests, ask, delivered.append))
    assert len(delivered) == 19


def test_losing_many_in_a_row_ends_the_run_but_losing_some_does_not() -> None:
    async def sometimes(request: KeyedRequest) -> Response:
        if int(request.sample_id) % 2:
            raise RequestError(Kind.MALFORMED, "garbage")
        return Completion("fine")

    once = RetryPolicy(max_retries=0, base_delay=1e-4)
    delivered, _ = run(sometimes, 3 * LOST_IN_A_ROW, maximum=1, retries=once)
    assert sum(isinstance(response, Failed) for _, response in delivered) == 1.5 * LOST_IN_A_ROW

    async def never(request: KeyedRequest) -> Response:
        raise RequestError(Kind.MALFORMED, "garbage")

    with pytest.raises(RunFailedError, match="garbage"):
        run(never, 3 * LOST_IN_A_ROW, retries=once)


def test_a_limit_is_not_overrun_by_what_is_open() -> None:
    books = meter(tokens=1000)

    async def ask(request: KeyedRequest) -> Response:
        await asyncio.sleep(0.001)
        books.add(Spent(9, 1))
        return Completion("x")

    delivered: list[tuple[str, Response]] = []
    dispatcher = Dispatcher(AdaptiveLimit(50), QUICK, books, patience=30)
    requests = keyed([Generate(str(number)) for number in range(300)])
    with pytest.raises(RunFailedError, match="max_tokens_total = 1000"):
        asyncio.run(dispatcher.run(requests, ask, delivered.append))
    assert len(delivered) == 100  # exactly what 1,000 tokens pay for


def test_a_limit_reached_by_the_last_request_is_no_failure() -> None:
    books = meter(tokens=30)

    async def ask(request: KeyedRequest) -> Response:
        books.add(Spent(9, 1))
        return Completion("x")

    delivered, _ = run(ask, 3, books=books)
    assert len(delivered) == 3
