"""Attacking a task: every sample's search at once, so that the model sees whole batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness import PlannedSample, TaskPlan, ask
from harness.authoring.measures import predictions
from harness.errors import RunFailedError, UsageError, plugin_call
from harness.protocols import ModelBackend
from harness.stats import estimates
from harness.stats.seeding import seeded
from harness.types import Estimate, Failed, Request, Response, Sample, SampleRecord
from harness_probes.attack.search import Attacked, Limits, Outcome, Search, search

ATTACK = "attack"
"""Stands in records for the probe that a text is a variant of."""


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
    records: Mapping[str, SampleRecord] = field(default_factory=dict)
    """Sample → what was asked about the text that made the model wrong, and what it answered."""


def attack(
    task: TaskPlan, backend: ModelBackend, limits: Limits, seed: int, cache: bool = True
) -> Attack:
    """Attacks every sample of a task.

    Args:
        task: The samples, and who asks about them.
        backend: The open model.
        limits: What the search may do.
        seed: Of the changes that are tried.
        cache: Whether the response store is used.

    Raises:
        UsageError: The task's answers are no choice among options with probabilities, or the
            model's answers do not depend on the text.
        RunFailedError: A request failed.
    """
    if getattr(backend, "by_sample", False):
        raise UsageError(
            "saved outputs answer the original samples alone, so an attack has nothing to ask",
            "Name a model.",
        )
    asker = _Asker(task, backend, cache)
    planned = {item.sample.id: item for item in task.planned if item.probe is None}
    searches: dict[str, Search] = {}
    wanted: dict[str, list[Sample]] = {}
    ended: dict[str, Attacked] = {}
    for name, item in planned.items():
        rng = seeded("attack", seed, task.task.name, name)
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
    fooled = {each.sample.id: each for each in attacked if each.succeeded}
    records = asker.records(fooled, planned)
    return Attack(task.task.name, attacked, measures(attacked, clusters), records)


class _Asker:
    """Asks about many texts in one call of the backend; what is stored is not asked again."""

    def __init__(self, task: TaskPlan, backend: ModelBackend, cache: bool) -> None:
        self._task, self._backend, self._cache = task, backend, cache

    def outcomes(
        self, wanted: Mapping[str, Sequence[Sample]], planned: Mapping[str, PlannedSample]
    ) -> dict[str, list[Outcome]]:
        texts = [(name, sample) for name, samples in wanted.items() for sample in samples]
        asked = [self._requests(sample, planned[name].shots) for name, sample in texts]
        pairs = zip(texts, asked, strict=True)
        named = [(name, request) for (name, _), requests in pairs for request in requests]
        responses = iter(self._answers(named))
        found: dict[str, list[Outcome]] = {name: [] for name in wanted}
        for (name, sample), requests in zip(texts, asked, strict=True):
            found[name].append(self._outcome(sample, requests, [next(responses) for _ in requests]))
        return found

    def records(
        self, fooled: Mapping[str, Attacked], planned: Mapping[str, PlannedSample]
    ) -> dict[str, SampleRecord]:
        """What was asked about the last texts, and the answers, as a run keeps its samples."""
        variants = {name: replace(each.sample, input=each.text) for name, each in fooled.items()}
        asked = {
            name: tuple(self._requests(sample, planned[name].shots))
            for name, sample in variants.items()
        }
        responses = iter(self._answers([(name, each) for name in asked for each in asked[name]]))
        answers = {name: tuple(next(responses) for _ in asked[name]) for name in asked}
        return {
            name: SampleRecord(variants[name], asked[name], answers[name], {}, probe=ATTACK)
            for name in asked
        }

    def _answers(self, asked: Sequence[tuple[str, Request]]) -> list[Response]:
        """Of (sample id, request) pairs, in one call."""
        return ask(
            self._backend,
            [request for _, request in asked],
            task=self._task.task.name,
            sample_ids=[name for name, _ in asked],
            cache=self._cache,
        )

    def _requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:
        task = self._task.task
        with plugin_call(task, f"task {task.name!r} failed to ask about sample {sample.id!r}"):
            return task.requests(sample, shots)

    def _outcome(
        self, sample: Sample, requests: Sequence[Request], responses: Sequence[Response]
    ) -> Outcome:
        for response in responses:
            if isinstance(response, Failed):
                raise RunFailedError(f"a request of the attack failed: {response.reason}")
        chances = predictions.distribution(sample, requests, responses)
        targets = sample.targets
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
