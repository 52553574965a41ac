"""Batches within a budget, and running out of memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness_backends.hf.loading import load
from harness_backends.hf.memory import Budget, PassMemory, free_bytes
from harness_backends.hf.settings import Settings


@settings(max_examples=25)  # each collects garbage, as running out of memory does
@given(
    st.lists(st.integers(1, 40), max_size=40),
    st.integers(1, 100),
    st.one_of(st.none(), st.integers(1, 5)),
    st.integers(1, 60),
)
def test_nothing_is_lost_when_memory_runs_out(
    lengths: list[int], tokens: int, rows: int | None, capacity: int
) -> None:
    sizes = []

    def forward(batch: list[int]) -> int:
        size = max(lengths[index] for index in batch) * len(batch)
        if size > capacity and len(batch) > 1:
            raise torch.OutOfMemoryError("out of memory")
        sizes.append(size)
        return size

    budget = Budget(tokens, rows)
    done = list(budget.run(range(len(lengths)), lengths.__getitem__, forward))
    assert [index for batch, _ in done for index in batch] == list(range(len(lengths)))
    assert [result for _, result in done] == sizes
    for batch, size in done:
        assert len(batch) == 1 or size <= tokens
        assert rows is None or len(batch) <= rows


def test_other_errors_and_hopeless_ones_are_raised() -> None:
    def broken(batch: list[int]) -> None:
        raise RuntimeError("shapes do not match")

    def too_large(batch: list[int]) -> None:
        raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(RuntimeError, match="shapes"):
        list(Budget(100).run([0, 1], lambda _: 1, broken))
    with pytest.raises(torch.OutOfMemoryError):
        list(Budget(100).run([0, 1], lambda _: 1, too_large))


def test_a_pass_that_takes_more_than_guessed_makes_the_next_ones_smaller() -> None:
    memory = PassMemory(torch.device("cpu"), token_bytes=1.0)
    budget = Budget(1 << 60, memory=memory)
    before = budget.tokens
    with budget.watch(128):
        held = torch.ones(64 << 20)  # 256 MiB, beyond any peak of the tests before
    assert memory.token_bytes >= held.nbytes / 128 / 2
    assert budget.tokens < before // 1000


def test_short_passes_and_given_budgets_are_left_alone() -> None:
    memory = PassMemory(torch.device("cpu"), token_bytes=1.0)
    with Budget(100, memory=memory).watch(8):
        torch.ones(80 << 20)
    assert memory.token_bytes == 1.0
    assert Budget(7).tokens == 7


def test_the_guess_comes_from_the_models_shape(checkpoint_folder: Callable[[str], Path]) -> None:
    checkpoint = load(str(checkpoint_folder("llama")), "float32", "cpu", Settings())
    assert PassMemory.guess(checkpoint.model).token_bytes == (8 * 32 + 3 * 48) * 4
    assert 0 < free_bytes(torch.device("cpu")) < 1 << 50
