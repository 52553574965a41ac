"""A run that is killed in the middle of any round, through the real command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.results import runfolder
from support.echo import rows

PLUGIN = """
import os, signal
from pathlib import Path
from harness import hookimpl
from harness.protocols import BackendSpec, TaskSpec
from harness.testing import ALL_REQUESTS, FakeBackend
from support.conversation import Graded, grader, talk


class Mortal(FakeBackend):
    def __init__(self, answer, name):
        super().__init__(answer, ALL_REQUESTS)
        self.fingerprint = name

    def run(self, requests):
        for pair in super().run(requests):
            with Path("asked.txt").open("a") as file:
                file.write(f"{self.fingerprint} {pair[0]}\\n")
            if Path("asked.txt").read_text().count("\\n") == int(os.environ.get("DEATH", 0)):
                os.kill(os.getpid(), signal.SIGKILL)
            yield pair


@hookimpl
def harness_register_tasks():
    return [TaskSpec("graded", "", Graded)]


@hookimpl
def harness_register_backends():
    judge = grader(lambda first: float(first.split()[1]) % 2)
    return [
        BackendSpec("talker", "", lambda options: Mortal(talk, "model")),
        BackendSpec("grader", "", lambda options: Mortal(judge, "judge")),
    ]
"""


TESTS = str(Path(__file__).parents[4])


def harness(folder: Path, *arguments: str, death: int = 0) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    (folder / "mortal.py").write_text(PLUGIN, "utf-8")
    rows(folder / "rows.jsonl", [f"text {index}" for index in range(6)])
    given = ("--tasks", "graded", "--data", "graded=rows.jsonl", "--judge", "grader")
    return subprocess.run(
        [sys.executable, "-m", "harness", "--plugin", "mortal.py", "run", "--model", "talker",
         *given, "--out", "run", "--format", "console", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "DEATH": str(death),
            "HARNESS_CACHE": str(folder / "cache"),
            "PYTHONPATH": os.pathsep.join([TESTS, os.environ.get("PYTHONPATH", "")]),
        },
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    done = harness(folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("death", [3, 9, 15], ids=["round 1", "round 2", "round 3"])
def test_a_killed_run_goes_on_and_gives_the_same(whole: Path, tmp_path: Path, death: int) -> None:
    killed = harness(tmp_path, death=death)
    assert killed.returncode == -signal.SIGKILL
    assert not runfolder.is_checked(tmp_path / "run")
    again = harness(tmp_path)
    assert again.returncode == 0, again.stderr
    samples = Path("run", "samples", "graded.jsonl")
    assert (tmp_path / samples).read_bytes() == (whole / samples).read_bytes()
    asked = (tmp_path / "asked.txt").read_text("utf-8").splitlines()
    assert len(asked) == 18 + 1  # the answer in hand when it died was asked for again
    result = runfolder.read_result(tmp_path / "run")
    both = (result.usage.cached, result.roles["judge"].usage.cached)
    assert both == {3: (2, 0), 9: (8, 0), 15: (12, 2)}[death]
