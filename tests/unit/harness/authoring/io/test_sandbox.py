"""Programs in the sandbox: what they can reach, and how those end that take too much."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import pytest

from harness.authoring.io import sandbox
from harness.authoring.io.sandbox import Limits, Sandbox, find
from harness.errors import RunFailedError, UsageError

QUICK = Limits(seconds=3)
_PATH, _FAULT = sandbox._working_bubblewrap()
isolated = pytest.mark.skipif(_PATH is None, reason=f"no sandbox: {_FAULT}")


@pytest.fixture(params=["bubblewrap", "limits alone"])
def box(request: pytest.FixtureRequest) -> Sandbox:
    if request.param == "bubblewrap" and _PATH is None:
        pytest.skip(_FAULT)
    found = Sandbox(_PATH if request.param == "bubblewrap" else None, QUICK)
    assert found.name == request.param
    return found


@pytest.mark.parametrize(
    ("source", "status", "detail"),
    [
        ("import json, threading, random; assert json.loads('[1]') == [1]", "passed", ""),
        ("print('much ' * 10)", "passed", "much"),
        ("assert 1 == 2", "failed", "AssertionError"),
        ("def (", "failed", "SyntaxError"),
        ("import sys; sys.exit(0)", "failed", ""),
        ("import os; os._exit(0)", "failed", ""),
        ("input()", "failed", "EOFError"),
        ("def f(): f()\nf()", "failed", "RecursionError"),
        ("while True: pass", "timeout", "ended after 3 s"),
        ("import time; time.sleep(60)", "timeout", ""),
        ("x = bytearray(3 << 30)", "killed", "MemoryError"),
        ("import ctypes; ctypes.string_at(0)", "killed", ""),
        ("open('x', 'w').write('a' * (8 << 20))", "killed", "File too large"),
        ("raise OSError(2, 'No such file')", "failed", "[Errno 2]"),
        ("raise RuntimeError('MemoryError')", "failed", "MemoryError"),
        ("import sys; sys.stderr.write('a' * (8 << 20))", "failed", "aaa"),
    ],
)
def test_how_programs_end(box: Sandbox, source: str, status: str, detail: str) -> None:
    started = time.monotonic()
    outcome = box.run(source)
    assert outcome.status == status, outcome
    assert detail in outcome.detail
    assert time.monotonic() - started < 20


@isolated
@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("import os\nwhile True: os.fork()", "BlockingIOError"),
        (
            "import threading, time\n"
            "while True: threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
            "can't start new thread",
        ),
        ("for n in range(64): open(f'{n}', 'w').write('a' * (1 << 19))", "No space left"),
    ],
)
def test_a_program_that_a_limit_stops_was_killed(source: str, detail: str) -> None:
    outcome = Sandbox(_PATH, QUICK).run(source)
    assert outcome.status == "killed", outcome
    assert detail in outcome.detail


@isolated
@pytest.mark.parametrize(
    "source",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9), timeout=1)",
        "import socket; socket.getaddrinfo('example.org', 80)",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:1')",
        "open('/usr/x', 'w')",
        "open('/x', 'w')",
        "for n in range(100): open(f'/tmp/{n}', 'w').write('a' * 1_000_000)",
        "open('/etc/passwd')",
        "import os; os.setuid(0)",
        "import os; os.kill(os.getppid(), 9); import time; time.sleep(1)",
    ],
)
def test_what_a_program_cannot_reach(source: str) -> None:
    assert Sandbox(_PATH, QUICK).run(source).status in ("failed", "killed")


@isolated
def test_a_program_finds_nothing_of_the_user(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    (tmp_path / "secret").write_text("x")
    look = f"""
import os
assert os.listdir(os.path.expanduser("~")) == []
assert not os.path.exists({str(tmp_path)!r})
assert "SECRET_KEY" not in os.environ
assert not os.path.exists({os.path.abspath("pyproject.toml")!r})
assert len([p for p in os.listdir("/proc") if p.isdecimal()]) < 5
"""
    assert Sandbox(_PATH, QUICK).run(look).status == "passed"


@isolated
def test_a_server_on_this_machine_is_out_of_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=2)"
        assert Sandbox(_PATH, QUICK).run(source).status == "failed"
        assert Sandbox(None, QUICK).run(source).status == "passed"


def alive(mark: str) -> int:
    listed = subprocess.run(["ps", "axo", "stat,args"], capture_output=True, text=True, check=True)
    rows = [row for row in listed.stdout.splitlines() if mark in row and not row.startswith("Z")]
    return len(rows)


@isolated
@pytest.mark.parametrize(
    "bomb",
    [
        "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
        "import os\nwhile True:\n  try: os.fork() or os.setsid()\n  except OSError: pass",
    ],
)
def test_a_fork_bomb_is_ended_with_all_it_made(bomb: str) -> None:
    before = alive("RLIMIT_")
    outcome = Sandbox(_PATH, QUICK).run(bomb)
    assert outcome.status == "timeout"
    time.sleep(0.5)
    assert alive("RLIMIT_") == before


@isolated
def test_processes_are_counted() -> None:
    source = """
import os, time
made = 0
try:
    for _ in range(100):
        if os.fork() == 0:
            time.sleep(30)
        made += 1
except OSError:
    pass
assert 0 < made < 16, made
"""
    outcome = Sandbox(_PATH, QUICK).run(source)
    assert outcome.status == "passed", outcome


@isolated
def test_an_environment_below_tmp_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox has a /tmp of its own, and Python may be installed below the machine's."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        venv.create(folder / "venv", symlinks=True)
        monkeypatch.setattr(sys, "prefix", str(folder / "venv"))
        monkeypatch.setattr(sys, "executable", str(folder / "venv/bin/python"))
        source = f"""
import os
assert not os.access({str(folder / "venv")!r}, os.W_OK)
assert os.getcwd() == os.path.expanduser("~") and os.listdir(".") == []
open("mine", "w").close()
"""
        outcome = Sandbox(_PATH, QUICK).run(source)
        assert outcome.status == "passed", outcome
    finally:
        shutil.rmtree(folder)


def test_without_a_sandbox_code_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    sandbox._working_bubblewrap.cache_clear()
    try:
        with pytest.raises(UsageError, match="bwrap") as caught:
            find(allow_unsafe=False)
        assert "--allow-unsafe-code" in str(caught.value)
        assert find(allow_unsafe=True).name == "limits alone"
    finally:
        sandbox._working_bubblewrap.cache_clear()


def test_a_sandbox_that_does_not_start_is_no_failed_program(tmp_path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: no namespaces' >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(RunFailedError, match="no namespaces"):
        Sandbox(str(broken), QUICK).run("pass")
