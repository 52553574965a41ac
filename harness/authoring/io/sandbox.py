"""Running code that a model wrote: in a process of its own, with little to reach or to use.

By bubblewrap the program has no network, an empty home, read-only Python and nothing else of the
machine's files, and limits on time, memory, processes and files. Where there is no bubblewrap, only
the limits hold, and whoever runs such code must have allowed it.

A program is taken to pass when it comes to its end. It shares its process with what reports that,
so one that is written to cheat can; none can harm the machine.
"""

from __future__ import annotations

import functools
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from harness.errors import RunFailedError, UsageError

Status: TypeAlias = Literal["passed", "failed", "timeout", "killed"]

_NOBODY = 65534
_HOME = "/tmp/harness-code"  # noqa: S108  (inside bubblewrap, where /tmp is the program's own)
_TEXT = 2000
"""Characters of what a program wrote that are kept."""
_AT_A_LIMIT = re.compile(
    r"[\w.]*MemoryError\b|BlockingIOError: \[Errno 11\]|OSError: \[Errno (?:27|28)\]"
    r"|RuntimeError: can't start new thread"
)
"""What Python raises where memory, processes, a file's size, the disk or threads are used up."""
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/alternatives")

_PROGRAM = """
import json, os, resource, sys
given = json.loads(sys.stdin.readline())
token, source, nobody = given["token"], given["source"], given["nobody"]
for name, most in given["limits"].items():
    kind = getattr(resource, "RLIMIT_" + name)
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))
if nobody:
    os.setgroups([])
    os.setgid(nobody)
    os.setuid(nobody)
report = os.dup(1)
os.dup2(2, 1)
sys.stdin = open(os.devnull)
del given
os.write(report, token.encode())
exec(compile(source, "<answer>", "exec"), {"__name__": "__main__"})
sys.stdout.flush()
os.write(report, token.encode())
os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use.

    Attributes:
        seconds: From its start to its end.
        memory: Bytes of address space, of each process.
        processes: Processes and threads at a time.
        file_size: Bytes of a file that it writes.
        disk: Bytes of all files together, where there is bubblewrap.
    """

    seconds: float = 5.0
    memory: int = 1 << 30
    processes: int = 16
    file_size: int = 1 << 20
    disk: int = 16 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended.

    Attributes:
        status: ``passed`` (it came to its end), ``failed`` (it raised, or left early), ``timeout``
            (it was ended), ``killed`` (a limit ended it).
        detail: The end of what it wrote to standard error.
    """

    status: Status
    detail: str = ""


class Sandbox:
    """Runs Python programs; ``find`` makes one.

    Args:
        bubblewrap: Its path; None runs programs with limits alone.
        limits: What each program may use.
    """

    def __init__(self, bubblewrap: str | None, limits: Limits) -> None:
        self._bubblewrap, self._limits = bubblewrap, limits

    @property
    def name(self) -> str:
        """What keeps a program from the machine, in words."""
        return "bubblewrap" if self._bubblewrap else "limits alone"

    def run(self, source: str) -> Outcome:
        """Runs a program to its end, or ends it.

        Raises:
            RunFailedError: The sandbox itself cannot be started.
        """
        token = secrets.token_hex(16)
        request = {
            "token": token,
            "source": source,
            "limits": self._resources(),
            "nobody": _NOBODY if self._bubblewrap and os.geteuid() == 0 else 0,
        }
        with self._home() as home, tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(  # noqa: S603  (our own program; the code comes by pipe)
                [*self._command(home), sys.executable, "-I", "-B", "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd="/" if self._bubblewrap else home,
                env={"HOME": home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                start_new_session=True,
            )
            timed_out, written = _finished(process, request, self._limits.seconds)
            detail = _end_of(errors)
        if timed_out:
            return Outcome("timeout", f"ended after {self._limits.seconds:g} s")
        if not written.startswith(token.encode()):
            raise RunFailedError(
                f"the sandbox did not start: {detail[-200:].strip() or process.returncode}",
                "The machine may lack memory or processes; give the same command again.",
            )
        if written.endswith(token.encode() * 2) and process.returncode == 0:
            return Outcome("passed", detail)
        if process.returncode < 0 or process.returncode > 128:
            return Outcome("killed", detail or f"exit code {process.returncode}")
        last = detail.rstrip().rpartition("\n")[2]
        return Outcome("killed" if _AT_A_LIMIT.match(last) else "failed", detail)

    def _resources(self) -> dict[str, int]:
        limits = self._limits
        return {
            "CPU": int(limits.seconds) + 1,
            "AS": limits.memory,
            "NPROC": limits.processes,
            "FSIZE": limits.file_size,
            "NOFILE": 64,
            "CORE": 0,
        }

    @contextmanager
    def _home(self) -> Iterator[str]:
        """An empty folder to run in; inside bubblewrap it is in memory."""
        if self._bubblewrap:
            yield _HOME
            return
        with tempfile.TemporaryDirectory(
            prefix="harness-code-", ignore_cleanup_errors=True
        ) as home:
            yield home

    def _command(self, home: str) -> Sequence[str]:
        if self._bubblewrap is None:
            return ()
        return (*_bubblewrapped(self._bubblewrap, self._limits.disk), "--chdir", home)


def find(allow_unsafe: bool, limits: Limits | None = None) -> Sandbox:
    """The sandbox that this machine has.

    Args:
        allow_unsafe: Whether code may run with limits alone where there is no bubblewrap.
        limits: What each program may use; None for the usual.

    Raises:
        UsageError: There is no bubblewrap that works, and ``allow_unsafe`` is not set.
    """
    path, fault = _working_bubblewrap()
    if path is None and not allow_unsafe:
        raise UsageError(
            f"code that a model wrote would run on this machine, and there is no sandbox: {fault}",
            "Install bubblewrap (`apt install bubblewrap`); or, where harm does not matter, give "
            "--allow-unsafe-code.",
        )
    if path is None and os.name != "posix":
        raise UsageError("code cannot be limited on this system", "Run it on Linux.")
    return Sandbox(path, Limits() if limits is None else limits)


@functools.cache
def _working_bubblewrap() -> tuple[str | None, str]:
    """(its path, or None; why there is none)."""
    path = shutil.which("bwrap")
    if path is None:
        return None, "bubblewrap (bwrap) is not installed"
    command = [*_bubblewrapped(path, 1 << 20), sys.executable, "-I", "-c", ""]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"{path} cannot be used: {error}"
    if done.returncode:
        return None, f"{path} cannot be used: {done.stderr.strip()[-200:]}"
    return path, ""


def _bubblewrapped(path: str, disk: int) -> list[str]:
    """bubblewrap's command line up to the program's own."""
    shown = [each for each in (*_SYSTEM, *_interpreter()) if Path(each).exists()]
    # As root, a user namespace would leave the processes root's, whose number nothing limits: the
    # program gives root up itself.
    user = (
        ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        if os.geteuid() == 0
        else ["--unshare-user", "--cap-drop", "ALL"]
    )
    return [
        path,
        *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
        *("--unshare-cgroup-try", "--die-with-parent", "--new-session"),
        *user,
        *("--proc", "/proc", "--dev", "/dev"),
        # Before the folders that are shown: Python itself may be installed below /tmp.
        *("--perms", "1777", "--size", str(disk), "--tmpfs", "/tmp"),  # noqa: S108
        *(part for each in _above(shown) for part in ("--perms", "0755", "--dir", each)),
        *(part for each in shown for part in ("--ro-bind", each, each)),
        *("--perms", "1777", "--dir", _HOME),
        *("--remount-ro", "/"),
    ]


def _above(paths: Sequence[str]) -> list[str]:
    """The folders that the paths lie in, outermost first: bubblewrap would close them to others."""
    parents = {str(parent) for each in paths for parent in Path(each).parents}
    return sorted(parents - {"/"})


def _interpreter() -> list[str]:
    """The folders that this Python is in."""
    folders = {sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parents[1])}
    return sorted(each for each in folders if not each.startswith("/usr"))


def _finished(
    process: subprocess.Popen[bytes], request: object, seconds: float
) -> tuple[bool, bytes]:
    """Whether the process had to be ended, and what it reported."""
    try:
        written, _ = process.communicate(json.dumps(request).encode() + b"\n", timeout=seconds)
        return False, written
    except subprocess.TimeoutExpired:
        return True, b""
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def _end_of(file: object) -> str:
    from typing import BinaryIO, cast

    opened = cast("BinaryIO", file)
    size = opened.seek(0, os.SEEK_END)
    opened.seek(max(0, size - _TEXT))
    return opened.read(_TEXT).decode("utf-8", "replace")
