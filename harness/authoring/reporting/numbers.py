"""How metrics and numbers are written: digits follow from the standard error."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from harness.protocols import UNUSABLE
from harness.types import Estimate, Spent

MISSING = "—"
_MINUS = "−"
_DEFAULT_DIGITS = 3
_LARGE = 1e7
_ARROWS = {True: "↑", False: "↓", None: ""}


@dataclass(frozen=True, slots=True)
class Number:
    """An estimate in words; ``error`` and ``interval`` are empty where they are undefined."""

    value: str
    error: str
    interval: str
    n: str
    method: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.value, self.error, self.interval) if part)

    @property
    def short(self) -> str:
        """Value and standard error, without the interval."""
        return " ".join(part for part in (self.value, self.error) if part)


def number(estimate: Estimate, digits: int | None = None, signed: bool = False) -> Number:
    """``0.713 ± 0.021 [0.672, 0.751]``, in parts.

    Args:
        estimate: What to write.
        digits: Decimals; chosen from the standard error if None.
        signed: Whether a positive value gets a plus sign, as changes do.
    """
    places = digits_for([estimate]) if digits is None else digits
    sign = "+" if signed else ""
    bounded = math.isfinite(estimate.low) and math.isfinite(estimate.high)
    return Number(
        value=decimal(estimate.value, places, sign),
        error=f"± {decimal(estimate.stderr, places)}" if math.isfinite(estimate.stderr) else "",
        interval=f"[{decimal(estimate.low, places, sign)}, {decimal(estimate.high, places, sign)}]"
        if bounded
        else "",
        n=count(estimate.n),
        method=estimate.method,
    )


def digits_for(estimates: Iterable[Estimate]) -> int:
    """Decimals that show two significant digits of the standard error, the same for all given.

    Between 3 and 4 for values of at most 1 in size, between 0 and 3 for larger ones, so that
    tables stay aligned and nothing is printed that the error makes meaningless.
    """
    known = [estimate for estimate in estimates if math.isfinite(estimate.value)]
    small = all(abs(estimate.value) <= 1 for estimate in known)
    errors = [
        estimate.stderr
        for estimate in known
        if math.isfinite(estimate.stderr) and estimate.stderr > 0
    ]
    if not errors:
        return _DEFAULT_DIGITS if small else 2
    wanted = 1 - math.floor(math.log10(min(errors)))
    return min(4, max(3, wanted)) if small else min(3, max(0, wanted))


def decimal(value: float, digits: int, sign: str = "") -> str:
    """``value`` with ``digits`` decimals, a true minus sign and commas between thousands.

    From ten million on it is written with a power of ten.
    """
    if not math.isfinite(value):
        return MISSING
    size = abs(value)
    text = f"{size:.3g}" if size >= _LARGE else f"{size:,.{digits}f}"
    if not text.strip("0.,"):
        return text
    return (_MINUS if value < 0 else sign) + text


def trimmed(value: float) -> str:
    """``value`` with at most four decimals, no trailing zeros: ``0``, ``−0.25``, ``1,400``."""
    text = decimal(value, 4)
    return text.rstrip("0").rstrip(".") if "." in text else text


def significant(value: float) -> str:
    """Four significant digits with a true minus sign; a dash for what is not known."""
    return MISSING if not math.isfinite(value) else f"{value:.4g}".replace("-", _MINUS)


def p_value(value: float) -> str:
    """``0.031``, ``< 0.001``; never rounded to 0."""
    return "< 0.001" if value < 0.001 else decimal(value, 3)


def label(
    metric: str,
    higher_is_better: bool | None,
    ideal: float | None = None,
    calibration: str | None = None,
) -> str:
    """The metric's name with an arrow towards the better side, or towards its ideal.

    A metric that rests on an instrument which nobody has checked, or which does not agree with
    people more than by chance, is called so.
    """
    doubt = f" ({calibration})" if calibration in UNUSABLE else ""
    if ideal is not None:
        return f"{metric} → {trimmed(ideal)}{doubt}"
    return f"{metric} {_ARROWS[higher_is_better]}".rstrip() + doubt


def count(value: int) -> str:
    """A whole number with commas between thousands."""
    return f"{value:,}"


def moment(text: str) -> str:
    """An ISO 8601 time for people: ``2026-01-02 03:04 UTC``; other texts as they stand."""
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M %Z}".rstrip()
    except ValueError:
        return text


def energy(kwh: float) -> str:
    """Kilowatt-hours: ``1.2 kWh``, and small ones in watt-hours: ``3.45 Wh``."""
    return f"{kwh:,.3g} kWh" if kwh >= 1 else f"{1000 * kwh:.3g} Wh"


def released(kg: float) -> str:
    """Kilograms of CO₂ equivalents, and few of them in grams."""
    return f"{kg:,.3g} kg CO₂e" if kg >= 1 else f"{1000 * kg:.3g} g CO₂e"


def spent(found: Spent | None) -> list[tuple[str, str]]:
    """What the machine took, (what, how much); what was not measured has no row."""
    if found is None:
        return []
    rows = [("machine hours", significant(found.seconds / 3600))]
    if found.money is not None:
        rows.append(("price of the machine", f"${found.money:,.4g}"))
    if found.energy_kwh is not None:
        rows.append(("energy of the machine", f"{energy(found.energy_kwh)} ({found.basis})"))
    if found.co2e_kg is not None:
        rows.append(("released", released(found.co2e_kg)))
    return rows


def duration(seconds: float) -> str:
    """``45.2 s``, ``3 min 12 s``, ``2 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
