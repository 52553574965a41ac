"""How many threads compute on a CPU, and how they wait for each other.

Threads that compute together wait for the last one after every operation. Where something else runs
on one of their cores, all wait for it, and by default they do so in a loop that takes the core from
it. So threads sleep while they wait, and there are only as many as there are cores free.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

SHORTEST = 0.2
"""Seconds that are worth a judgement."""
_WAIT = "OMP_WAIT_POLICY"
_CHOSEN = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_STAT = Path("/proc/stat")


def wait_passively() -> None:
    """Has threads sleep while they wait, unless the user says otherwise.

    OpenMP reads it when its library is loaded: before the first ``import torch``.
    """
    os.environ.setdefault(_WAIT, "PASSIVE")


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


def choose_threads(before: Moment | None) -> None:
    """Lowers torch's threads to the cores that have been free since ``before``.

    What the user chose by OMP_NUM_THREADS stays.
    """
    import torch

    now = look()
    if before is None or now is None or any(name in os.environ for name in _CHOSEN):
        return
    free = free_cores(before, now)
    if free is not None and free < torch.get_num_threads():
        torch.set_num_threads(free)
