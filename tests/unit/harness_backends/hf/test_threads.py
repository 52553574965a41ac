"""Threads for the cores that are free."""

from __future__ import annotations

import os

import pytest
import torch

from harness_backends.hf import threads
from harness_backends.hf.threads import Moment, choose_threads, free_cores, idle_seconds, look

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


@pytest.mark.parametrize(("idle", "own", "left"), [(0.0, 10.0, 1), (20.0, 10.0, 3), (90.0, 0.0, 4)])
def test_threads_are_lowered_and_never_raised(
    idle: float, own: float, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "look", lambda: Moment(10, idle, own))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        choose_threads(Moment(0, 0, 0))
        assert torch.get_num_threads() == left
        torch.set_num_threads(4)
        choose_threads(None)
        assert torch.get_num_threads() == 4
        monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "4")
        choose_threads(Moment(0, 0, 0))
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)
