"""How much one forward pass may hold, and what happens when that was too much."""

from __future__ import annotations

import ctypes
import gc
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import torch

CPU_TOKENS, GPU_TOKENS = 512, 8192
CPU_ROWS, GPU_ROWS = 128, 512
UNKNOWN_FREE = 4 << 30
TELLING = 64
"""Passes of fewer tokens say little about what a token takes."""

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out, on a GPU or a CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def give_back() -> None:
    """Frees what only cycles refer to, and what allocators keep of what was freed before."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc alone
        if trim is not None:
            trim(0)


def free_bytes(device: torch.device) -> int:
    """Memory that can still be had on ``device``; what torch holds and does not use counts."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    known = [kilobytes << 10 for kilobytes in _kilobytes(Path("/proc/meminfo"), "MemAvailable")]
    return min([*known, *_container_bytes()], default=UNKNOWN_FREE)


def _container_bytes() -> list[int]:
    """What is left of the container's memory (cgroup v2); [] without a limit."""
    group = Path("/sys/fs/cgroup")
    try:
        most = (group / "memory.max").read_text(encoding="ascii").strip()
        used = (group / "memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return []
    return [max(0, int(most) - int(used))] if most.isdigit() else []


class PassMemory:
    """What a pass takes: guessed from the model's shape at first, then as it is seen.

    Args:
        device: Where passes run.
        token_bytes: The first guess, bytes a token.
    """

    def __init__(self, device: torch.device, token_bytes: float) -> None:
        self._device = device
        self._seen = 0.0
        self.token_bytes = token_bytes

    @classmethod
    def guess(cls, model: Any) -> PassMemory:
        """Before the first pass of ``model``."""
        config = model.config.get_text_config()
        width = getattr(config, "hidden_size", 1024)
        inner = getattr(config, "intermediate_size", None) or 4 * width
        # Alive at once in a layer: residual, normalised, queries, keys, values, two inner
        # products.
        return cls(model.device, (8 * width + 3 * inner) * 4)

    def tokens(self) -> int:
        """How many tokens a pass may have: it takes at most a quarter of the free memory."""
        return max(1, int(free_bytes(self._device) // (4 * self.token_bytes)))

    @contextmanager
    def watch(self, tokens: int) -> Iterator[None]:
        """Corrects the guess by what the pass of ``tokens`` within this context takes.

        The most that was seen counts, as a pass may live on memory that an earlier one has
        left to the process. Those too short to tell, and those that take no more than was
        held at some time before, say nothing.
        """
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        held, peak = self._held()
        yield
        seen = self._held()[1]
        if tokens >= TELLING and seen > peak:
            self._seen = max(self._seen, (seen - held) / tokens)
            self.token_bytes = self._seen

    def _held(self) -> tuple[int, int]:
        """Bytes held now, and the most so far; zeros where the system does not say."""
        if self._device.type == "cuda":
            device = self._device
            return torch.cuda.memory_allocated(device), torch.cuda.max_memory_allocated(device)
        found = _kilobytes(Path("/proc/self/status"), "VmRSS", "VmHWM")
        return (found[0] << 10, found[1] << 10) if len(found) == 2 else (0, 0)


def _kilobytes(path: Path, *names: str) -> list[int]:
    """The lines of these names in a file such as /proc/meminfo; [] where there is none."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    return [int(found[name].split()[0]) for name in names if name in found]


def default_tokens(model: Any) -> int:
    """Tokens that keep the device busy in one pass.

    A CPU is busy with a few hundred, which also stay in its caches; a GPU needs thousands.
    """
    return CPU_TOKENS if model.device.type == "cpu" else GPU_TOKENS


def default_rows(model: Any) -> int:
    """Rows that generate at a time; memory sets its own limit through ``cache_tokens``."""
    return CPU_ROWS if model.device.type == "cpu" else GPU_ROWS


def cache_bytes(model: Any) -> int:
    """What the keys and values (or states) of rows may take together: a third of the free memory.

    A step goes through all weights however many rows it feeds, so the more rows, the less each
    token costs, on a CPU, too.
    """
    return free_bytes(model.device) // 3


def cache_tokens(model: Any) -> int:
    """Of how many tokens the keys and values fit into ``cache_bytes``."""
    config = model.config.get_text_config()
    heads = config.num_attention_heads
    key_heads = getattr(config, "num_key_value_heads", None) or heads
    head = getattr(config, "head_dim", None) or config.hidden_size // heads
    token = 2 * config.num_hidden_layers * key_heads * head * model.dtype.itemsize
    return int(cache_bytes(model) // token)


class Budget:
    """Tokens (padding included) and rows that one pass may have.

    Args:
        tokens: Most tokens in one pass; a single longer sequence still goes, by itself.
        rows: Most sequences in one pass; None for no limit of its own.
        memory: Lowers ``tokens`` to what fits the free memory; None where the user has chosen.
    """

    def __init__(
        self, tokens: int, rows: int | None = None, memory: PassMemory | None = None
    ) -> None:
        self._most = tokens
        self.rows = rows
        self._memory = memory

    @property
    def tokens(self) -> int:
        """Most tokens in the next pass."""
        return self._most if self._memory is None else min(self._most, self._memory.tokens())

    def watch(self, tokens: int) -> AbstractContextManager[None]:
        """A pass of ``tokens`` runs within this context."""
        return nullcontext() if self._memory is None else self._memory.watch(tokens)

    def halve(self) -> None:
        """Makes the next passes half as large."""
        self._most = max(1, self.tokens // 2)
        if self.rows is not None:
            self.rows = max(1, self.rows // 2)
        give_back()
        logger.warning("out of memory: going on with at most %d tokens in a pass", self._most)

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
            size = max(map(length, batch)) * len(batch)
            try:
                with self.watch(size):
                    result = forward(batch)
            except (RuntimeError, MemoryError) as error:
                if len(batch) == 1 or not is_out_of_memory(error):
                    raise
                self._most = min(self._most, size)
                result = None
            if result is None:
                # Outside the handler, whose traceback keeps the failed pass's tensors alive.
                self.halve()
                waiting.extendleft(reversed(batch))
                continue
            yield batch, result

    def _next_batch(self, waiting: deque[int], length: Callable[[int], int]) -> list[int]:
        batch = [waiting.popleft()]
        longest, most = length(batch[0]), self.tokens
        while waiting and (self.rows is None or len(batch) < self.rows):
            longest = max(longest, length(waiting[0]))
            if longest * (len(batch) + 1) > most:
                break
            batch.append(waiting.popleft())
        return batch
