"""What can go wrong with one request, and how each kind is treated."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.errors import ModelError


class Kind(StrEnum):
    """Why a request got no usable answer."""

    RATE_LIMIT = "rate limit"
    OVERLOAD = "overload"
    TIMEOUT = "time-out"
    CONNECTION = "connection"
    SERVER = "server error"
    MALFORMED = "malformed answer"
    REFUSED = "refused"
    FILTERED = "content filter"


@dataclass(frozen=True, slots=True)
class Treatment:
    """How a kind of failure is met.

    Attributes:
        retried: Whether asking again can help.
        counted: Whether each time counts towards ``max_retries``. A server that says "later"
            has not failed: such requests wait until the run's patience ends.
        slows: Whether fewer requests should be open at a time.
    """

    retried: bool
    counted: bool = True
    slows: bool = False


TREATMENTS = {
    Kind.RATE_LIMIT: Treatment(retried=True, counted=False, slows=True),
    Kind.OVERLOAD: Treatment(retried=True, counted=False, slows=True),
    Kind.TIMEOUT: Treatment(retried=True, slows=True),
    Kind.CONNECTION: Treatment(retried=True),
    Kind.SERVER: Treatment(retried=True),
    Kind.MALFORMED: Treatment(retried=True),
    Kind.REFUSED: Treatment(retried=False),
    Kind.FILTERED: Treatment(retried=False),
}


class RequestError(Exception):
    """One request went wrong; the others go on.

    Args:
        kind: Decides the treatment.
        reason: In words, free of secrets.
        retry_after: Seconds the server asked to wait.
    """

    def __init__(self, kind: Kind, reason: str, retry_after: float | None = None) -> None:
        super().__init__(f"{kind}: {reason}" if reason else str(kind))
        self.kind = kind
        self.retry_after = retry_after


class NotOfferedError(ModelError):
    """The server has no such model or no such endpoint."""
