"""What the machine takes for a run or a training: hours, money, energy, CO₂ equivalents.

Energy is measured by ``codecarbon`` over the whole machine, without the network. What was not
measured has no value, and never a zero.
"""

from __future__ import annotations

import logging
import math
import time
import warnings
from types import TracebackType
from typing import Any, Self

from harness.errors import MissingExtraError, UsageError
from harness.types import Spent

SECONDS = 5
"""Between two readings of the power."""


class Meter:
    """Measures from its beginning as a context to ``stop``.

    Args:
        country: ISO code in three letters of the country whose electricity the machine uses; None
            measures no energy.
        machine_hour: Its price in US dollars; None: not known.
    """

    def __init__(self, country: str | None = None, machine_hour: float | None = None) -> None:
        self._country, self._price = country, machine_hour
        self._tracker: Any = None
        self._started = 0.0

    def __enter__(self) -> Self:
        """Begins.

        Raises:
            MissingExtraError: ``codecarbon`` is not installed.
            UsageError: It knows no such country.
        """
        if self._country is not None:
            with warnings.catch_warnings():  # it swallows what a warning becomes under -W error
                warnings.simplefilter("ignore")
                self._tracker = _tracker(self._country)
                self._tracker.start()
        self._started = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends the readings."""
        self.stop()

    def stop(self) -> Spent | None:
        """Ends the measurement; None where neither energy nor a price was asked for.

        A second call gives what was taken until then, without energy.
        """
        tracker, self._tracker = self._tracker, None
        if tracker is None and self._price is None:
            return None
        seconds = time.monotonic() - self._started
        money = None if self._price is None else self._price * seconds / 3600
        if tracker is None:
            return Spent(seconds, money)
        tracker.stop()
        found = getattr(tracker, "final_emissions_data", None)
        if found is None:  # it could not begin
            return Spent(seconds, money)
        energy, released = float(found.energy_consumed), float(found.emissions)
        if not (0 < energy < math.inf and 0 <= released < math.inf):
            return Spent(seconds, money)  # nothing was read
        return Spent(seconds, money, energy, released, _basis(tracker, found, str(self._country)))


def _tracker(country: str) -> Any:
    try:
        import codecarbon
        from codecarbon.input import DataSource
    except ImportError as error:
        raise MissingExtraError("--energy", "energy") from error
    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
    known = DataSource().get_global_energy_mix_data()
    if country not in known:
        raise UsageError(
            f"no energy mix of a country {country!r} is known",
            "Give the ISO code of three letters, such as DEU or USA.",
        )
    return codecarbon.OfflineEmissionsTracker(
        country_iso_code=country,
        measure_power_secs=SECONDS,
        tracking_mode="machine",
        save_to_file=False,
        log_level="critical",
        allow_multiple_runs=True,
    )


def _basis(tracker: Any, found: Any, country: str) -> str:
    """How the energy was found: what is not read from a counter is an estimate."""
    from importlib.metadata import PackageNotFoundError, version

    hardware = " ".join(each.description() for each in getattr(tracker, "_hardware", ())).lower()
    measured = any(each in hardware for each in ("rapl", "gadget", "apple", "emi)"))
    cpu = "by its load" if "load" in hardware else "at its rated power"
    parts = ["CPU measured" if measured else f"CPU estimated {cpu}", "RAM estimated"]
    if float(found.gpu_energy) > 0:
        parts.insert(0, "GPU measured")
    try:
        program = f"codecarbon {version('codecarbon')}"
    except PackageNotFoundError:
        program = "codecarbon"
    return f"{', '.join(parts)}; {program}, {country}"
