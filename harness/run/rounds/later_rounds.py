"""What a task asks in the rounds after the first, and how much that is at most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.errors import PluginError, UsageError, plugin_call
from harness.planned import Plan, PlannedSample, TaskPlan
from harness.protocols import BoundsRounds, CanMatch, FollowUp, NeedsRoles, Task
from harness.run import scheduler
from harness.run.rounds.roles import Roles, missing
from harness.types import (
    MODEL,
    Ask,
    Classify,
    ClassProbs,
    Completion,
    Embed,
    Embedding,
    ExtractAnswer,
    Failed,
    Generate,
    KeyedRequest,
    Logprob,
    Request,
    Response,
    Round,
)

MOST_ROUNDS = 1000
"""A task that still asks after so many rounds of a sample is taken never to end."""


def first_round(planned: PlannedSample, responses: Sequence[Response]) -> tuple[Round, ...]:
    """Round 1; none where it is empty."""
    if not planned.requests:
        return ()
    return (Round(tuple(Ask(MODEL, each) for each in planned.requests), tuple(responses)),)


def asks_after(
    planned: PlannedSample, rounds: Sequence[Round], *, most: bool = False
) -> tuple[Ask, ...]:
    """What the sample's task asks next; nothing where it is done, or where a request failed.

    Args:
        planned: The sample.
        rounds: The rounds so far.
        most: What it asks at most, where ``rounds`` hold filler.

    Raises:
        PluginError: The task raised, gave something else, or does not end.
    """
    task = planned.task
    if not isinstance(task, FollowUp):
        return ()
    if any(isinstance(each, Failed) for one in rounds for each in one.responses):
        return ()
    method = task.most if most and isinstance(task, BoundsRounds) else task.follow_up
    failure = f"task {task.name!r} failed to follow up on sample {planned.sample.id!r}"
    with plugin_call(task, failure):
        asks = tuple(method(planned.sample, rounds))
        given = [each for each in asks if not isinstance(each, Ask)]
        if given:
            raise TypeError(f"{given[0]!r:.100} is no harness.types.Ask")
    if asks and len(rounds) >= MOST_ROUNDS:
        raise PluginError(f"{failure}: it still asks after {MOST_ROUNDS:,} rounds")
    return tuple(
        Ask(MODEL, planned.prompting.applied(each.request)) if each.role == MODEL else each
        for each in asks
    )


def places(asks: Sequence[Ask], rounds: Sequence[Round]) -> Iterator[int]:
    """Of each request its place among those that its role got about the sample, from 0."""
    counts: dict[str, int] = {}
    for one in rounds:
        for each in one.asks:
            counts[each.role] = counts.get(each.role, 0) + 1
    for each in asks:
        place = counts.get(each.role, 0)
        counts[each.role] = place + 1
        yield place


def bound(planned: PlannedSample) -> tuple[Round, ...]:
    """The rounds that a sample has at most, answered with filler of the greatest length."""
    rounds = first_round(planned, [filler(each) for each in planned.requests])
    while asks := asks_after(planned, rounds, most=True):
        rounds = (*rounds, Round(asks, tuple(filler(each.request) for each in asks)))
    return rounds


def bounded_requests(planned: PlannedSample, role: str) -> list[KeyedRequest]:
    """The most that a role is asked about a sample, over all rounds; keys are places."""
    rounds = bound(planned)
    asked = [each.request for one in rounds for each in one.asks if each.role == role]
    return [
        KeyedRequest(str(place), each, planned.task.name, planned.sample.id, place, more=True)
        for place, each in enumerate(asked)
    ]


def filler(request: Request) -> Response:
    """An answer of the greatest length."""
    match request:
        case Generate(sampling=sampling):
            tokens = sampling.max_tokens  # in most vocabularies the word is one token
            return Completion(" the" * tokens, "length", tokens)
        case ExtractAnswer(context=context):
            return Completion(context)
        case Classify(labels=labels):
            return ClassProbs((1 / len(labels),) * len(labels))
        case Embed():
            return Embedding((1.0,))
        case _:
            return Logprob(-1.0, 1, False)


def open_roles(task: Task, roles: Roles) -> None:
    """Opens the models of the roles that the task needs.

    Raises:
        UsageError: No model is named for one.
    """
    for role in task.roles if isinstance(task, NeedsRoles) else ():
        if role not in roles:
            raise missing(role, task.name)
        roles.answerer(role)


def prepared(plan: Plan, roles: Roles) -> Plan:
    """Finds what keeps later rounds from being asked, before the first is.

    Returns:
        The plan, with what models that answer by sample say of how their answers fit.

    Raises:
        UsageError: A role has no model, or one that cannot answer what it will be asked.
        HarnessError: Answers that belong to samples do not fit these.
    """
    tasks = [each for each in plan.tasks if isinstance(each.task, FollowUp)]
    for task in tasks:
        for one in bound(task.planned[0])[1:]:
            for ask in one.asks:
                check_answers(ask, roles, task.task.name)
        _refuse_saved_repeats(task, roles)
    for role, answerer in roles.opened.items():
        if isinstance(answerer.backend, CanMatch):
            plan = _matched(plan, role, answerer.backend)
    return plan


def _refuse_saved_repeats(task: TaskPlan, roles: Roles) -> None:
    """Saved answers stand in a list of a sample: by round, or by repeat, and not by both."""
    if not any(planned.repeat for planned in task.planned):
        return
    saved = next((role for role in (MODEL, *roles.opened) if roles[role].by_sample), None)
    if saved is not None:
        raise UsageError(
            f"--repeats asks {task.task.name} several times, and the {saved}'s answers are saved "
            "ones, which do not say of which repeat and round they are",
            "Leave out --repeats, or name a model.",
        )


def check_answers(ask: Ask, roles: Roles, task: str) -> None:
    """Refuses a request whose role has no model, or one that does not answer such requests.

    Raises:
        UsageError: It has none.
    """
    if ask.role not in roles:
        raise missing(ask.role, task)
    answerer = roles.answerer(ask.role)
    scheduler.check_supported(answerer.backend, [ask.request], task, answerer.config.model)


def _matched(plan: Plan, role: str, backend: CanMatch) -> Plan:
    found = {
        task.task.name: [
            request for planned in task.planned for request in bounded_requests(planned, role)
        ]
        for task in plan.tasks
        if isinstance(task.task, FollowUp)
    }
    asked = {name: requests for name, requests in found.items() if requests}
    every = {task.task.name: task.every for task in plan.tasks if task.task.name in asked}
    notes = backend.match(every, [request for each in asked.values() for request in each])
    return Plan(
        tuple(
            replace(
                each,
                notes=(*each.notes, *(f"{role}: {n}" for n in notes.get(each.task.name, ()))),
            )
            for each in plan.tasks
        )
    )
