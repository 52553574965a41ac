"""The executor's options, checked: ``--set KEY=VALUE`` as typed values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import UsageError

OPTIONS = {
    "workers": "copies of the model (default: one a GPU; without GPUs, one a machine)",
    "gpus_per_worker": "GPUs of each, or a share of one (default: 1 where there are any, else 0)",
    "cpus_per_worker": "CPU cores of each (default: an equal share of its machine's)",
    "address": "HOST:PORT of a running Ray cluster, or auto (default: Ray is started here)",
}
"""``--set KEY=VALUE`` for this executor."""


@dataclass(frozen=True, slots=True)
class Settings:
    """``--set`` of the executor; None lets the cluster decide. See ``OPTIONS`` for the rest."""

    workers: int | None = None
    gpus_per_worker: float | None = None
    cpus_per_worker: int | None = None
    address: str | None = None

    @classmethod
    def read(cls, values: Mapping[str, str]) -> Settings:
        """Checks the values.

        Raises:
            UsageError: A value is not one of those expected.
        """
        return cls(
            workers=_whole(values, "workers"),
            gpus_per_worker=_gpus(values.get("gpus_per_worker")),
            cpus_per_worker=_whole(values, "cpus_per_worker"),
            address=values.get("address") or None,
        )


def _whole(values: Mapping[str, str], name: str) -> int | None:
    text = values.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and int(text) >= 1):
        raise UsageError(f"{name} = {text!r}", "Expected a whole number from 1")
    return int(text)


def _gpus(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    # Ray shares one GPU between workers, but gives a worker whole ones beyond that.
    if not (0 <= number <= 1 or (math.isfinite(number) and number == int(number) and number > 0)):
        raise UsageError(
            f"gpus_per_worker = {text!r}", "Expected a whole number, or a share of one GPU: 0.5"
        )
    return number
