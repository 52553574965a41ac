"""Attacking a task: every sample's search at once, so that the model sees whole batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.errors import RunFailedError, UsageError
from harness.planned import PlannedSample, TaskPlan
from harness.protocols import ModelBackend
from harness.run import fewshot, planner, scheduler
from harness.run.cache import ResponseStore
from harness.scoring import predictions
from harness.stats import estimates
from harness.types import Estimate, Failed, KeyedRequest, Response, Sample
from harness_probes.attack.search import Attacked, Limits, Outcome, Search, search


@dataclass(frozen=True, slots=True)
class Attack:
    """The attack on one task.

    Attributes:
        task: The task's name.
        attacked: How it ended for each sample.
        measures: As TextAttack reports them, with intervals: ``original_accuracy``,
            ``after_attack_accuracy``, ``success_rate`` and ``queries`` of the samples that were
            right, ``changed_words`` (a share) of those that were made wrong.
    """

    task: str
    attacked: tuple[Attacked, ...]
    measures: Mapping[str, Estimate]


def attack(
    task: TaskPlan, backend: ModelBackend, store: ResponseStore, limits: Limits, seed: int
) -> Attack:
    """Attacks every sample of a task.

    Raises:
        UsageError: The task's answers are no choice among options with probabilities.
        RunFailedError: A request failed.
    """
    asker = _Asker(task, backend, store)
    planned = {item.sample.id: item for item in task.planned if item.probe is None}
    searches: dict[str, Search] = {}
    wanted: dict[str, list[Sample]] = {}
    ended: dict[str, Attacked] = {}
    for name, item in planned.items():
        rng = fewshot.seeded("attack", seed, task.task.name, name)
        searches[name] = search(item.sample, limits, rng)
        wanted[name] = next(searches[name])
    while wanted:
        outcomes = asker.outcomes(wanted, planned)
        wanted = {}
        for name, of_sample in outcomes.items():
            try:
                wanted[name] = searches[name].send(of_sample)
            except StopIteration as end:
                ended[name] = end.value
    attacked = tuple(ended[name] for name in planned)
    clusters = [planned[each.sample.id].sample.cluster for each in attacked]
    return Attack(task.task.name, attacked, measures(attacked, clusters))


class _Asker:
    """Asks about many texts in one call of the backend; what is stored is not asked again."""

    def __init__(self, task: TaskPlan, backend: ModelBackend, store: ResponseStore) -> None:
        self._task, self._backend, self._store = task, backend, store

    def outcomes(
        self, wanted: Mapping[str, Sequence[Sample]], planned: Mapping[str, PlannedSample]
    ) -> dict[str, list[Outcome]]:
        asked = {
            name: [
                planner.ask(self._task.task, sample, planned[name].shots, self._backend)
                for sample in samples
            ]
            for name, samples in wanted.items()
        }
        responses = self._answers(item for items in asked.values() for item in items)
        return {
            name: [self._outcome(item, [responses[key] for key in item.keys]) for item in items]
            for name, items in asked.items()
        }

    def _answers(self, items: Iterable[PlannedSample]) -> dict[str, Response]:
        name = self._task.task.name
        requests = [
            KeyedRequest(key, request, name, item.sample.id)
            for item in items
            for key, request in zip(item.keys, item.requests, strict=True)
        ]
        answers = scheduler.answers(requests, self._backend, self._store)
        return {answer.key: answer.response for answer in answers}

    def _outcome(self, item: PlannedSample, responses: Sequence[Response]) -> Outcome:
        for response in responses:
            if isinstance(response, Failed):
                raise RunFailedError(f"a request of the attack failed: {response.reason}")
        chances = predictions.distribution(item.sample, item.requests, responses)
        targets = item.sample.targets
        if chances is None or len(targets) != 1 or targets[0] not in chances:
            raise UsageError(
                f"{self._task.task.name} is no choice among options with probabilities",
                "The attack reads the model's own probabilities: name a task that scores its "
                "options by log-likelihood or by a classification head.",
            )
        right = predictions.chosen(chances) == targets[0]
        return Outcome(chances[targets[0]], right)


def measures(attacked: Sequence[Attacked], clusters: Sequence[str | None]) -> dict[str, Estimate]:
    """See ``Attack.measures``."""

    def mean(values: Sequence[float], places: Sequence[int]) -> Estimate:
        known = [clusters[place] for place in places] if any(clusters) else None
        return estimates.mean(values, known)

    every = range(len(attacked))
    tried = [place for place in every if attacked[place].right]
    fooled = [place for place in tried if attacked[place].succeeded]
    return {
        "original_accuracy": mean([float(each.right) for each in attacked], every),
        "after_attack_accuracy": mean(
            [float(each.right and not each.succeeded) for each in attacked], every
        ),
        "success_rate": mean([float(attacked[place].succeeded) for place in tried], tried),
        "queries": mean([float(attacked[place].queries) for place in tried], tried),
        "changed_words": mean(
            [attacked[place].changed / attacked[place].words for place in fooled], fooled
        ),
    }
