"""When to ask again: exponential back-off with full jitter, and what the server asked for.

Full jitter: a delay drawn uniformly from 0 to the exponential bound, so that requests that
failed together do not come back together (M. Brooker, "Exponential Backoff And Jitter", AWS
Architecture Blog, 2015).
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

LONGEST_DELAY = 60.0
"""Seconds; the bound of a delay that the server did not ask for."""
A_DAY = 86_400.0
"""Seconds; who asks to wait so long means a quota, not a busy moment."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and after what delay a request is asked again.

    Attributes:
        max_retries: Retries of one request, counting the kinds that count.
        base_delay: Bound of the first delay in seconds; doubles each time.
        rng: Where the jitter comes from.
    """

    max_retries: int = 8
    base_delay: float = 0.5
    rng: random.Random = field(default_factory=random.Random)

    def delay(
        self, tries: int, retry_after: float | None = None, longest: float = LONGEST_DELAY
    ) -> float:
        """Seconds to wait before the next try.

        Args:
            tries: Failed tries so far, from 1.
            retry_after: What the server asked for; never undercut, and spread by one base
                delay, lest all that were told the same come back at once.
            longest: The bound never grows over this, nor falls under the base delay.
        """
        if retry_after is not None:
            return retry_after + self.rng.uniform(0, self.base_delay)
        grown = self.base_delay * 2 ** min(tries - 1, 30)
        bound = min(LONGEST_DELAY, grown, max(longest, self.base_delay))
        return self.rng.uniform(0, bound)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that a response asks to wait: ``retry-after-ms``, else ``Retry-After``.

    The standard header holds seconds or a date (RFC 9110, section 10.2.3). None where there is
    neither, or where it cannot be read.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    from email.utils import parsedate_to_datetime  # slow to import, and rarely needed

    try:
        until = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    try:
        return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())
    except OverflowError:  # an offset that leaves the calendar
        return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def in_words(seconds: float) -> str:
    """A span of time for people: "45 s", "2 h 5 min", "1 day"."""
    if seconds < 120:
        return f"{seconds:,.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    days = hours // 24
    return "1 day" if days == 1 else f"{days:,} days"
