"""The model backend that the driver sees: it cuts, hands out, and passes on what comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.protocols import Deadline, ModelSource
from harness.types import KeyedRequest, Request, Response, Usage
from harness_ray import cluster, sharding
from harness_ray.settings import Settings
from harness_ray.worker import Done, add
from harness_ray.worker_pool import WorkerPool, get


class RayBackend:
    """Implements ``harness.protocols.ModelBackend`` with workers that hold the model.

    No weights are read in this process; storing and scoring happen here alone.

    Args:
        source: The model.
        settings: How many workers, and where.
        deadline: When the run ends, once a shard is done; None: never.

    Raises:
        UsageError: The cluster has no room for the workers.
        ModelError: The cluster cannot be reached, or the model not be used.
    """

    checks_deadline = True

    def __init__(
        self, source: ModelSource, settings: Settings, deadline: Deadline | None = None
    ) -> None:
        self._deadline = deadline
        self._ours = cluster.start(settings)
        self._crew: WorkerPool | None = None
        self.usage = Usage()
        self.doubts = 0
        self._avoided: frozenset[str] | None = None
        try:
            self._crew = WorkerPool(source, cluster.divide(settings))
        except BaseException:
            self.close()
            raise
        facts = self._crew.facts
        self.fingerprint, self.supports = facts.fingerprint, facts.supports
        self.by_sample, self.forecast_basis = facts.by_sample, facts.forecast_basis
        self._described: dict[int, Mapping[str, object]] = {0: facts.described}

    def describe(self) -> Mapping[str, object]:
        """What the workers say; a list of their values where they differ. And the executor."""
        division = self._open.division
        return {
            **merge(list(self._described.values())),
            "executor": {
                "name": "ray",
                "workers": division.workers,
                "cpus_per_worker": division.cpus,
                "gpus_per_worker": division.gpus,
                "workers_replaced": self._open.deaths,
            },
        }

    def check(self, requests: Sequence[Request]) -> None:
        """One worker's, whose model is everyone's.

        Raises:
            HarnessError: What the backend raises there.
        """
        get(self._open.workers[0].check.remote(list(requests)))

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        """Answers each request once, shard by shard.

        Raises:
            TimeIsUpError: The run's time is up after a shard that is not the last.
        """
        left = len(requests)
        crew = self._open
        for place, done in crew.answers(sharding.cut(requests, crew.size)):
            self.usage = add(self.usage, done.usage)
            self._described[place] = done.described
            self._doubt(done)
            yield from done.answers
            left -= len(done.answers)
            if self._deadline is not None and left:
                self._deadline.check()

    def _doubt(self, done: Done) -> None:
        """All is asked again where one worker used a path that another saw to be wrong.

        ``_avoided`` is what all shards avoided since that last happened.
        """
        self.doubts += done.doubts
        avoided = done.wrong_paths if self._avoided is None else self._avoided & done.wrong_paths
        differ = avoided != self._open.wrong_paths
        self.doubts += differ
        self._avoided = None if differ else avoided

    def forecast(self, requests: Sequence[KeyedRequest]) -> Usage | None:
        """One worker's, as if it answered all; what shards cannot share is not in it."""
        found = get(self._open.workers[0].forecast.remote(list(requests)))
        assert found is None or isinstance(found, Usage)
        return found

    def close(self) -> None:
        """Ends the workers, and Ray where it was started for them."""
        if self._crew is not None:
            self._crew.close()
            self._crew = None
        if self._ours:
            self._ours = False
            cluster.stop()

    @property
    def _open(self) -> WorkerPool:
        assert self._crew is not None, "the backend is closed"
        return self._crew


def merge(described: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One description: the value where all workers agree, else the list of theirs."""
    merged: dict[str, Any] = {}
    for name in {name: None for each in described for name in each}:
        values = [each.get(name) for each in described]
        merged[name] = values[0] if all(value == values[0] for value in values) else values
    return merged
