"""Batches within a budget, and running out of memory."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness_backends.hf.memory import Budget


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
