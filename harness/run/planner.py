"""From a run's spec to its plan: reads the data and makes every request."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from harness.authoring.readers import rows, sources
from harness.config import RunSpec
from harness.errors import DataError, UnknownNameError, UsageError, plugin_call
from harness.planned import AS_IT_IS, Plan, PlannedSample, Prompting, TaskPlan
from harness.plugins import Registry
from harness.protocols import (
    AsksInTurns,
    CanCheck,
    CanMatch,
    DeclaresScoring,
    FollowUp,
    ModelBackend,
    Preparing,
    Probe,
    ProbeOptions,
    ProbeSpec,
    Task,
    TaskOptions,
    TaskSpec,
    answers_by_sample,
    option_names,
    settings_of,
    tasks_of,
)
from harness.run import datasets, fewshot, sampling, scheduler
from harness.run.other_models import OtherModels
from harness.run.rounds import later_rounds
from harness.run.rounds.roles import Roles
from harness.run.watching.phases import OnPhase, Phase
from harness.scoring.added_metrics import Adding
from harness.stats.seeding import seeded
from harness.types import DataSource, Generate, Request, Sample, Skipped

COMMON_OPTIONS = {
    "template": "name of the prompt template",
    "num_fewshot": "solved examples before each question, for this task",
    "fewshot": "`fixed` (the same examples for every sample) or `per_sample`",
    "shots": "file with few-shot examples, in the task's own format",
    "columns": "the data's names for the task's fields: FIELD:COLUMN, separated by commas",
    "thinking_tokens": "further tokens of each generated answer, for what a model thinks before it",
    "fewshot_style": "examples as one `text` with the question, or as `turns` of a conversation",
    "system": "what the system says before every prompt, for this task",
    "temperature": "of generated answers, for this task",
    "top_p": "likewise: the share of probability that is drawn from",
    "prefill": "what the assistant's answer begins with",
}
"""Options that every task has: ``--set TASK.KEY=VALUE``."""

UNCHANGED = "unchanged"
"""Why a variant is skipped that asks the model what the original asks."""


def build(
    spec: RunSpec,
    registry: Registry,
    backend: ModelBackend,
    stored_only: bool = False,
    roles: Roles | None = None,
    on_phase: OnPhase = lambda _: None,
) -> Plan:
    """Reads the data and makes every request of a run.

    Args:
        spec: The run.
        registry: The loaded plugins.
        backend: The run's model.
        stored_only: Do not run other models for probes' variants; take only stored ones.
        roles: The models of other roles; None closes those that tasks look at when it returns.
        on_phase: Called as tasks are read and their probes prepared.

    Raises:
        UsageError: A name or option does not exist, or the backend cannot answer a request.
        HarnessError: What the backend's ``check`` of the requests raises.
        DataError: A data file is missing, malformed, empty or has an id twice.
    """
    specs, left_out = datasets.having_data(registry, spec.tasks, spec.data, spec.task_settings)
    adding = Adding(spec.metrics, registry.metrics)
    specs = [adding.spec(each) for each in specs]
    probes = registry.select_probes(spec.probes)
    if probes and answers_by_sample(backend):
        raise UsageError(
            "saved outputs answer the original samples alone, so probes have nothing to ask",
            "Leave out --probes, or name a model.",
        )
    datasets.check_names(spec.data, specs, "--data")
    datasets.check_names(spec.task_settings, [*specs, *probes], "--set", registry.task_sources)
    datasets.check_names(spec.templates, specs, "[tasks]")
    located = [(each, sources.resolve(each, spec.data)) for each in specs]
    with (
        OtherModels(spec.model_config, registry, backend, stored_only) as others,
        ExitStack() as own,
    ):
        if roles is None:
            roles = own.enter_context(Roles(spec, registry, backend))
        tasks: list[TaskPlan] = []
        for each, source in located:
            on_phase(Phase("reading", len(tasks), len(located), each.name))
            tasks.append(_plan_task(spec, each, source, probes, backend, others, roles, on_phase))
        adding.check()
        tasks = _with_notes_on_groups(tasks, spec.group_by)
        plan = Plan(tuple(replace(each, notes=each.notes + left_out) for each in tasks))
        plan = later_rounds.prepared(matched(plan, backend), roles)
        unused = [role for role in spec.roles if role not in roles.opened]
        notes = tuple(f"a model is named for the {role}, and no task asks it" for role in unused)
        plan = Plan(tuple(replace(each, notes=each.notes + notes) for each in plan.tasks))
    if isinstance(backend, CanCheck):
        backend.check([keyed.request for keyed in plan.requests()])
    return plan


def matched(plan: Plan, backend: ModelBackend) -> Plan:
    """The plan with what a backend that answers by sample says of how its answers fit.

    Raises:
        HarnessError: They do not fit.
    """
    if not isinstance(backend, CanMatch):
        return plan
    every = {each.task.name: each.every for each in plan.tasks}
    notes = backend.match(every, list(plan.requests()))
    return Plan(
        tuple(
            replace(each, notes=(*each.notes, *notes.get(each.task.name, ())))
            for each in plan.tasks
        )
    )


def _plan_task(
    spec: RunSpec,
    task_spec: TaskSpec,
    source: DataSource,
    probe_specs: Sequence[ProbeSpec],
    backend: ModelBackend,
    others: OtherModels,
    roles: Roles,
    on_phase: OnPhase,
) -> TaskPlan:
    known = (*option_names(task_spec.options), *COMMON_OPTIONS)
    options = {**task_spec.defaults, **_checked_options(spec, task_spec.name, known)}
    task, probes = _opened(spec, task_spec, options, probe_specs, backend, roles)
    source = _with_columns(source, options.get("columns"))
    with plugin_call(task, f"task {task.name!r} failed to read its data"):
        read = list(task.samples(source))
    every = [_grouped(each, spec.group_by) for each in read]
    _check_samples(task.name, source, every)
    samples, chosen = sampling.choose(every, spec.limit, spec.sample, spec.seed, task.name)
    if probes:
        on_phase(Phase("preparing probes", 0, len(samples), task.name))
    probes = {name: _prepared(probe, samples, task, others) for name, probe in probes.items()}
    shots = _ShotDrawer(spec, task_spec, task, source, options, samples)
    prompting = _prompting(spec, task_spec.name, options)
    planned: list[PlannedSample] = []
    skipped: dict[str, Counter[str]] = {name: Counter() for name in probes}
    for done, sample in enumerate(samples):
        if probes:
            on_phase(Phase("preparing probes", done, len(samples), task.name))
        asking = partial(ask, shots=shots.draw(sample), backend=backend, prompting=prompting)
        original = asking(task, sample)
        again = _repeated(original, partial(asking, task, sample), prompting, spec.repeats)
        planned += (original, *again)
        planned += _asked_variants(spec, task, original, probes, asking, skipped)
    stated = settings_of(task)
    scored_by = task.scored_by if isinstance(task, DeclaresScoring) else stated
    settings = {**stated, **shots.settings}
    if len(samples) < len(every):
        settings["samples"] = chosen
    settings |= prompting.settings
    for name, probe in probes.items():
        settings |= {f"{name}.{key}": value for key, value in settings_of(probe).items()}
    notes = (datasets.SAMPLE_NOTE,) if source.kind == "sample" else ()
    if len(samples) < len(every):
        notes = (*notes, f"scored: {chosen}")
    notes = (*notes, *shots.notes, *_equal_variants(planned, len(samples)))
    if spec.repeats > 1:
        settings["repeats"] = str(spec.repeats)
        notes = (*notes, *_on_repeats(planned, len(samples)))
    return TaskPlan(
        task=task,
        spec=task_spec,
        source=source,
        data_sha256=datasets.fingerprint(source, samples),
        planned=tuple(planned),
        probes=probes,
        skipped=skipped,
        settings=settings,
        scored_by=tuple(name for name in stated if name in scored_by),
        notes=notes,
        every=tuple(each.id for each in every),
        repeats=spec.repeats,
        reducers=spec.reducers or _reducers(spec.repeats),
        metric_reducers=spec.reducers if spec.repeats > 1 else (),
    )


def _repeated(
    original: PlannedSample,
    asking: Callable[..., PlannedSample],
    prompting: Prompting,
    repeats: int,
) -> Iterator[PlannedSample]:
    """Further answers to a sample's question, unless nothing in it can be drawn anew."""
    for number in range(1, repeats):
        again = asking(prompting=replace(prompting, repeat=number))
        if sorted(again.keys) == sorted(original.keys) and not isinstance(original.task, FollowUp):
            return
        yield again


def _on_repeats(planned: Sequence[PlannedSample], samples: int) -> Iterator[str]:
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


def _reducers(repeats: int) -> tuple[str, ...]:
    """What is computed of repeats where the user does not say."""
    return ("at_least_one", f"pass^{repeats}", "majority") if repeats > 1 else ()


def _opened(
    spec: RunSpec,
    task_spec: TaskSpec,
    options: Mapping[str, str],
    probe_specs: Sequence[ProbeSpec],
    backend: ModelBackend,
    roles: Roles,
) -> tuple[Task, dict[str, Probe]]:
    """The task and the probes, with what the user set for each."""
    declared = option_names(task_spec.options)
    taken = {"template", *declared}
    own = {
        key: value for key, value in options.items() if key not in COMMON_OPTIONS or key in taken
    }
    if "num_fewshot" in declared and spec.num_fewshot:
        own.setdefault("num_fewshot", str(spec.num_fewshot))
    templates = spec.templates.get(task_spec.name, {})
    task_options = TaskOptions(
        own, backend.supports, templates, spec.seed, roles, spec.allow_unsafe_code
    )
    task = task_spec.open(task_options)
    later_rounds.open_roles(task, roles)
    probes: dict[str, Probe] = {}
    for each in probe_specs:
        values = _checked_options(spec, each.name, option_names(each.options))
        probes[each.name] = each.open(ProbeOptions(values, task_spec, task_options))
    return task, probes


def _asked_variants(
    spec: RunSpec,
    task: Task,
    original: PlannedSample,
    probes: Mapping[str, Probe],
    asking: Callable[[Task, Sample], PlannedSample],
    skipped: Mapping[str, Counter[str]],
) -> Iterator[PlannedSample]:
    """What the probes ask in place of the original; ``skipped`` counts what asks nothing new."""
    sample = original.sample
    for name, probe in probes.items():
        rng = seeded("probe", name, spec.seed, task.name, sample.id)
        for number, asker, variant in _variants(probe, task, sample, rng):
            if isinstance(variant, Skipped):
                skipped[name][variant.reason] += 1
                continue
            asked = asking(asker, variant)
            if sorted(asked.keys) == sorted(original.keys):
                skipped[name][UNCHANGED] += 1
            else:
                yield replace(asked, probe=name, variant=number)


def _with_columns(source: DataSource, text: str | None) -> DataSource:
    return source if text is None else replace(source, columns=rows.parse_columns(text))


def _prepared(probe: Probe, samples: Sequence[Sample], task: Task, others: OtherModels) -> Probe:
    if isinstance(probe, Preparing):
        return probe.prepared(samples, partial(others.ask, task.name))
    return probe


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


def _prompting(spec: RunSpec, task: str, options: Mapping[str, str]) -> Prompting:
    style = options.get("fewshot_style", "text")
    if style not in ("text", "turns"):
        raise UnknownNameError(f"{task}.fewshot_style", style, ["text", "turns"])
    return Prompting(
        _whole_number(task, options, "thinking_tokens", 0),
        options.get("system", spec.system),
        options.get("prefill"),
        style == "turns",
        _number(task, options, "temperature", spec.temperature, 100.0),
        _number(task, options, "top_p", None, 1.0),
    )


def _number(
    task: str, options: Mapping[str, str], name: str, default: float | None, most: float
) -> float | None:
    if name not in options:
        return default
    try:
        value = float(options[name])
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise UsageError(f"{task}.{name} is {options[name]!r}, expected from 0 to {most:g}")
    return value


def _checked_options(spec: RunSpec, name: str, known: Collection[str]) -> dict[str, str]:
    options = dict(spec.task_settings.get(name, {}))
    for key in options:
        if key not in known:
            raise UnknownNameError(f"option of {name}", key, known)
    return options


def _grouped(sample: Sample, group_by: Sequence[str]) -> Sample:
    extra = {name: str(sample.metadata[name]) for name in group_by if name in sample.metadata}
    return replace(sample, groups={**sample.groups, **extra}) if extra else sample


