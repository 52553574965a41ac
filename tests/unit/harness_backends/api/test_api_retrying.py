"""Delays between tries, and the two headers that ask for one."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness_backends.api.retrying import LONGEST_DELAY, RetryPolicy, retry_after

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@given(st.integers(1, 200), st.integers(0, 2**32))
def test_full_jitter_under_a_bound_that_doubles(tries: int, seed: int) -> None:
    delay = RetryPolicy(base_delay=0.5, rng=random.Random(seed)).delay(tries)
    assert 0 <= delay <= min(LONGEST_DELAY, 0.5 * 2 ** (tries - 1))


def test_the_jitter_is_full() -> None:
    policy = RetryPolicy(base_delay=1.0, rng=random.Random(1))
    delays = [policy.delay(4) for _ in range(2000)]
    assert min(delays) < 0.1
    assert max(delays) > 7.9
    assert sum(delays) / len(delays) == pytest.approx(4, abs=0.2)


@given(st.floats(0, 1000), st.integers(0, 2**32))
def test_what_the_server_asks_for_is_never_undercut(asked: float, seed: int) -> None:
    delay = RetryPolicy(base_delay=0.5, rng=random.Random(seed)).delay(1, asked)
    assert asked <= delay <= asked + 0.5


def test_the_bound_can_be_lowered_to_the_first_delay() -> None:
    policy = RetryPolicy(base_delay=0.5, rng=random.Random(1))
    assert max(policy.delay(30, longest=0.0) for _ in range(500)) <= 0.5


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "x", "retry-after": "2"}, 2.0),
    ],
)
def test_reading_the_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds
