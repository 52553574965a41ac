"""What can go wrong with one request, and how each kind is treated."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.errors import HarnessError, ModelError, RunFailedError


class Kind(StrEnum):
    """Why a request got no usable answer."""

    RATE_LIMIT = "rate limit"
    OVERLOAD = "overload"
    TIMEOUT = "time-out"
    CONNECTION = "connection"
    SERVER = "server error"
    MALFORMED = "malformed answer"
    REFUSED = "refused"
    TOO_LONG = "too long"
    FILTERED = "content filter"
    DENIED = "access denied"
    NOT_OFFERED = "not offered"


@dataclass(frozen=True, slots=True)
class Treatment:
    """How a kind of failure is met.

    Attributes:
        retried: Whether asking again can help.
        counted: Whether each time counts towards ``max_retries``. A server that says "later"
            has not failed: such requests wait until the run's patience ends.
        slows: Whether fewer requests should be open at a time.
        of_server: Whether it tells of the server or the account rather than of the request. One
            such failure among answers is a lost request; where the first ones all fail so, no
            request can succeed.
    """

    retried: bool
    counted: bool = True
    slows: bool = False
    of_server: bool = False


TREATMENTS = {
    Kind.RATE_LIMIT: Treatment(retried=True, counted=False, slows=True),
    Kind.OVERLOAD: Treatment(retried=True, counted=False, slows=True),
    Kind.TIMEOUT: Treatment(retried=True, slows=True),
    Kind.CONNECTION: Treatment(retried=True),
    Kind.SERVER: Treatment(retried=True),
    Kind.MALFORMED: Treatment(retried=True),
    Kind.REFUSED: Treatment(retried=False),
    Kind.TOO_LONG: Treatment(retried=False),
    Kind.FILTERED: Treatment(retried=False),
    Kind.DENIED: Treatment(retried=False, of_server=True),
    Kind.NOT_OFFERED: Treatment(retried=False, of_server=True),
}


class RequestError(Exception):
    """One request went wrong; the others go on.

    Args:
        kind: Decides the treatment.
        reason: In words, free of secrets.
        retry_after: Seconds the server asked to wait.
        hint: What the user can do about it.
        parameter: The parameter of the request that the server refuses, where it names one.
    """

    def __init__(
        self,
        kind: Kind,
        reason: str,
        retry_after: float | None = None,
        hint: str | None = None,
        parameter: str | None = None,
    ) -> None:
        super().__init__(f"{kind}: {reason}" if reason else str(kind))
        self.kind, self.reason = kind, reason
        self.retry_after, self.hint, self.parameter = retry_after, hint, parameter

    @property
    def of_server(self) -> bool:
        """Whether no request of this kind can succeed there."""
        return TREATMENTS[self.kind].of_server or self.parameter is not None

    def ending(self) -> HarnessError:
        """The error that ends a run in which nothing else happens."""
        if TREATMENTS[self.kind].of_server:
            return ModelError(self.reason, self.hint)
        return RunFailedError(str(self), self.hint)


def malformed(what: str, hint: str | None = None) -> RequestError:
    """The server answered, but not as the protocol says."""
    return RequestError(Kind.MALFORMED, what, hint=hint)
