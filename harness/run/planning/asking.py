"""What is asked about one sample: the original, its repeats, and the probes' variants."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.errors import UsageError, plugin_call
from harness.planned import AS_IT_IS, PlannedSample, Prompting
from harness.protocols import AsksInTurns, ModelBackend, Probe, Task, follows_up, tasks_of
from harness.run import scheduler
from harness.stats.seeding import seeded
from harness.types import Generate, Request, Sample, Skipped

UNCHANGED = "unchanged"
"""Why a variant is skipped that asks the model what the original asks."""


@dataclass(slots=True)
class Asker:
    """Makes the requests about the samples of one task.

    Attributes:
        task: Whose samples.
        probes: Name → what makes variants of each.
        backend: Who is to answer.
        prompting: What the user has put around every prompt.
        seed: The run's seed.
        repeats: How often each sample is asked.
        skipped: Probe → reason → variants that are not asked; counted as samples are planned.
    """

    task: Task
    probes: Mapping[str, Probe]
    backend: ModelBackend
    prompting: Prompting
    seed: int
    repeats: int
    skipped: dict[str, Counter[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.skipped = {name: Counter() for name in self.probes}

    def all_about(self, sample: Sample, shots: Sequence[Sample]) -> Iterator[PlannedSample]:
        """The sample, its repeats and its variants, after solved examples."""
        original = ask(self.task, sample, shots, self.backend, self.prompting)
        yield original
        yield from self._repeated(original)
        yield from self._varied(original)

    def _repeated(self, original: PlannedSample) -> Iterator[PlannedSample]:
        """Further answers to the same question, unless nothing in it can be drawn anew."""
        for number in range(1, self.repeats):
            anew = replace(self.prompting, repeat=number)
            again = ask(self.task, original.sample, original.shots, self.backend, anew)
            same = sorted(again.keys) == sorted(original.keys)
            if same and not follows_up(original.task):
                return
            yield again

    def _varied(self, original: PlannedSample) -> Iterator[PlannedSample]:
        """What the probes ask in its place; variants that ask nothing new are counted."""
        sample = original.sample
        for name, probe in self.probes.items():
            rng = seeded("probe", name, self.seed, self.task.name, sample.id)
            for number, task, variant in _variants(probe, self.task, sample, rng):
                if isinstance(variant, Skipped):
                    self.skipped[name][variant.reason] += 1
                    continue
                asked = ask(task, variant, original.shots, self.backend, self.prompting)
                if sorted(asked.keys) == sorted(original.keys):
                    self.skipped[name][UNCHANGED] += 1
                else:
                    yield replace(asked, probe=name, variant=number)


def _variants(
    probe: Probe, task: Task, sample: Sample, rng: random.Random
) -> Iterator[tuple[int, Task, Sample | Skipped]]:
    """(number, the task that asks it, variant) of everything a probe makes of a sample."""
    tasks = tasks_of(probe)
    for number, other in enumerate(tasks):
        yield number, other, sample
    with plugin_call(probe, f"probe {probe.name!r} failed on sample {sample.id!r} of {task.name}"):
        variants = list(probe.perturb(sample, rng))
    for number, variant in enumerate(variants, start=len(tasks)):
        if variant is not None:
            yield number, task, variant


def ask(
    task: Task,
    sample: Sample,
    shots: Sequence[Sample],
    backend: ModelBackend,
    prompting: Prompting = AS_IT_IS,
) -> PlannedSample:
    """What a task asks about a sample, each request with its key.

    Args:
        task: Makes the requests.
        sample: What they are about.
        shots: Solved examples before it.
        backend: Who is to answer.
        prompting: What the user has put around every prompt.

    Raises:
        UsageError: The backend cannot answer one.
    """
    with plugin_call(task, f"task {task.name!r} failed to ask about sample {sample.id!r}"):
        method = _requests_in_turns(task) if prompting.turns else task.requests
        requests = tuple(map(prompting.applied, method(sample, shots)))
    scheduler.check_supported(backend, requests, task.name)
    first = prompting.repeat * len(requests)
    keys = tuple(
        scheduler.key_of(backend, task.name, sample.id, index, request)
        for index, request in enumerate(requests, start=first)
    )
    return PlannedSample(task, sample, requests, keys, shots=tuple(shots), prompting=prompting)


def _requests_in_turns(task: Task) -> Callable[[Sample, Sequence[Sample]], Sequence[Request]]:
    if isinstance(task, AsksInTurns):
        return task.requests_in_turns
    raise UsageError(
        f"{task.name} cannot show solved examples as turns of a conversation",
        f"Leave out --set {task.name}.fewshot_style=turns.",
    )


# --------------------------------------------------------------------------- notes


def notes_on_repeats(planned: Sequence[PlannedSample], samples: int) -> Iterator[str]:
    """What a reader must know of how often samples were asked."""
    again = [each for each in planned if each.repeat]
    once = samples - len({each.sample.id for each in again})
    if once:
        yield f"{once:,} of {samples:,} samples have nothing to be drawn anew, and were asked once"
    drawn = [each for asked in again for each in asked.requests if isinstance(each, Generate)]
    if drawn and all(each.sampling.temperature == 0 for each in drawn):
        yield (
            "answers are the likeliest, not drawn: repeats differ only as far as the model gives "
            "other answers to the same question; --temperature draws"
        )


def notes_on_equal_variants(planned: Sequence[PlannedSample], samples: int) -> Iterator[str]:
    """A note on each probe of which several variants of a sample ask the same."""
    seen: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    equal: dict[str, set[str]] = {}
    for each in planned:
        if each.probe is None:
            continue
        known = seen.setdefault((each.probe, each.sample.id), set())
        if each.keys in known:
            equal.setdefault(each.probe, set()).add(each.sample.id)
        known.add(each.keys)
    for probe, names in equal.items():
        yield (
            f"{probe}: on {len(names):,} of {samples:,} samples several of its variants are the "
            "same text"
        )
