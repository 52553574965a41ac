from __future__ import annotations

import pytest

from harness.cli.progress import _Lines
from harness.run.session import Progress
from harness.types import Usage


@pytest.mark.parametrize(
    ("usage", "shown"),
    [
        (Usage(), "3 of 10 requests answered "),
        (Usage(cost=0.0), "3 of 10 requests answered $0.00"),
        (
            Usage(cost=12.345, computed_tokens=60, reused_tokens=40),
            "3 of 10 requests answered $12.35 · 40% of tokens reused",
        ),
    ],
)
def test_lines_say_what_the_run_costs(
    usage: Usage, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Lines, "INTERVAL", 0.0)
    printed: list[str] = []
    _Lines(printed.append).update(Progress(3, 10, 0, usage))
    assert printed == [shown]


def test_later_rounds_are_counted_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Lines, "INTERVAL", 0.0)
    printed: list[str] = []
    lines = _Lines(printed.append)
    lines.update(Progress(3, 10, 0, Usage(), round=2))
    lines.update(Progress(1, 4, 0, Usage(), round=3, role="judge"))
    assert printed == [
        "3 of 10 requests answered, round 2 (model) ",
        "1 of 4 requests answered, round 3 (judge) ",
    ]
