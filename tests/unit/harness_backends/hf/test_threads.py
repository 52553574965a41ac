"""Threads for the cores that are free."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from harness.protocols import BackendOptions
from harness.types import Generate, KeyedRequest, Sampling
from harness_backends.hf import threads
from harness_backends.hf.opening import open_checkpoint
from harness_backends.hf.threads import Moment, free_cores, idle_seconds, look, thread_count
from support.tiny_models import make_model

STAT = """cpu  9 0 9 900 40 0 0 0 0 0
cpu0 5 0 5 500 20 0 0 0 0 0
cpu1 4 0 4 400 20 0 0 0 0 0
intr 5
"""


def test_idle_time_is_that_of_the_processs_cores() -> None:
    assert idle_seconds(STAT, {0, 1}, 100) == 9.4
    assert idle_seconds(STAT, {1}, 100) == 4.2
    with pytest.raises(ValueError, match="missing"):
        idle_seconds(STAT, {0, 2}, 100)


@pytest.mark.parametrize(
    ("idle", "own", "free"),
    [(20, 0, 2), (10, 10, 2), (10, 0, 1), (0, 10, 1), (0, 2, 1), (0, 0, 1), (4, 12, 2), (0, 20, 2)],
)
def test_cores_that_others_take_are_not_free(idle: float, own: float, free: int) -> None:
    """Of two cores, over ten seconds."""
    assert free_cores(Moment(5, 100, 3), Moment(15, 100 + idle, 3 + own)) == free


def test_a_moment_says_nothing() -> None:
    assert free_cores(Moment(5, 100, 3), Moment(5.1, 100, 3)) is None


def test_the_machine_can_be_looked_at() -> None:
    before, now = look(), look()
    assert before is not None
    assert now is not None
    assert now.seconds >= before.seconds
    assert now.idle >= before.idle >= 0


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Moment]]:
    """What the next look sees; torch has four threads to begin with."""
    seen = [Moment(0, 0, 0)]
    monkeypatch.setattr(threads, "look", lambda: seen[-1])
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield seen
    torch.set_num_threads(before)


def test_threads_follow_the_cores_that_are_free(machine: list[Moment]) -> None:
    count = thread_count(machine[0])
    assert count is not None
    for seconds, idle, own, left in [
        (10, 0, 10, 1),
        (20, 20, 20, 3),
        (30, 110, 20, 4),
        (40, 110, 20, 1),
    ]:
        machine.append(Moment(seconds, idle, own))
        count.choose()
        assert torch.get_num_threads() == left


def test_a_number_that_somebody_else_sets_is_the_most(machine: list[Moment]) -> None:
    count = thread_count(machine[0])
    assert count is not None
    torch.set_num_threads(2)
    machine.append(Moment(10, 40, 0))
    count.choose()
    assert torch.get_num_threads() == 2


def test_the_machine_is_looked_at_every_few_seconds(
    machine: list[Moment], monkeypatch: pytest.MonkeyPatch
) -> None:
    count = thread_count(machine[0])
    assert count is not None
    machine.append(Moment(1.9, 0, 0))
    monkeypatch.setattr(threads.time, "monotonic", lambda: 1.9)
    count.follow()
    assert torch.get_num_threads() == 4
    monkeypatch.setattr(threads.time, "monotonic", lambda: 2.0)
    count.follow()
    assert torch.get_num_threads() == 1


def test_the_users_choice_stays(machine: list[Moment], monkeypatch: pytest.MonkeyPatch) -> None:
    assert thread_count(None) is None
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "4")
    assert thread_count(machine[0]) is None


def test_every_pass_of_a_model_follows(machine: list[Moment], tmp_path: Path) -> None:
    checkpoint = make_model(tmp_path)
    calls: list[int] = []

    class Counted(threads.ThreadCount):
        def follow(self) -> None:
            calls.append(torch.get_num_threads())

    backend = open_checkpoint(BackendOptions(str(checkpoint)), Counted(machine[0]))
    list(backend.run([KeyedRequest("1", Generate("Once", Sampling(max_tokens=3)), "t", "1")]))
    assert len(calls) > 3


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": threads.LOOKS}),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": None}),
        ({"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "7"}),
    ],
)
def test_how_threads_wait_is_the_users_where_said(
    given: dict[str, str], expected: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "THP_MEM_ALLOC_ENABLE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    threads.prepare()
    assert {name: os.environ.get(name) for name in expected} == expected