def _with_notes_on_groups(tasks: Sequence[TaskPlan], group_by: Sequence[str]) -> list[TaskPlan]:
    """The tasks, each with a note on samples that lack one of the columns to group by.

    Raises:
        UnknownNameError: No sample of any task has such a column.
    """
    samples = {
        each.task.name: [planned.sample for planned in each.planned if planned.is_sample]
        for each in tasks
    }
    every = [sample for of_task in samples.values() for sample in of_task]
    for name in group_by:
        if not any(name in sample.groups for sample in every):
            known = {key for sample in every for key in (*sample.metadata, *sample.groups)}
            raise UnknownNameError("column in --group-by", name, known)
    return [
        replace(each, notes=(*each.notes, *_ungrouped(samples[each.task.name], group_by)))
        for each in tasks
    ]


def _ungrouped(samples: Sequence[Sample], group_by: Sequence[str]) -> Iterator[str]:
    for name in group_by:
        lacking = sum(name not in sample.groups for sample in samples)
        if lacking:
            yield f"{lacking:,} of {len(samples):,} samples have no {name!r} and are in no group"


def _equal_variants(planned: Sequence[PlannedSample], samples: int) -> Iterator[str]:
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


def _check_samples(task: str, source: DataSource, samples: Sequence[Sample]) -> None:
    where = ":".join(source.paths) or source.label
    if not samples:
        raise DataError(
            f"{task}: the data set is empty", path=where, expected="at least one sample"
        )
    seen: set[str] = set()
    for sample in samples:
        if sample.id in seen:
            raise DataError(
                f"{task}: the sample id {sample.id!r} occurs twice",
                path=where,
                expected="an id of its own for every sample",
            )
        seen.add(sample.id)


class _ShotDrawer:
    """Draws a task's few-shot examples; reads the pool once, and only when there is a need."""

    settings: dict[str, str]
    notes: tuple[str, ...]

    def __init__(
        self,
        spec: RunSpec,
        task_spec: TaskSpec,
        task: Task,
        source: DataSource,
        options: Mapping[str, str],
        samples: Sequence[Sample],
    ) -> None:
        declared = option_names(task_spec.options)
        if "num_fewshot" in declared or "shots" in declared:
            self._count, self.settings, self.notes = 0, {}, ()
            return
        self._count = _whole_number(task_spec.name, options, "num_fewshot", spec.num_fewshot)
        self._mode = options.get("fewshot", fewshot.FIXED)
        if self._mode not in (fewshot.FIXED, fewshot.PER_SAMPLE):
            raise UnknownNameError(
                f"{task_spec.name}.fewshot", self._mode, [fewshot.FIXED, fewshot.PER_SAMPLE]
            )
        self._seed, self._task = spec.seed, task.name
        self._pool = fewshot.Pool(())
        self.settings = {"num_fewshot": str(self._count)}
        self.notes = ()
        if self._count == 0:
            return
        pool_source = datasets.shots_source(task_spec, source, options.get("shots"))
        same = datasets.same_data(pool_source, source)
        if self._mode == fewshot.FIXED and same:
            raise UsageError(
                f"{task_spec.name}: fixed few-shot examples would come from the scored samples",
                f"Give other examples with --set {task_spec.name}.shots=PATH, or choose "
                f"--set {task_spec.name}.fewshot=per_sample, which leaves the sample itself out.",
            )
        self._pool = fewshot.Pool(list(task.samples(pool_source)), same)
        self.settings |= {"fewshot": self._mode, "shots": pool_source.label}
        if not same and (found := self._pool.shared_with(samples)):
            self.notes = (
                f"{found:,} of the few-shot examples in {pool_source.label} equal scored samples; "
                "no sample is shown itself",
            )

    def draw(self, sample: Sample) -> tuple[Sample, ...]:
        if not self._count:  # none is asked for, or the task draws its own
            return ()
        return self._pool.draw(sample, self._count, self._mode, self._seed, self._task)


def _whole_number(task: str, options: Mapping[str, str], name: str, default: int) -> int:
    text = options.get(name, str(default))
    if not text.isdecimal():
        raise UsageError(f"{task}.{name} is {text!r}, expected a whole number from 0")
    return int(text)
