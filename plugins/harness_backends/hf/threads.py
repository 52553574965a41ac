"""How many threads compute on a CPU, and how they wait for each other.

Threads that compute together wait for the last one after every operation. Where something else runs
on one of their cores, all wait for it, and by default they do so in a loop that takes the core from
it. So threads sleep when they have waited for some microseconds, and there are only as many as
there are cores free: while the model was loaded, and then in the last seconds, so that a run is
neither slowed by what begins later nor keeps to one core for what has ended.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

SHORTEST = 0.2
"""Seconds that are worth a judgement."""
EVERY = 2.0
"""Seconds between looks while passes go by: one look takes some 30 microseconds."""
LOOKS = "2000"
"""How often a thread looks for work before it sleeps; much more would take a busy core from those
that compute on it."""
_WAIT = "OMP_WAIT_POLICY"
_CHOSEN = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_STAT = Path("/proc/stat")


def prepare() -> None:
    """Has threads sleep while they wait, and memory used well, unless the user says otherwise.

    A thread that sleeps at once is woken some hundred times in a step of generation; one that looks
    for its next work a few thousand times before has mostly got it, and takes little from others.
    Passes differ in length, and oneDNN compiles and keeps each product of another shape, which
    takes more and more memory for no gain. Weights in large pages are found with fewer look-ups.
    All are read when the libraries are loaded: before the first ``import torch``.
    """
    if _WAIT not in os.environ:
        os.environ[_WAIT] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", LOOKS)
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


@dataclass(frozen=True, slots=True)
class Moment:
    """A look at the machine.

    Attributes:
        seconds: When, of a clock that only goes on.
        idle: Seconds that the cores of this process have been idle, together.
        own: Seconds that this process has computed.
    """

    seconds: float
    idle: float
    own: float


def look() -> Moment | None:
    """The machine now; None where the system does not say."""
    try:
        text = _STAT.read_text("ascii")
        idle = idle_seconds(text, os.sched_getaffinity(0), os.sysconf("SC_CLK_TCK"))
    except (OSError, AttributeError, ValueError):
        return None
    return Moment(time.monotonic(), idle, time.process_time())


def idle_seconds(stat: str, cores: Collection[int], ticks: int) -> float:
    """How long these cores have been idle, together, by the text of ``/proc/stat``.

    Raises:
        ValueError: A core is not in it.
    """
    found = {}
    for line in stat.splitlines():
        name, *numbers = line.split()
        if name.startswith("cpu") and name != "cpu":
            found[int(name[3:])] = int(numbers[3]) + int(numbers[4])  # idle, and waiting for a disk
    if not set(cores) <= set(found):
        raise ValueError("a core is missing")
    return sum(found[core] for core in cores) / ticks


def free_cores(before: Moment, now: Moment) -> int | None:
    """Cores that were idle or computed for this process in between; None if that was too short."""
    passed = now.seconds - before.seconds
    if passed < SHORTEST:
        return None
    return max(1, round((now.idle - before.idle + now.own - before.own) / passed))


class ThreadCount:
    """Torch's threads: as many as there are cores free, looked at again as passes go by.

    A number that somebody else sets is the most from then on.

    Args:
        since: A look at the machine from before the model was loaded.
    """

    def __init__(self, since: Moment) -> None:
        import torch

        self._most = self._chosen = torch.get_num_threads()
        self._since = since

    def follow(self) -> None:
        """``choose``, where the last look is old enough; called before every pass."""
        if time.monotonic() - self._since.seconds >= EVERY:
            self.choose()

    def choose(self) -> None:
        """Sets the threads to the cores that have been free since the last look."""
        import torch

        now = look()
        free = None if now is None else free_cores(self._since, now)
        if now is None or free is None:
            return
        self._since = now
        current = torch.get_num_threads()
        if current != self._chosen:
            self._most = current
        self._chosen = min(free, self._most)
        if self._chosen != current:
            torch.set_num_threads(self._chosen)


def thread_count(before: Moment | None) -> ThreadCount | None:
    """Follows the machine from ``before`` on; None where it does not tell, or the user has chosen.

    What the user chose by OMP_NUM_THREADS stays.
    """
    if before is None or any(name in os.environ for name in _CHOSEN):
        return None
    return ThreadCount(before)
