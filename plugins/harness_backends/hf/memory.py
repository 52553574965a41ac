"""How much one forward pass may hold, and what happens when that was too much."""

from __future__ import annotations

import gc
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch

CPU_TOKENS, GPU_TOKENS = 512, 8192
CPU_ROWS, GPU_ROWS = 128, 512
SLOT_BYTES = 128 << 20
UNKNOWN_FREE = 4 << 30

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out, on a GPU or a CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def free_bytes(device: torch.device) -> int:
    """Memory that can still be had on ``device``."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # systems that do not say
        return UNKNOWN_FREE


def default_tokens(model: Any) -> int:
    """Tokens in a pass: what keeps the device busy, as far as memory allows.

    A CPU is busy with a few hundred, which also stay in its caches; a GPU needs thousands.
    """
    config = model.config.get_text_config()
    width = getattr(config, "hidden_size", 1024)
    inner = getattr(config, "intermediate_size", None) or 4 * width
    # Alive at once in a layer: residual, normalised, queries, keys, values, two inner products.
    token = (8 * width + 3 * inner) * 4
    wanted = CPU_TOKENS if model.device.type == "cpu" else GPU_TOKENS
    return int(max(64, min(wanted, free_bytes(model.device) // (4 * token))))


def default_rows(model: Any) -> int:
    """Rows that generate at a time; memory sets its own limit through ``slot_rows``."""
    return CPU_ROWS if model.device.type == "cpu" else GPU_ROWS


def slot_rows(model: Any, width: int, rows: int) -> int:
    """How many of ``rows`` slots of ``width`` tokens to have.

    They take at most a fifth of the free memory, and on a CPU, where more rows gain little,
    no more than half of what the weights take (or ``SLOT_BYTES``).
    """
    config = model.config.get_text_config()
    heads = config.num_attention_heads
    key_heads = getattr(config, "num_key_value_heads", None) or heads
    head = getattr(config, "head_dim", None) or config.hidden_size // heads
    token = 2 * config.num_hidden_layers * key_heads * head * model.dtype.itemsize
    room = free_bytes(model.device) // 5
    if model.device.type == "cpu":
        weights = sum(weight.numel() * weight.itemsize for weight in model.parameters())
        room = min(room, max(SLOT_BYTES, weights // 2))
    return int(max(1, min(rows, room // (token * max(1, width)))))


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
