"""What both workers measure about themselves; standard library only, as they run in two venvs."""

from __future__ import annotations

import gc
import time
from pathlib import Path


class Probe:
    """Seconds by phase, and peak memory beyond what the process held after loading."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._last_processor = time.process_time()
        self.seconds: dict[str, float] = {}
        self.processor: dict[str, float] = {}
        self._loaded = 0

    def phase(self, name: str) -> None:
        """Ends a phase that began when the last one ended."""
        now, processor = time.perf_counter(), time.process_time()
        self.seconds[name] = now - self._last
        self.processor[name] = processor - self._last_processor
        self._last, self._last_processor = now, processor

    def loaded(self, weights: object) -> None:
        """Marks the base line, with every weight in memory (files are mapped lazily)."""
        for weight in weights:  # type: ignore[attr-defined]
            float(weight.detach().sum())
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        self._loaded = _status("VmRSS")

    def report(self) -> dict[str, object]:
        """JSON-ready figures; memory in bytes."""
        peak = _status("VmHWM")
        return {
            "seconds": self.seconds,
            "processor": self.processor,
            "memory": {"loaded": self._loaded, "peak": peak, "beyond": peak - self._loaded},
        }


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)
