from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.authoring.reporting.progress import Lines, State


def state(**given: object) -> State:
    return State(**{"name": "asking", "total": 5_000, "unit": "requests", "started": 0.0} | given)  # type: ignore[arg-type]


def test_eighty_columns_hold_phase_counts_time_bar_and_note() -> None:
    line = state(done=1_234, note="25.1/s · $1.20").line(80, now=60.0)
    assert line.startswith("asking  1,234 of 5,000 requests  ━")
    assert line.endswith("3 min 03 s left  25.1/s · $1.20")
    assert len(line) <= 80


def test_a_narrow_terminal_keeps_the_phase_and_its_counts() -> None:
    assert state(done=1_234, note="25.1/s").line(40, now=60.0) == "asking  1,234 of 5,000 requests"
    assert state(done=1_234).line(12, now=60.0) == "asking"


@given(
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1),
    st.one_of(st.none(), st.integers(0, 10**9)),
    st.integers(0, 10**9),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"])),
    st.integers(1, 200),
    st.floats(0, 1e7),
)
def test_a_line_never_exceeds_the_width(
    name: str, total: int | None, done: int, note: str, width: int, now: float
) -> None:
    shown = State(name, total, "steps", done, note, started=0.0).line(width, now)
    assert len(shown) <= width


def test_answers_from_the_store_do_not_make_the_rest_look_quick() -> None:
    fast = state(done=4_000).line(80, now=10.0)
    fair = state(done=4_000, reused=3_990).line(80, now=10.0)
    assert "2.5 s left" in fast
    assert "16 min 40 s left" in fair


def test_a_log_gets_a_line_a_phase_and_one_every_half_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    printed: list[str] = []
    lines = Lines(printed.append)
    lines.phase("reading", 1, "tasks")
    lines.phase("asking", 100, "requests")
    lines.update(10)
    now[0] = 31.0
    lines.update(50, "2.0/s")
    lines.update(60)
    lines.say("odd \x1b[31m line")
    assert printed == [
        "Reading: 1 task",
        "Asking: 100 requests",
        "asking  50 of 100 requests  31.0 s left  2.0/s",
        "odd ⟨U+001B⟩[31m line",
    ]


SCRIPT = """
import time
from harness.authoring.reporting import progress
with progress.display() as shown:
    shown.phase("asking", 40, "requests")
    for done in range(40):
        shown.update(done, "25.1/s · $1.20")
        time.sleep(0.02)
    shown.say("a line that stays")
print("the answer")
"""


@pytest.mark.parametrize("columns", [80, 40])
def test_on_a_terminal_it_stays_on_its_line(columns: int) -> None:
    pty = pytest.importorskip("pty")
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=child,
        env={**os.environ, "COLUMNS": str(columns), "LINES": "24", "TERM": "xterm"},
    )
    os.close(child)
    written = io.BytesIO()
    while True:
        try:
            part = os.read(parent, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        written.write(part)
    os.close(parent)
    assert process.communicate()[0] == b"the answer\n"
    text = written.getvalue().decode()
    assert "a line that stays" in text
    assert "of 40 requests" in text
    assert text.count("\n") <= 3, "the display renews one line"
