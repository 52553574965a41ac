"""progress.json: how far a run is, in its folder, for whoever watches from another process."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.authoring.io import files
from harness.run.closing import Closing
from harness.run.rounds.answers import Progress

FILE = "progress.json"
EVERY = 2.0
"""Seconds between two writings, at least."""


@dataclass(slots=True)
class LiveProgress(Closing):
    """Writes the file now and then; as a context it is gone when the run has ended.

    A run that was killed leaves it behind, with the time of its last answer.
    """

    folder: Path
    _next: float = 0.0

    def close(self) -> None:
        """Removes the file."""
        with suppress(OSError):
            (self.folder / FILE).unlink(missing_ok=True)

    def update(self, progress: Progress) -> None:
        """An answer came; a full disk is for the run itself to meet."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY
        found = {
            "done": progress.done,
            "total": progress.total,
            "cached": progress.cached,
            "round": progress.round,
            "role": progress.role,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with suppress(OSError):
            files.write_json(self.folder / FILE, found)
