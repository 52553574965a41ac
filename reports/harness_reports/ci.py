"""Links to where a CI job ran: its commit and its artifacts. Empty anywhere else."""

from __future__ import annotations

import os
import re

from harness_reports.gate import GateView

_ADDRESS = re.compile(r"https://[\w.-]+(?::\d+)?")
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def _repository() -> str:
    """The repository's address on GitHub, from the job's environment; empty where there is none."""
    server = os.environ.get("GITHUB_SERVER_URL", "")
    name = os.environ.get("GITHUB_REPOSITORY", "")
    if _ADDRESS.fullmatch(server) and _REPOSITORY.fullmatch(name):
        return f"{server}/{name}"
    return ""


def commit_link(gate: GateView | None) -> str:
    """Where the baseline's commit can be read."""
    commit = "" if gate is None or gate.baseline is None else gate.baseline.commit
    return commit_address(commit)


def commit_address(commit: str) -> str:
    """Where a commit can be read; empty where that is not known."""
    where = _repository()
    return f"{where}/commit/{commit}" if where and _COMMIT.fullmatch(commit) else ""


def artifacts_address() -> str:
    """The page of the job with its artifacts, such as report.html."""
    where, run = _repository(), os.environ.get("GITHUB_RUN_ID", "")
    return f"{where}/actions/runs/{run}#artifacts" if where and run.isdecimal() else ""
