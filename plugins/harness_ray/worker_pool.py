"""The workers: who has which shard, and what happens to it when its worker dies."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import ray
from ray.exceptions import (
    NodeDiedError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

from harness.errors import HarnessError, RunFailedError, UsageError
from harness.protocols import ModelSource
from harness.types import KeyedRequest
from harness_ray.cluster import Division
from harness_ray.worker import Done, Facts, Worker

T = TypeVar("T")
AHEAD = 2
"""Shards a worker holds: the one it computes, and the next, lest it waits for the driver."""
MOST_DEATHS = 3
"""Workers that may die over one shard; one more and the shard itself is to blame."""
DEATHS = (RayActorError, NodeDiedError, OutOfMemoryError, WorkerCrashedError)
PLACE_SECONDS = 300.0
"""For the cluster to find a place for the workers; opening the model is not counted."""


class WorkerDiedError(RunFailedError):
    """A worker's process or machine is gone, and what it computed with it."""


class _Shard:
    """Requests that are answered together, and how many workers died over them."""

    __slots__ = ("deaths", "requests")

    def __init__(self, requests: Sequence[KeyedRequest]) -> None:
        self.requests, self.deaths = requests, 0


class WorkerPool:
    """Workers with a copy of the model each.

    A dead worker is replaced, and the shards it held go to whoever is free next. One whose
    machine is gone may wait for a place for ever: it is given nothing until it has one.

    Attributes:
        deaths: Workers that were replaced.
        wrong_paths: What any worker saw to be wrong; each leaves it with its next shard.

    Args:
        source: The model.
        division: How many workers, and what each gets.

    Raises:
        UsageError: The cluster finds no place for a worker in time.
        HarnessError: The model cannot be opened there.
    """

    def __init__(self, source: ModelSource, division: Division) -> None:
        self._source, self.division = source, division
        self._actor = ray.remote(Worker).options(
            num_cpus=division.cpus, num_gpus=division.gpus, scheduling_strategy="SPREAD"
        )
        self.workers: list[Any] = [self._new() for _ in range(division.workers)]
        self._waiting: dict[Any, int] = {}
        self.deaths = 0
        self.wrong_paths: frozenset[str] = frozenset()
        try:
            self.facts: Facts = self._open()
        except BaseException:
            self.close()
            raise

    def _new(self) -> Any:
        return self._actor.remote(self._source)

    def _open(self) -> Facts:
        """Has every worker open the model; returns as soon as one has."""
        placed = [worker.process.remote() for worker in self.workers]
        _, missing = ray.wait(placed, num_returns=len(placed), timeout=PLACE_SECONDS)
        if missing:
            raise UsageError(
                f"the cluster found no place for {len(missing)} of {len(placed)} workers with "
                f"{self.division.cpus} CPU cores and {self.division.gpus:g} GPUs each "
                f"in {PLACE_SECONDS:g} s",
                "Wait until it is free (`ray status`), or set fewer workers.",
            )
        opening = [worker.facts.remote() for worker in self.workers]
        first, _ = ray.wait(opening, num_returns=1)
        facts = get(first[0])
        assert isinstance(facts, Facts)
        return facts

    def answers(self, shards: Sequence[Sequence[KeyedRequest]]) -> Iterator[tuple[int, Done]]:
        """Yields (worker, its answers) shard by shard, in the order they come.

        Raises:
            RunFailedError: A shard's workers die again and again, or the cluster is lost.
            HarnessError: What the backend raised.
        """
        left = deque(_Shard(shard) for shard in shards)
        running: dict[Any, tuple[int, Any, _Shard]] = {}
        try:
            while left or running:
                self._launch(left, running)
                reference = self._next(running)
                if reference in self._waiting:
                    self._arrive(reference)
                    continue
                place, worker, shard = running.pop(reference)
                try:
                    done = get(reference)
                except WorkerDiedError as death:
                    self._replace(place, worker)
                    left.appendleft(_again(shard, death))
                    continue
                assert isinstance(done, Done)
                self.wrong_paths |= done.wrong_paths
                yield place, done
        finally:
            for reference in running:
                ray.cancel(reference)

    def _launch(self, left: deque[_Shard], running: dict[Any, tuple[int, Any, _Shard]]) -> None:
        """Gives each worker its next shard, one all round before a second."""
        held = [sum(at == place for at, _, _ in running.values()) for place in range(self.size)]
        present = sorted(set(range(self.size)) - set(self._waiting.values()))
        for ahead in range(AHEAD):
            for place in present:
                if left and held[place] <= ahead:
                    shard, worker = left.popleft(), self.workers[place]
                    reference = worker.answer.remote(
                        shard.requests, self.facts.fingerprint, self.wrong_paths
                    )
                    running[reference] = (place, worker, shard)
                    held[place] += 1

    def _next(self, running: dict[Any, tuple[int, Any, _Shard]]) -> Any:
        """What ends first: a shard, or the wait of a new worker."""
        timeout = None if running else PLACE_SECONDS
        ended, _ = ray.wait([*running, *self._waiting], num_returns=1, timeout=timeout)
        if not ended:
            raise RunFailedError(
                f"all workers are gone, and the cluster found no place for another in {timeout:g} s"
            )
        return ended[0]

    def _arrive(self, reference: Any) -> None:
        """A new worker has its place; or died on the way there, and makes room for another."""
        place = self._waiting.pop(reference)
        try:
            get(reference)
        except WorkerDiedError:
            self._replace(place, self.workers[place])
            if self.deaths > MOST_DEATHS * self.size:
                raise

    def _replace(self, place: int, worker: Any) -> None:
        """Starts another in the place of a dead worker, once however many shards it held."""
        if self.workers[place] is worker:
            ray.kill(worker)  # one that is only out of reach would keep its place
            self.workers[place] = self._new()
            self._waiting[self.workers[place].process.remote()] = place
            self.deaths += 1

    @property
    def size(self) -> int:
        """Workers at a time."""
        return self.division.workers

    def close(self) -> None:
        """Ends the workers, and whatever they compute."""
        for worker in self.workers:
            ray.kill(worker)


def get(reference: Any) -> Any:
    """The value of a reference.

    Raises:
        HarnessError: The backend raised it there.
        WorkerDiedError: The worker died.
        RunFailedError: Anything else that went wrong there, or the cluster is lost.
    """
    try:
        return ray.get(reference)
    except RayTaskError as error:
        cause = error.cause
        if isinstance(cause, HarnessError):
            raise cause from None
        raise RunFailedError(f"a worker failed: {type(cause).__name__}: {cause}") from error
    except DEATHS as error:
        raise WorkerDiedError(
            f"a worker died: {_first_line(error)}",
            "Often it is memory: set a smaller --batch-size or fewer workers.",
        ) from error
    except RayError as error:
        raise RunFailedError(f"the Ray cluster failed: {_first_line(error)}") from error


def _again(shard: _Shard, death: WorkerDiedError) -> _Shard:
    """The shard, to be done once more.

    Raises:
        RunFailedError: It has been often enough.
    """
    shard.deaths += 1
    if shard.deaths > MOST_DEATHS:
        raise RunFailedError(
            f"{shard.deaths} workers in a row died over the same {len(shard.requests)} requests; "
            f"the last one: {death.message}",
            death.hint,
        )
    return shard


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
