"""What a run has spent, and what it may spend."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.errors import RunFailedError, UsageError
from harness.types import Usage

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens; ``cached_prompt`` for prompts the provider re-used."""

    prompt: float
    completion: float
    cached_prompt: float

    @classmethod
    def read(cls, table: Mapping[str, float]) -> Prices | None:
        """A [prices.MODEL] table of harness.toml; None where it is empty."""
        if not table:
            return None
        return cls(
            table["prompt"], table["completion"], table.get("cached_prompt", table["prompt"])
        )

    def cost(self, spent: Spent) -> float:
        """US dollars for these tokens."""
        return (
            (spent.prompt - spent.cached) * self.prompt
            + spent.cached * self.cached_prompt
            + spent.completion * self.completion
        ) / _MILLION


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a run early: US dollars, tokens in both directions, seconds."""

    cost: float | None = None
    tokens: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens of one answer; ``cached`` of its ``prompt`` tokens were re-used."""

    prompt: int
    completion: int
    cached: int = 0


class Meter:
    """Adds up what answers cost and says when a limit is reached.

    Args:
        model: Its name, for messages.
        prices: None where no cost can be told.
        limits: What the run may spend.
        clock: Seconds.

    Raises:
        UsageError: A limit on cost without prices.
    """

    def __init__(
        self,
        model: str,
        prices: Prices | None,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if limits.cost is not None and prices is None:
            raise UsageError(
                f"max_cost needs the prices of {model}",
                f'Put them into harness.toml: [prices."{model}"] with prompt and completion, '
                "in US dollars per million tokens.",
            )
        self._prices, self._limits, self._clock = prices, limits, clock
        self._started: float | None = None
        self._answers = self._prompt = self._completion = self._cached = 0

    def start(self) -> None:
        """Time counts from the first call."""
        if self._started is None:
            self._started = self._clock()

    def add(self, spent: Spent | None) -> None:
        """Counts an answer.

        Raises:
            RunFailedError: The server reports no usage, and a limit needs it.
        """
        self._answers += 1
        if spent is not None:
            self._prompt += spent.prompt
            self._completion += spent.completion
            self._cached += spent.cached
        elif self._limits.cost is not None or self._limits.tokens is not None:
            raise RunFailedError(
                "the server does not report how many tokens an answer took, "
                "so max_cost and max_tokens_total cannot be kept",
                "Leave them out, or use max_seconds.",
            )

    @property
    def usage(self) -> Usage:
        """So far; prompt tokens that the provider re-used count as reused, the rest as computed."""
        total = self._prompt + self._completion
        return Usage(
            requests=self._answers,
            prompt_tokens=self._prompt,
            completion_tokens=self._completion,
            computed_tokens=total - self._cached,
            reused_tokens=self._cached,
            cost=self._cost(),
        )

    def seconds_left(self) -> float | None:
        """Until the limit on time; None without one."""
        if self._limits.seconds is None or self._started is None:
            return None
        return self._started + self._limits.seconds - self._clock()

    def reached(self) -> str | None:
        """The limit that is reached, in words; None while there is room."""
        return self._reached(0)

    def admits(self, running: int) -> bool:
        """Whether one more request fits, if the ``running`` ones cost what the past ones did.

        Without this, a limit would be overrun by all that was open when it was reached.
        """
        return self._reached(running) is None or (running == 0 and self._reached(0) is None)

    def _reached(self, running: int) -> str | None:
        left = self.seconds_left()
        if left is not None and left <= 0:
            return f"max_seconds = {self._limits.seconds:g}"
        # Compared without division, so that whole numbers stay exact.
        answers = max(1, self._answers)
        expected = answers + (running if self._answers else 0)
        cost, most = self._cost(), self._limits.cost
        if most is not None and cost is not None and cost * expected >= most * answers:
            return f"max_cost = {most:g}"
        tokens, limit = self._prompt + self._completion, self._limits.tokens
        if limit is not None and tokens * expected >= limit * answers:
            return f"max_tokens_total = {limit}"
        return None

    def cost(self, spent: Spent) -> float | None:
        """US dollars for these tokens; None without prices."""
        return None if self._prices is None else self._prices.cost(spent)

    def _cost(self) -> float | None:
        return self.cost(Spent(self._prompt, self._completion, self._cached))
