"""Where a run's time goes before and after its first answer."""

from __future__ import annotations

import time


class PhaseTimes:
    """Seconds by phase, of the wall clock and of the processor.

    ``found`` is JSON-ready, in order. The first one, ``start``, is all that the process did
    before: Python, imports, plugins. Of that the processor's time alone is known.
    """

    def __init__(self) -> None:
        self._last = time.perf_counter(), time.process_time()
        self.found: dict[str, dict[str, float]] = {"start": {"processor": round(self._last[1], 3)}}

    def end(self, name: str) -> None:
        """Ends the phase that began when the last one ended; a second end of a name is none."""
        if name in self.found:
            return
        now = time.perf_counter(), time.process_time()
        self.found[name] = {
            "seconds": round(now[0] - self._last[0], 3),
            "processor": round(now[1] - self._last[1], 3),
        }
        self._last = now
