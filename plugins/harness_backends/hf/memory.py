"""How much one forward pass may hold, and what happens when that was too much."""

from __future__ import annotations

import gc
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out, on a GPU or a CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


class Budget:
    """Tokens (padding included) and rows that one pass may have.

    Args:
        tokens: Most tokens in one pass; a single longer sequence still goes, alone.
        rows: Most sequences in one pass; None for no limit of its own.
    """

    def __init__(self, tokens: int, rows: int | None = None) -> None:
        self.tokens = tokens
        self.rows = rows

    def halve(self) -> None:
        """Makes the next passes half as large."""
        self.tokens = max(1, self.tokens // 2)
        if self.rows is not None:
            self.rows = max(1, self.rows // 2)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        logger.warning("out of memory: going on with at most %d tokens in a pass", self.tokens)

    def run(
        self,
        order: Sequence[int],
        length: Callable[[int], int],
        forward: Callable[[list[int]], Result],
    ) -> Iterator[tuple[list[int], Result]]:
        """Yields (batch, ``forward(batch)``) until all of ``order`` is done.

        A batch's padded size keeps within the budget. When memory runs out the budget is halved
        and the batch is cut again, so nothing is lost; a single sequence that does not fit
        raises what it raised.
        """
        waiting = deque(order)
        while waiting:
            batch = self._next_batch(waiting, length)
            try:
                result = forward(batch)
            except (RuntimeError, MemoryError) as error:
                if len(batch) == 1 or not is_out_of_memory(error):
                    raise
                self.tokens = min(self.tokens, max(map(length, batch)) * len(batch))
                result = None
            if result is None:
                # Outside the handler, whose traceback keeps the failed pass's tensors alive.
                self.halve()
                waiting.extendleft(reversed(batch))
                continue
            yield batch, result

    def _next_batch(self, waiting: deque[int], length: Callable[[int], int]) -> list[int]:
        batch = [waiting.popleft()]
        longest = length(batch[0])
        while waiting and (self.rows is None or len(batch) < self.rows):
            longest = max(longest, length(waiting[0]))
            if longest * (len(batch) + 1) > self.tokens:
                break
            batch.append(waiting.popleft())
        return batch
