"""What a run would ask and cost, from its plan alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness import scheduler
from harness.plan import Plan, TaskPlan
from harness.protocols import ModelBackend
from harness.responses import ResponseStore
from harness.types import KeyedRequest, Usage


@dataclass(frozen=True, slots=True)
class Share:
    """What a task's samples, or a probe's variants of them, ask.

    Attributes:
        task: The task's name.
        probe: None for the samples themselves.
        items: Samples or variants.
        requests: Their requests.
        skipped: Reason → variants not asked.
    """

    task: str
    probe: str | None
    items: int
    requests: int
    skipped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Forecast:
    """All that a run asks.

    Attributes:
        shares: A part a task and probe, in the order of the plan.
        requests: Requests, equal ones included.
        distinct: Different requests.
        stored: Those whose answer is in the response store.
        usage: What the rest costs; None where the backend cannot say.
        plain: The same without the probes' variants; None without probes.
    """

    shares: tuple[Share, ...]
    requests: int
    distinct: int
    stored: int
    usage: Usage | None
    plain: Usage | None


def of(plan: Plan, backend: ModelBackend, store: ResponseStore) -> Forecast:
    """Counts without asking anything."""
    every = list(plan.requests())
    pending, stored = _pending(every, backend, store)
    originals = [
        KeyedRequest(key, request, task.task.name, planned.sample.id)
        for task in plan.tasks
        for planned in task.planned
        if planned.probe is None
        for key, request in zip(planned.keys, planned.requests, strict=True)
    ]
    probed = len(originals) < len(every)
    return Forecast(
        shares=tuple(share for task in plan.tasks for share in _shares(task)),
        requests=len(every),
        distinct=len(scheduler.unique(every)),
        stored=stored,
        usage=_usage(backend, pending),
        plain=_usage(backend, _pending(originals, backend, store)[0]) if probed else None,
    )


def _pending(
    requests: list[KeyedRequest], backend: ModelBackend, store: ResponseStore
) -> tuple[list[KeyedRequest], int]:
    distinct = scheduler.unique(requests)
    known = store.get_many(backend.fingerprint, [request.key for request in distinct])
    return [request for request in distinct if request.key not in known], len(known)


def _usage(backend: ModelBackend, requests: list[KeyedRequest]) -> Usage | None:
    forecast = getattr(backend, "forecast", None)
    if forecast is None:
        return None
    usage = forecast(requests)
    assert isinstance(usage, Usage)
    return usage


def _shares(task: TaskPlan) -> list[Share]:
    shares = []
    for probe in (None, *task.probes):
        items = [planned for planned in task.planned if planned.probe == probe]
        requests = sum(len(planned.requests) for planned in items)
        skipped = task.skipped.get(probe, {}) if probe is not None else {}
        shares.append(Share(task.task.name, probe, len(items), requests, skipped))
    return shares
