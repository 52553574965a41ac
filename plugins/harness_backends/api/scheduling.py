"""How many requests are open at a time, and what happens to each until it is answered."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence

from harness.errors import HarnessError, RunFailedError, RunInterruptedError
from harness.protocols import Deadline
from harness.types import Failed, KeyedRequest, Response
from harness_backends.api.budget import Meter
from harness_backends.api.failures import TREATMENTS, Kind, RequestError
from harness_backends.api.retrying import A_DAY, LONGEST_DELAY, RetryPolicy, in_words

Ask = Callable[[KeyedRequest], Awaitable[Response]]
Deliver = Callable[[tuple[str, Response]], None]

PACE = 0.001
"""Seconds between two requests that could set out together. Those that do come back together, and
each is handled only when all are: what one costs here is then added to every answer's time."""
LOST_IN_A_ROW = 20
"""Requests lost one after the other, without an answer between them, that end a run."""
FIRST_DENIED = 8
"""Requests that end a run where they are the first ones, and the server lets none in."""


class AdaptiveLimit:
    """How many requests may be open: slow start, then additive rise and multiplicative fall.

    Starts at 20 and doubles after each round (as many clean answers as the limit) until the
    server first says "slower". From then on the limit falls to 0.8 of itself, at most once in
    15 s, and rises by 5 % a round. Answers within those 15 s were mostly asked for before the
    cut, so they do not count; nor do answers that needed a retry. (The constants and the rules
    are Inspect AI's.)

    Args:
        maximum: Never more than this.
        clock: Seconds.
    """

    START = 20
    FALL = 0.8
    COOL_DOWN = 15.0
    RISE = 0.05
    SMALLEST_ROUND = 4

    def __init__(self, maximum: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._maximum, self._clock = maximum, clock
        self.current = min(self.START, maximum)
        self.highest = self.current
        self._clean_answers = 0
        self._slowed = False
        self._cool_until = -float("inf")

    def succeeded(self) -> None:
        """A request was answered at its first try."""
        if self._clock() < self._cool_until:
            return
        self._clean_answers += 1
        if self._clean_answers < max(self.current, self.SMALLEST_ROUND):
            return
        self._clean_answers = 0
        step = max(1, round(self.current * self.RISE)) if self._slowed else self.current
        self.current = min(self._maximum, self.current + step)
        self.highest = max(self.highest, self.current)

    def slow_down(self) -> None:
        """The server asked for less."""
        self._clean_answers = 0
        self._slowed = True
        now = self._clock()
        if now < self._cool_until:
            return
        self._cool_until = now + self.COOL_DOWN
        self.current = max(1, int(self.current * self.FALL))


class Dispatcher:
    """Asks many requests at once until each has its response.

    Args:
        limit: How many may be open.
        retries: When a failed one is asked again.
        meter: What may be spent.
        patience: Seconds without a single answer after which the run fails.
        clock: Seconds.
        deadline: When the run ends, open requests or not; None: never.
    """

    def __init__(
        self,
        limit: AdaptiveLimit,
        retries: RetryPolicy,
        meter: Meter,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
        deadline: Deadline | None = None,
    ) -> None:
        self.limit, self._retries, self._meter = limit, retries, meter
        self._patience, self._clock, self._deadline = patience, clock, deadline
        self.failures: Counter[Kind] = Counter()
        self._any_answer = False
        self._longest_asked = 0.0

    @property
    def notes(self) -> tuple[str, ...]:
        """What was not done as the server asked."""
        if self._longest_asked <= self._patience:
            return ()
        return (
            f"the server asked to wait {in_words(self._longest_asked)} (Retry-After); it was "
            f"asked again after at most {in_words(self._patience)}",
        )

    async def run(self, requests: Sequence[KeyedRequest], ask: Ask, deliver: Deliver) -> None:
        """Delivers exactly one response for each request, in the order they come.

        Raises:
            RunInterruptedError: A limit of the meter is reached; what was open is delivered
                first, unless it is the limit on time.
            TimeIsUpError: The run's time is up; what is open is cancelled.
            RunFailedError: The server answers nothing any more, or asks to wait too long.
            ModelError: The server lets none of the first requests in, as with a wrong key.
        """
        self._meter.start()
        work = _Work(requests, self._clock)
        denied = min(FIRST_DENIED, len(requests))
        state = _Health(self._patience, denied, self._any_answer, self._clock)
        running: dict[asyncio.Task[Response], _Attempt] = {}
        bell = asyncio.Event()
        try:
            while work.left or running:
                self._check_limits(work, running)
                state.check()
                attempt = work.take() if self._has_room(len(running)) else None
                if attempt is not None:
                    task = asyncio.ensure_future(ask(attempt.request))
                    task.add_done_callback(lambda _: bell.set())
                    running[task] = attempt
                await self._wait(bell, PACE if attempt else self._rest(work, len(running), state))
                self._settle(work, running, state, deliver)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _check_limits(self, work: _Work, running: dict[asyncio.Task[Response], _Attempt]) -> None:
        if self._deadline is not None:
            self._deadline.check()
        reached = self._meter.reached()
        if reached is None or (running and not reached.startswith("max_seconds")):
            return
        left = work.left + len(running)
        raise RunInterruptedError(
            f"the limit {reached} is reached with {left:,} requests to go",
            "Set a higher limit, or none, to finish.",
        )

    def _has_room(self, running: int) -> bool:
        return running < self.limit.current and self._meter.admits(running)

    def _rest(self, work: _Work, running: int, state: _Health) -> float:
        """Seconds until a delayed request is due or time is up, if no answer comes before."""
        due = work.seconds_to_next() if self._has_room(running) else None
        ends = None if self._deadline is None else self._deadline.left
        waits = (due, self._meter.seconds_left(), state.seconds_left(), ends)
        return max(0.0, min(seconds for seconds in waits if seconds is not None))

    @staticmethod
    async def _wait(bell: asyncio.Event, seconds: float) -> None:
        """Until an answer comes or the seconds are over."""
        timer = asyncio.get_running_loop().call_later(seconds, bell.set)
        await bell.wait()
        timer.cancel()
        bell.clear()

    def _settle(
        self,
        work: _Work,
        running: dict[asyncio.Task[Response], _Attempt],
        state: _Health,
        deliver: Deliver,
    ) -> None:
        fatal: Exception | None = None
        for task in [task for task in running if task.done()]:
            attempt = running.pop(task)
            try:
                response = task.result()
                if attempt.tries == 0:
                    self.limit.succeeded()
                state.answered()
                self._any_answer = True
                deliver((attempt.request.key, response))
            except RequestError as error:
                try:
                    self._fail(error, attempt, work, state, deliver)
                except HarnessError as failure:
                    fatal = failure
            except Exception as error:  # raised below: what was answered beside it is kept
                fatal = error
        if fatal is not None:
            raise fatal

    def _fail(
        self,
        error: RequestError,
        attempt: _Attempt,
        work: _Work,
        state: _Health,
        deliver: Deliver,
    ) -> None:
        self.failures[error.kind] += 1
        treatment = TREATMENTS[error.kind]
        if treatment.slows:
            self.limit.slow_down()
        attempt.tries += 1
        attempt.counted += treatment.counted
        state.failed(error)
        if treatment.retried and attempt.counted <= self._retries.max_retries:
            # "Later" from a server that goes on answering others is about how many are open,
            # which the limit sees to: such a request need not wait longer than the server did.
            longest = state.seconds_without_answer() if treatment.slows else LONGEST_DELAY
            asked = self._bounded(error)
            work.delay(attempt, self._retries.delay(attempt.tries, asked, longest))
            return
        deliver((attempt.request.key, Failed(str(error))))
        state.lost(error)

    def _bounded(self, error: RequestError) -> float | None:
        """Seconds to wait because the server asked for them.

        Raises:
            RunFailedError: It asks for a day or more; or, having answered nothing yet, for more
                than the patience there is.
        """
        asked = error.retry_after
        if asked is None:
            return None
        if asked >= A_DAY or (asked > self._patience and not self._any_answer):
            raise RunFailedError(
                f"the server asks to wait {in_words(asked)} before the next request "
                f"(Retry-After): {error}",
                "Give the same command again after that time.",
            )
        self._longest_asked = max(asked, self._longest_asked)
        return min(asked, self._patience)


class _Attempt:
    """A request with the failures it has met: all, and those that count."""

    __slots__ = ("counted", "request", "tries")

    def __init__(self, request: KeyedRequest) -> None:
        self.request, self.tries, self.counted = request, 0, 0


class _Work:
    """Requests that wait: for a free place, or for the end of a delay."""

    def __init__(self, requests: Sequence[KeyedRequest], clock: Callable[[], float]) -> None:
        self._ready = deque(map(_Attempt, requests))
        self._delayed: list[tuple[float, int, _Attempt]] = []
        self._numbers = itertools.count()
        self._clock = clock

    @property
    def left(self) -> int:
        return len(self._ready) + len(self._delayed)

    def take(self) -> _Attempt | None:
        """One that is due, or None."""
        if self._delayed and self._delayed[0][0] <= self._clock():
            return heapq.heappop(self._delayed)[2]
        return self._ready.popleft() if self._ready else None

    def delay(self, attempt: _Attempt, seconds: float) -> None:
        heapq.heappush(self._delayed, (self._clock() + seconds, next(self._numbers), attempt))

    def seconds_to_next(self) -> float | None:
        return self._delayed[0][0] - self._clock() if self._delayed else None


class _Health:
    """Notices when a server answers nothing any more.

    Args:
        patience: Seconds without an answer after which the run fails.
        first_denied: Requests that the server does not let in, one after the other and before
            its first answer, that end the run.
        any_answer: Whether the server has answered before.
        clock: Seconds.
    """

    def __init__(
        self, patience: float, first_denied: int, any_answer: bool, clock: Callable[[], float]
    ) -> None:
        self._patience, self._clock = patience, clock
        self._first_denied, self._any_answer = first_denied, any_answer
        self._last_answer = clock()
        self._lost = self._denied = 0
        self._last_error: RequestError | None = None

    def answered(self) -> None:
        self._any_answer = True
        self._last_answer = self._clock()
        self._lost = self._denied = 0

    def failed(self, error: RequestError) -> None:
        self._last_error = error

    def lost(self, error: RequestError) -> None:
        """A request is given up.

        Raises:
            HarnessError: One of too many. Refusals of a request (too long, say) count only
                before the first answer, since they do not tell of the server.
        """
        if not TREATMENTS[error.kind].retried:
            self._last_answer = self._clock()
        if error.of_server:
            self._denied += 1
            if not self._any_answer and self._denied >= self._first_denied:
                raise error.ending()
        elif error.kind in (Kind.FILTERED, Kind.TOO_LONG) or (
            error.kind is Kind.REFUSED and self._any_answer
        ):
            return
        self._lost += 1
        if self._lost >= LOST_IN_A_ROW:
            raise RunFailedError(
                f"{self._lost} requests in a row could not be answered; the last one: {error}",
                error.hint,
            )

    def seconds_without_answer(self) -> float:
        return self._clock() - self._last_answer

    def seconds_left(self) -> float:
        return self._patience - self.seconds_without_answer()

    def check(self) -> None:
        if self.seconds_left() > 0:
            return
        raise RunFailedError(
            f"no request was answered for {self._patience:g} s; "
            f"the last failure: {self._last_error or 'none, the requests are still open'}"
        )
