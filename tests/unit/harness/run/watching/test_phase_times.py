"""run.json says where the time went."""

from __future__ import annotations

import time

from harness.run.watching.phase_times import PhaseTimes


def test_each_phase_is_timed_once() -> None:
    phases = PhaseTimes()
    time.sleep(0.05)
    phases.end("open")
    phases.end("plan")
    time.sleep(0.02)
    phases.end("open")
    assert list(phases.found) == ["start", "open", "plan"]
    assert phases.found["start"]["processor"] > 0
    assert phases.found["open"]["seconds"] >= 0.05 > phases.found["open"]["processor"]
    assert phases.found["plan"]["seconds"] < 0.05
