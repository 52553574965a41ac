"""What a run would request and cost: from its plan; its time from running a small part."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.planned import Plan, TaskPlan
from harness.protocols import FollowUp, ModelBackend, forecast_basis_of, forecast_of
from harness.run import scheduler
from harness.run.cache import ResponseStore
from harness.run.rounds import later_rounds
from harness.run.rounds.roles import Roles
from harness.run.rounds.usage import spent as spent_by
from harness.types import KeyedRequest, Usage

ROUND_SECONDS = 4.0
FIRST_ROUND = 8
MOST = 0.1
"""Share of the requests that are run to estimate the time of all, where that is over 56."""
_LEAST = 7 * FIRST_ROUND


@dataclass(frozen=True, slots=True)
class Share:
    """What a task's samples, or a probe's variants of them, ask.

    Attributes:
        task: The task's name.
        probe: None for the samples themselves.
        items: Samples or variants.
        requests: Their requests.
        skipped: Reason → number of variants that are not requested.
    """

    task: str
    probe: str | None
    items: int
    requests: int
    skipped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Later:
    """The most that a role is asked in a later round, where every answer is as long as it may be.

    Attributes:
        round: Its number, from 2 (1 where a task has no first request).
        role: Who is asked.
        model: What the user calls its model.
        requests: Requests, equal ones included.
        usage: What they cost; None where the backend cannot say.
    """

    round: int
    role: str
    model: str
    requests: int
    usage: Usage | None


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
        basis: How tokens are counted, where that is an estimate.
        pace: How long it takes; None where that was not measured.
        later: What rounds after the first ask at most, by round and role; ``requests``, ``usage``
            and ``pace`` are of the first alone.
    """

    shares: tuple[Share, ...]
    requests: int
    distinct: int
    stored: int
    usage: Usage | None
    plain: Usage | None
    basis: str | None = None
    pace: Pace | None = None
    later: tuple[Later, ...] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """What asking some of a plan's requests took.

    Attributes:
        requests: Number of requests run; their answers are in the response store.
        seconds: From the first to the last.
        spent: What they cost.
        rest: Seconds that the others will take at the pace of the last round.
    """

    requests: int
    seconds: float
    spent: Usage
    rest: float


def of(
    plan: Plan, backend: ModelBackend, store: ResponseStore, roles: Roles | None = None
) -> Forecast:
    """Counts without asking anything; ``roles`` are those of whom later rounds ask."""
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
        basis=forecast_basis_of(backend),
        later=() if roles is None else tuple(_later(plan, roles)),
    )


def _later(plan: Plan, roles: Roles) -> Iterator[Later]:
    asked: dict[tuple[int, str], list[KeyedRequest]] = {}
    for task in plan.tasks:
        for planned in task.planned if isinstance(task.task, FollowUp) else ():
            rounds = later_rounds.bound(planned)
            before = 1 if planned.requests else 0
            for number, each in enumerate(rounds[before:], start=before + 1):
                for ask in each.asks:
                    of_role = asked.setdefault((number, ask.role), [])
                    key = f"{number}.{len(of_role)}"
                    of_role.append(
                        KeyedRequest(key, ask.request, task.task.name, planned.sample.id)
                    )
    for (number, role), requests in sorted(asked.items()):
        answerer = roles.answerer(role)
        usage = _usage(answerer.backend, requests)
        yield Later(number, role, answerer.config.model, len(requests), usage)


def measure_pace(plan: Plan, backend: ModelBackend, store: ResponseStore, seed: int) -> Pace | None:
    """Runs some of the plan's open requests, drawn at random, to estimate how long the rest takes.

    Rounds double in size until one takes ``ROUND_SECONDS`` or the share ``MOST`` is run, so that
    a slow model gets few requests, and a fast one, or one that answers many at a time, enough to be
    at its pace. There are two rounds at least, as the first warms up. The time of the rest is that
    of the last round in the ratio of their tokens, after sharing; completions are taken to be as
    long as those seen. Small batches use a model less well: the estimate errs to the high side.

    Returns:
        None where every answer is in the store already.
    """
    pending, _ = _pending(list(plan.requests()), backend, store)
    if not pending:
        return None
    random.Random(seed).shuffle(pending)
    before, started = backend.usage, time.perf_counter()
    asked, size, per_unit = 0, FIRST_ROUND, 0.0
    while asked < len(pending):
        batch = pending[asked : asked + size]
        round_before, round_started = backend.usage, time.perf_counter()
        for _ in scheduler.answers(batch, backend, store):
            pass
        seconds = time.perf_counter() - round_started
        per_unit = seconds / _work(spent_by(round_before, backend.usage), len(batch))
        asked, size = asked + len(batch), size * 2
        warm = asked > FIRST_ROUND
        if warm and (seconds >= ROUND_SECONDS or asked >= max(_LEAST, MOST * len(pending))):
            break
    spent = spent_by(before, backend.usage)
    rest = _expected_work(backend, pending[asked:], spent, asked)
    return Pace(asked, time.perf_counter() - started, spent, per_unit * rest)


def _work(usage: Usage, requests: int) -> float:
    """What time goes with: computed tokens, or requests where none are counted."""
    return usage.computed_tokens or requests


def _expected_work(
    backend: ModelBackend, rest: list[KeyedRequest], spent: Usage, asked: int
) -> float:
    expected = _usage(backend, rest)
    if expected is None or not spent.computed_tokens:
        return _work(spent, asked) * len(rest) / asked
    return expected.computed_tokens + spent.completion_tokens * len(rest) / asked


def _pending(
    requests: list[KeyedRequest], backend: ModelBackend, store: ResponseStore
) -> tuple[list[KeyedRequest], int]:
    distinct = scheduler.unique(requests)
    known = scheduler.stored(distinct, backend, store)
    return [request for request in distinct if request.key not in known], len(known)


def _usage(backend: ModelBackend, requests: list[KeyedRequest]) -> Usage | None:
    usage = forecast_of(backend, requests)
    assert usage is None or isinstance(usage, Usage)
    return usage


def _shares(task: TaskPlan) -> list[Share]:
    shares = []
    for probe in (None, *task.probes):
        items = [planned for planned in task.planned if planned.probe == probe]
        requests = sum(len(planned.requests) for planned in items)
        skipped = task.skipped.get(probe, {}) if probe is not None else {}
        count = sum(each.is_sample for each in items) if probe is None else len(items)
        shares.append(Share(task.task.name, probe, count, requests, skipped))
    return shares
