"""A run's progress in the words of the display of long commands."""

from __future__ import annotations

from harness.planned import Plan
from harness.run.rounds.answers import Progress
from harness.run.watching.display import RunDisplay
from harness.types import Usage


class Heard:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def phase(self, name: str, total: int | None = None, unit: str = "") -> None:
        self.told.append(f"{name}: {total} {unit}")

    def update(self, done: int, note: str = "", reused: int = 0) -> None:
        self.told.append(str(done))

    def say(self, line: str) -> None:
        self.told.append(line)


def test_later_rounds_are_phases_of_their_own() -> None:
    heard = Heard()
    shown = RunDisplay(heard)
    for number, done, total, role in (
        (1, 1, 2, "model"),
        (1, 2, 2, "model"),
        (2, 1, 2, "model"),
        (2, 2, 2, "model"),
        (3, 1, 1, "judge"),
        (2, 3, 4, "model"),  # a sequential gate takes further samples
    ):
        shown.update(Progress(done, total, 0, Usage(), number, role))
    assert heard.told == [
        "1",
        "2",
        "asking, round 2: 2 requests",
        "1",
        "2",
        "asking the judge, round 3: 1 requests",
        "1",
        "asking, round 2: 4 requests",
        "3",
    ]


def test_a_run_that_a_gate_may_end_names_the_most_that_is_asked() -> None:
    for ends_early, told in (
        (False, "asking: 0 requests"),
        (True, "asking until the gate decides: 0 requests at most"),
    ):
        heard = Heard()
        RunDisplay(heard, ends_early).planned(Plan(()))
        assert heard.told[0] == told
