"""Runs a command of the harness in this process."""

from __future__ import annotations

import shlex

import pytest

from harness.cli import main


def harness(line: str | list[str]) -> int:
    """Runs a command line, without the program's name; returns the exit code."""
    words = shlex.split(line) if isinstance(line, str) else line
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert isinstance(ended.value.code, int)
    return ended.value.code
