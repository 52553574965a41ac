"""A run on the display of long commands: reading, preparing probes, opening, asking, judging."""

from __future__ import annotations

import time

from harness.authoring.literal import one_line
from harness.authoring.reporting.progress import Display
from harness.planned import Plan
from harness.run.rounds.answers import Progress
from harness.run.watching.phases import Phase
from harness.types import MODEL

_NAMES_SHOWN = 3
_UNITS = {"reading": "tasks", "preparing probes": "samples", "judging": "tasks"}


class RunDisplay:
    """What ``runner.run`` reports to, in the words of a ``Display``.

    Args:
        shown: Where it is said.
        ends_early: Whether a gate may end the run before all is asked.
    """

    def __init__(self, shown: Display, ends_early: bool = False) -> None:
        self._shown, self._phase, self._ends_early = shown, "", ends_early
        self._started = time.monotonic()
        self._round = (1, MODEL, 0)

    def phase(self, phase: Phase) -> None:
        """A part of the run begins, or goes on."""
        if phase.name != self._phase:
            self._phase = phase.name
            self._shown.phase(phase.name, phase.total, _UNITS.get(phase.name, ""))
        self._shown.update(phase.done, phase.about)

    def planned(self, plan: Plan) -> None:
        """The asking begins."""
        self._phase, self._started = "asking", time.monotonic()
        names = [f"{task.task.name} ({task.sample_count:,})" for task in plan.tasks]
        more = len(names) - _NAMES_SHOWN
        listed = ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more tasks" if more > 0 else "")
        if self._ends_early:
            self._shown.phase("asking until the gate decides", plan.distinct, "requests at most")
        else:
            self._shown.phase("asking", plan.distinct, "requests")
        self._shown.update(0, one_line(listed))

    def update(self, progress: Progress) -> None:
        """An answer came in."""
        asked = (progress.round, progress.role, progress.total)
        if progress.round > 1 and asked != self._round:
            self._begin_round(progress, new=asked[:2] != self._round[:2])
        self._round = asked
        seconds = max(time.monotonic() - self._started, 1e-6)
        rate = (progress.done - progress.cached) / seconds
        note = " · ".join([f"{rate:,.1f}/s", *spent(progress)] if rate else spent(progress))
        self._shown.update(progress.done, note, progress.cached)

    def _begin_round(self, progress: Progress, new: bool) -> None:
        """A later round begins, or turns out to be longer."""
        if new:
            self._started = time.monotonic()
        asked = "" if progress.role == MODEL else f" the {one_line(progress.role)}"
        self._shown.phase(f"asking{asked}, round {progress.round}", progress.total, "requests")


def spent(progress: Progress) -> list[str]:
    """What the answers cost, and what did not have to be paid or computed."""
    parts = []
    if progress.usage.cost is not None:
        parts.append(f"${progress.usage.cost:,.2f}")
    if progress.cached:
        parts.append(f"{progress.cached:,} from the store")
    asked = progress.usage.computed_tokens + progress.usage.reused_tokens
    if progress.usage.reused_tokens:
        parts.append(f"{progress.usage.reused_tokens / asked:.0%} of tokens reused")
    return parts
