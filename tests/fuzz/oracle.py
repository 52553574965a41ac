"""What every input must keep: a known exit code, words for people, and an end in time."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.cli import main

SHORT = pytest.param(0, id="short")
LONG = pytest.param(1, id="long", marks=pytest.mark.slow)
SECONDS = 60
"""Longest that a command may take with a small damaged file, on a busy machine; the slowest takes
about 2 s on an idle one."""
_DEFECTS = ("unforeseen", "defect of the harness", "Traceback (most recent call last)")


class TooLong(BaseException):
    """A command did not end in time; no Exception, so that nothing takes it for its own."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    arguments: tuple[str, ...]
    code: object
    output: str
    errors: str

    def __str__(self) -> str:
        line = " ".join(map(ascii, self.arguments))
        return f"{line}\nexit {self.code}\n{self.output[-1500:]}\n{self.errors[-3000:]}"


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Ends what takes longer, also where it waits in the system."""

    def end(number: int, frame: object) -> None:
        raise TooLong(f"not ended within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run(*arguments: object, seconds: float = SECONDS) -> Ended:
    """Runs a command in this process, through the function that the command line runs."""
    words = tuple(map(str, arguments))
    output, errors = io.StringIO(), io.StringIO()
    code: object = None
    begun = time.monotonic()
    with (
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
        warnings.catch_warnings(),
        time_limit(seconds),
    ):
        warnings.simplefilter("ignore")
        try:
            main(words)
        except SystemExit as ended:
            code = ended.code
        except BaseException as error:
            code = f"{type(error).__name__}: {error}"
    if time.monotonic() - begun > seconds:
        code = f"not ended within {seconds:g} s"
    return Ended(words, code, output.getvalue(), errors.getvalue())


def told(*arguments: object, seconds: float = SECONDS) -> Ended:
    """Runs a command, which must end as the documentation says, whatever it was given."""
    ended = run(*arguments, seconds=seconds)
    assert ended.code in (0, 1, 2, 3, 4), ended
    for defect in _DEFECTS:
        assert defect not in ended.errors + ended.output, ended
    assert ended.code in (0, 1, 4) or ended.errors.strip(), ended
    return ended


def campaign(examples: int, inputs: st.SearchStrategy[Any], check: Callable[[Any], None]) -> int:
    """Gives ``examples`` inputs to ``check``: the same ones each time; returns how many it took.

    They are fewer where there are no more different ones.
    """
    taken = 0

    def counted(each: Any) -> None:
        nonlocal taken
        check(each)
        taken += 1

    test = given(inputs)(lambda each: counted(each))
    with warnings.catch_warnings():
        # Of an input that is too long to be shown: it would hide what failed.
        warnings.filterwarnings("ignore", "Generating overly large repr")
        settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        )(test)()
    return taken


def replayed(folder: Path, name: str, right: int, n: int = 60) -> Path:
    """A run of sst2 on ``n`` texts of which the first ``right`` are answered rightly."""
    rows = [{"sentence": f"film number {each}", "label": each % 2} for each in range(n)]
    data = folder / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    labels = ("negative", "positive")
    answers = folder / f"{name}.json"
    answers.write_text(
        json.dumps([labels[(each % 2) ^ (each >= right)] for each in range(n)]), "utf-8"
    )
    ended = run(
        *("run", "--model", f"replay:{answers}", "--tasks", "sst2", "--data", f"sst2={data}"),
        *("--out", folder / name, "--format", "json", "--no-cache"),
    )
    assert ended.code == 0, ended
    return folder / name
