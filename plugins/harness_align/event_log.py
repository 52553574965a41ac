"""The progress file: one JSON object a line, written by the child, followed by the parent.

{"event": "stage", "steps": 200, "resumed_at": 0, "pid": 4711}
{"event": "step", "step": 3, "logs": {"loss": 0.69, …}, "time": 1763665000.1}
{"event": "checkpoint", "step": 50, "path": "…"}
{"event": "metric", "step": 50, "name": "sst2.accuracy", "value": 0.8, "standing": 0.8, "best": …}
{"event": "finished", "model": "…"}     or     {"event": "failed", "error", "message", "hint"}
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "progress.jsonl"
Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EventLog:
    """Appends events to a file."""

    path: Path

    @classmethod
    def of(cls, out: Path) -> EventLog:
        """The event log of a training folder."""
        return cls(out / FILE)

    def write(self, event: str, **facts: Any) -> None:
        """Appends one event."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"event": event, **facts}, allow_nan=False)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def step(self, step: int, logs: Mapping[str, Any]) -> None:
        """One optimizer step; what is not a finite number is left out."""
        numbers = {
            name: float(value)
            for name, value in logs.items()
            if isinstance(value, int | float) and math.isfinite(value)
        }
        self.write("step", step=step, logs=numbers, time=round(time.time(), 3))

    def failed(self, error: str, message: str, hint: str | None) -> None:
        """The end, with the reason."""
        self.write("failed", error=error, message=message, hint=hint)

    def finished(self, model: Path) -> None:
        """The end, with the checkpoint."""
        self.write("finished", model=str(model))

    def read(self, start: int = 0) -> tuple[list[Event], int]:
        """(events from byte ``start`` on, the byte to go on from); a half-written line waits."""
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                content = file.read()
        except FileNotFoundError:
            return [], start
        end = content.rfind(b"\n") + 1
        return [json.loads(line) for line in content[:end].splitlines() if line], start + end


def steps(events: Iterable[Event]) -> Iterator[tuple[int, Mapping[str, float]]]:
    """(step, logs) in order; where a resumed run did a step again, the later one."""
    latest: dict[int, dict[str, float]] = {}
    for event in events:
        if event["event"] == "step":
            latest.setdefault(event["step"], {}).update(event["logs"])
    yield from sorted(latest.items())
