"""Ray's start and end, and how the cluster's cores and GPUs are divided among workers."""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray

from harness.errors import ModelError, UsageError
from harness_ray.settings import Settings

OBJECT_STORE = 128 << 20
"""Bytes; only requests and answers go through it, and most of them are small enough not to."""


@dataclass(frozen=True, slots=True)
class Division:
    """How many workers there are, and what each gets."""

    workers: int
    cpus: int
    gpus: float


def start(settings: Settings) -> bool:
    """Starts Ray on this machine, or joins the cluster at ``address``.

    Returns:
        Whether it is ours to stop: a program that started Ray itself keeps it.

    Raises:
        ModelError: The cluster cannot be reached, or Ray not be started.
    """
    if ray.is_initialized():
        return False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # A worker without a GPU of its own shall not see those of others.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
    quiet: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
    on_terminate = signal.getsignal(signal.SIGTERM)
    try:
        if settings.address is None:
            ray.init(
                address="local",
                num_cpus=max(_cores(), (settings.workers or 1) * (settings.cpus_per_worker or 1)),
                include_dashboard=False,
                object_store_memory=OBJECT_STORE,
                _node_ip_address="127.0.0.1",
                **quiet,
            )
        else:
            ray.init(address=settings.address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = settings.address or "on this machine"
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"Ray cannot be used ({where}): {lines[0]}",
            "Check --set address=HOST:PORT, and `ray status` there; without it, Ray starts here.",
        ) from error
    finally:
        # Ray puts its own handler in the place of ours, which ends a run so that it can go on.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_terminate)
    return True


def divide(settings: Settings) -> Division:
    """What each worker gets of the cluster's machines.

    Raises:
        UsageError: More is asked for than there is.
    """
    machines: list[Mapping[str, float]] = [
        node["Resources"] for node in ray.nodes() if node["Alive"]
    ]
    return share(settings, machines)


def share(settings: Settings, machines: Sequence[Mapping[str, float]]) -> Division:
    """``divide`` for given machines, each with its ``CPU`` and ``GPU``.

    Raises:
        UsageError: More is asked for than there is.
    """
    total = sum(machine.get("GPU", 0.0) for machine in machines)
    gpus = settings.gpus_per_worker
    if gpus is None:
        # More workers than GPUs: as many on each as it takes.
        gpus = 1 / math.ceil(max(settings.workers or 1, total) / total) if total else 0.0
    if gpus:
        machines = [machine for machine in machines if machine.get("GPU", 0.0) >= gpus]
    room = sum(_room(machine, gpus) for machine in machines)
    workers = settings.workers or max(1, room)
    if gpus and workers > room:
        raise UsageError(
            f"{workers} workers with {gpus:g} GPUs each, and the cluster has room for {room} "
            f"({total:g} GPUs)",
            "Set fewer workers, or another gpus_per_worker (0 for CPUs, 0.5 for two on one).",
        )
    cores = [int(machine.get("CPU", 0.0)) for machine in machines]
    cpus = settings.cpus_per_worker
    if cpus is None:
        cpus = max(1, min(cores) // -(-workers // len(machines)))
    if sum(core // cpus for core in cores) < workers:
        raise UsageError(
            f"{workers} workers with {cpus} CPU cores each, and the cluster has {sum(cores)} cores",
            "Set fewer workers or cpus_per_worker.",
        )
    return Division(workers, cpus, gpus)


def _room(machine: Mapping[str, float], gpus: float) -> int:
    """Workers that a machine's GPUs allow; one without any. A share is of a single GPU."""
    if not gpus:
        return 1
    own = machine.get("GPU", 0.0)
    return int(own) * int(1 / gpus + 1e-9) if gpus < 1 else int(own // gpus)


def stop() -> None:
    """Ends Ray and, where it was started here, every process of it."""
    ray.shutdown()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
