"""The model backend around a provider: asks, retries, counts and streams the answers."""

from __future__ import annotations

import gc
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from harness.authoring.io.serialization import canonical_hash
from harness.protocols import BackendOptions, Deadline
from harness.types import Failed, Generate, KeyedRequest, Request, Response, Usage
from harness_backends.api.budget import Meter, Prices
from harness_backends.api.counting import TokenCounter, expected
from harness_backends.api.loop import BackgroundLoop
from harness_backends.api.scheduling import AdaptiveLimit, Deliver, Dispatcher
from harness_backends.api.settings import ApiSettings

T = TypeVar("T")


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

    async def several(self) -> bool:
        """Whether the server gives several answers to one prompt in one request.

        Raises:
            ModelError: It cannot be reached.
        """
        ...

    async def ask_several(self, requests: Sequence[Generate]) -> Sequence[Response]:
        """One try at requests that differ in their seeds alone: at least the first's answer.

        Raises:
            RequestError: It failed; it says whether another try can help.
            ModelError: No request can succeed.
        """
        ...

    async def close(self) -> None:
        """Closes the connections."""
        ...


MOST_AT_ONCE = 16
"""Answers to one prompt in one request."""


class ApiBackend:
    """Implements ``harness.protocols.ModelBackend`` for a provider.

    Args:
        provider: Talks to the server.
        settings: How to schedule.
        meter: Counts what is spent; the provider adds to it.
        deadline: When the run ends, open requests or not; None: never.

    Raises:
        ModelError: The server cannot be used.
        TimeIsUpError: The time was up before the server had said what it offers.
    """

    def __init__(
        self,
        provider: Provider,
        settings: ApiSettings,
        meter: Meter,
        deadline: Deadline | None = None,
    ) -> None:
        self._provider, self._meter, self._deadline = provider, meter, deadline
        self._dispatcher = Dispatcher(
            AdaptiveLimit(settings.max_concurrency),
            settings.retries,
            meter,
            settings.patience,
            deadline=deadline,
        )
        self._loop = BackgroundLoop()
        try:
            self._in_time(provider.prepare())
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
        groups = grouped(requests)
        if len(groups) < len(requests) and not self._in_time(self._provider.several()):
            groups = [[each] for each in requests]
        answers: Iterator[tuple[str, Response]] = self._loop.stream(
            lambda deliver: self._answer(groups, deliver)
        )
        # The garbage collector's full passes over all that is imported stop every open request
        # for a tenth of a second: what exists before the run is set aside until its end.
        gc.freeze()
        try:
            yield from answers
        finally:
            gc.unfreeze()

    def _in_time(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine to its end, or until the run's.

        Raises:
            TimeIsUpError: The run's end came first.
        """
        if self._deadline is None:
            return self._loop.call(work)
        try:
            return self._loop.call(work, max(0.0, self._deadline.left))
        except TimeoutError:
            self._deadline.check("The server had not said what it offers.")
            raise

    async def _answer(self, groups: Sequence[Sequence[KeyedRequest]], deliver: Deliver) -> None:
        """Delivers one response for each request; those of a group are asked for together."""
        members = {group[0].key: group for group in groups}
        found: dict[str, list[Response]] = {key: [] for key in members}

        async def ask(first: KeyedRequest) -> Response:
            group, got = members[first.key], found[first.key]
            if len(group) == 1:
                return await self._ask(first.request)
            while len(got) < len(group):  # what came is kept when another try is needed
                left = [each.request for each in group[len(got) :]]
                got += await self._provider.ask_several(
                    [each for each in left if isinstance(each, Generate)]
                )
            return got[0]

        def deliver_all(answer: tuple[str, Response]) -> None:
            key, response = answer
            got = found.pop(key)
            for place, each in enumerate(members[key]):
                deliver((each.key, got[place] if place < len(got) else response))

        await self._dispatcher.run([group[0] for group in groups], ask, deliver_all)

    async def _ask(self, request: Request) -> Response:
        match request:
            case Generate(sampling=sampling) if sampling.n != 1:
                return Failed("one completion a request: n must be 1")
            case _ if type(request) not in self.supports:
                return Failed(f"{type(request).__name__} is not supported here")
        return await self._provider.ask(request)

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


def grouped(requests: Sequence[KeyedRequest]) -> list[list[KeyedRequest]]:
    """The requests; drawn answers to one prompt whose seeds follow each other stand together.

    So a prompt is read and paid for once. Servers that give the answers of one request the seeds
    that follow its own, as vLLM does, answer just as if each were asked for alone.
    """
    alike: dict[object, list[tuple[int, KeyedRequest]]] = {}
    for each in requests:
        request = each.request
        sampling = request.sampling if isinstance(request, Generate) else None
        if sampling is not None and sampling.temperature > 0 and sampling.n == 1:
            assert isinstance(request, Generate)
            one = replace(request, sampling=replace(sampling, seed=0))
            alike.setdefault(one, []).append((sampling.seed, each))
        else:
            alike.setdefault(each.key, []).append((0, each))
    groups: list[list[KeyedRequest]] = []
    for members in alike.values():
        last = None
        for seed, each in sorted(members, key=lambda member: member[0]):
            if last is None or seed != last + 1 or len(groups[-1]) == MOST_AT_ONCE:
                groups.append([])
            groups[-1].append(each)
            last = seed
    return groups


def new_meter(scheme: str, options: BackendOptions, settings: ApiSettings) -> Meter:
    """The books of one run.

    Raises:
        UsageError: A limit on cost, and no prices.
    """
    return Meter(f"{scheme}:{options.model}", Prices.read(options.prices), settings.limits)
