"""The model backend around a provider: asks, retries, counts and streams the answers."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from harness.authoring.io.serialization import canonical_hash
from harness.protocols import BackendOptions
from harness.types import Failed, Generate, KeyedRequest, Request, Response, Usage
from harness_backends.api.budget import Meter, Prices
from harness_backends.api.counting import TokenCounter, expected
from harness_backends.api.loop import BackgroundLoop
from harness_backends.api.scheduling import AdaptiveLimit, Dispatcher
from harness_backends.api.settings import ApiSettings


class Provider(Protocol):
    """One kind of server.

    ``supports``, ``identity``, ``facts`` and ``counter`` hold once ``prepare`` has run.
    """

    @property
    def supports(self) -> frozenset[type]:
        """The request types it answers."""
        ...

    @property
    def identity(self) -> Mapping[str, object]:
        """All that determines the answers; free of secrets."""
        ...

    @property
    def facts(self) -> Mapping[str, object]:
        """For reports; free of secrets."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results must know of the answers so far; free of secrets."""
        ...

    @property
    def counter(self) -> TokenCounter:
        """Counts tokens before they are sent."""
        ...

    async def prepare(self) -> None:
        """Finds out what the server offers.

        Raises:
            ModelError: It cannot be used.
        """
        ...

    async def ask(self, request: Request) -> Response:
        """One try at one request.

        Raises:
            RequestError: It failed; it says whether another try can help.
            ModelError: No request can succeed.
        """
        ...

    async def close(self) -> None:
        """Closes the connections."""
        ...


class ApiBackend:
    """Implements ``harness.protocols.ModelBackend`` for a provider.

    Args:
        provider: Talks to the server.
        settings: How to schedule.
        meter: Counts what is spent; the provider adds to it.

    Raises:
        ModelError: The server cannot be used.
    """

    def __init__(self, provider: Provider, settings: ApiSettings, meter: Meter) -> None:
        self._provider, self._meter = provider, meter
        self._dispatcher = Dispatcher(
            AdaptiveLimit(settings.max_concurrency), settings.retries, meter, settings.patience
        )
        self._loop = BackgroundLoop()
        try:
            self._loop.call(provider.prepare())
        except BaseException:
            self.close()
            raise
        self.supports = provider.supports
        self.fingerprint = canonical_hash(provider.identity)

    @property
    def usage(self) -> Usage:
        """Tokens and cost so far."""
        return self._meter.usage

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results must know of how they were asked for."""
        return self._provider.notes + self._dispatcher.notes

    def describe(self) -> Mapping[str, object]:
        """Facts for reports: the server, how it is asked, and what went wrong on the way."""
        return {
            **self._provider.facts,
            "highest_concurrency": self._dispatcher.limit.highest,
            "failed_tries": {str(kind): n for kind, n in self._dispatcher.failures.items()},
        }

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        """Answers each request once, in the order the answers come."""

        async def ask(request: KeyedRequest) -> Response:
            match request.request:
                case Generate(sampling=sampling) if sampling.n != 1:
                    return Failed("one completion a request: n must be 1")
                case _ if type(request.request) not in self.supports:
                    return Failed(f"{type(request.request).__name__} is not supported here")
            return await self._provider.ask(request.request)

        answers: Iterator[tuple[str, Response]] = self._loop.stream(
            lambda deliver: self._dispatcher.run(requests, ask, deliver)
        )
        # The garbage collector's full passes over all that is imported stop every open request
        # for a tenth of a second: what exists before the run is set aside until its end.
        gc.freeze()
        try:
            yield from answers
        finally:
            gc.unfreeze()

    def forecast(self, requests: Sequence[KeyedRequest]) -> Usage:
        """What these requests will take and cost, if every answer is as long as it may be.

        Nothing is sent. What the provider will find in its own cache cannot be told.
        """
        spent = expected([each.request for each in requests], self._provider.counter)
        return Usage(
            requests=len(requests),
            prompt_tokens=spent.prompt,
            completion_tokens=spent.completion,
            computed_tokens=spent.prompt,
            cost=self._meter.cost(spent),
        )

    @property
    def forecast_basis(self) -> str | None:
        """How ``forecast`` counts, where it is an estimate."""
        return self._provider.counter.basis

    def close(self) -> None:
        """Closes the connections and the event loop."""
        if self._loop.closed:
            return
        try:
            self._loop.call(self._provider.close())
        finally:
            self._loop.close()


def new_meter(scheme: str, options: BackendOptions, settings: ApiSettings) -> Meter:
    """The books of one run.

    Raises:
        UsageError: A limit on cost, and no prices.
    """
    return Meter(f"{scheme}:{options.model}", Prices.read(options.prices), settings.limits)
