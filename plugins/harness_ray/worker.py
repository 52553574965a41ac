"""What runs in a worker's process: one copy of the model, opened there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from harness import open_model
from harness.errors import ModelError
from harness.protocols import (
    CanCheck,
    ModelBackend,
    ModelSource,
    answers_by_sample,
    distrust,
    doubts_of,
    forecast_basis_of,
    forecast_of,
    wrong_paths_of,
)
from harness.types import KeyedRequest, Request, Response, Usage


@dataclass(frozen=True, slots=True)
class Facts:
    """What the driver has to know of the model before it asks anything."""

    fingerprint: str
    supports: frozenset[type]
    by_sample: bool
    forecast_basis: str | None
    described: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Done:
    """A shard's answers, what they cost, the worker's description after them, how often the
    model found earlier answers to be wrong meanwhile, and which ways to compute it left for that.
    """

    answers: tuple[tuple[str, Response], ...]
    usage: Usage
    described: Mapping[str, object]
    doubts: int = 0
    wrong_paths: frozenset[str] = frozenset()


class Worker:
    """A Ray actor. Nothing is opened until it is asked: what fails then is an answer, not a death.

    Args:
        source: The model.
    """

    def __init__(self, source: ModelSource) -> None:
        self._source = source
        self._opened: ModelBackend | None = None

    def process(self) -> int:
        """The process id; that it answers means that it has found a place in the cluster."""
        return os.getpid()

    def facts(self) -> Facts:
        """Opens the model.

        Raises:
            HarnessError: It cannot be used here.
        """
        backend = self._backend()
        return Facts(
            backend.fingerprint,
            backend.supports,
            answers_by_sample(backend),
            forecast_basis_of(backend),
            dict(backend.describe()),
        )

    def check(self, requests: Sequence[Request]) -> None:
        """Raises where the backend cannot answer requests of these types all the same."""
        backend = self._backend()
        if isinstance(backend, CanCheck):
            backend.check(requests)

    def forecast(self, requests: Sequence[KeyedRequest]) -> Usage | None:
        """What the backend says that these requests would cost; None where it cannot."""
        return forecast_of(self._backend(), requests)

    def answer(
        self, requests: Sequence[KeyedRequest], fingerprint: str, wrong_paths: frozenset[str]
    ) -> Done:
        """Answers a shard, by none of the paths that other workers saw to be wrong.

        Raises:
            ModelError: The model here is not the one of that fingerprint.
        """
        backend = self._backend()
        if backend.fingerprint != fingerprint:
            raise ModelError(
                f"the workers opened different models under {self._source.options.model!r}",
                "Make the checkpoint and the packages the same on every machine.",
            )
        before, doubts = backend.usage, doubts_of(backend)
        distrust(backend, wrong_paths)
        answers = tuple(backend.run(requests))
        return Done(
            answers,
            subtract(backend.usage, before),
            dict(backend.describe()),
            doubts_of(backend) - doubts,
            wrong_paths | wrong_paths_of(backend),
        )

    def _backend(self) -> ModelBackend:
        if self._opened is None:
            self._opened = open_model(self._source)
        return self._opened


def add(left: Usage, right: Usage) -> Usage:
    """The sum of two costs; a price that only one of them knows is the price."""
    return _combine(left, right, 1)


def subtract(left: Usage, right: Usage) -> Usage:
    """What was spent between two readings."""
    return _combine(left, right, -1)


def _combine(left: Usage, right: Usage, sign: int) -> Usage:
    sums = {
        each.name: getattr(left, each.name) + sign * getattr(right, each.name)
        for each in fields(Usage)
        if each.name != "cost"
    }
    cost = None
    if left.cost is not None or right.cost is not None:
        cost = (left.cost or 0.0) + sign * (right.cost or 0.0)
    return Usage(**sums, cost=cost)
