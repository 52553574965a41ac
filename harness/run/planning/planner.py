"""From a run's spec to its plan: reads the data and makes every request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from harness.authoring.readers import rows, sources
from harness.config import RunSpec
from harness.errors import UsageError
from harness.planned import EveryRequest, Plan, PlannedSample, Prompting, TaskPlan
from harness.plugins import Registry
from harness.protocols import (
    CanCheck,
    CanMatch,
    DeclaresScoring,
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
)
from harness.run.other_models import OtherModels
from harness.run.planning import datasets, reading, task_options
from harness.run.planning.asking import Asker, notes_on_equal_variants, notes_on_repeats
from harness.run.planning.fewshot import ShotDrawer
from harness.run.planning.planned_samples import PlannedSamples
from harness.run.planning.reading import Read
from harness.run.planning.task_options import SetForTask
from harness.run.rounds import later_rounds
from harness.run.rounds.roles import Roles
from harness.run.watching.phases import OnPhase, Phase
from harness.scoring.added_metrics import Adding
from harness.types import DataSource


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a run's spec names.

    Attributes:
        tasks: With the metrics that the user adds, each with its source.
        probes: In their order.
        adding: The metrics that the user adds.
        left_out: A note for each suite of which only a part is run.
    """

    tasks: Sequence[tuple[TaskSpec, DataSource]]
    probes: Sequence[ProbeSpec]
    adding: Adding
    left_out: tuple[str, ...]


def chosen(spec: RunSpec, registry: Registry) -> Chosen:
    """Finds what a spec names; no model is needed for that, and no data are read.

    Raises:
        UsageError: A name or option does not exist.
        DataError: A file does not exist.
    """
    specs, left_out = datasets.having_data(registry, spec.tasks, spec.data, spec.task_settings)
    adding = Adding(spec.metrics, registry.metrics)
    specs = [adding.spec(each) for each in specs]
    probes = registry.select_probes(spec.probes)
    datasets.check_names(spec.data, specs, "--data")
    datasets.check_names(spec.task_settings, [*specs, *probes], "--set", registry.task_sources)
    datasets.check_names(spec.templates, specs, "[tasks]")
    for task in specs:
        task_options.of_task(spec, task)
    for probe in probes:
        probe.open(ProbeOptions(_values(spec, probe)))
    located = tuple((each, sources.resolve(each, spec.data)) for each in specs)
    return Chosen(located, probes, adding, left_out)


def build(
    spec: RunSpec,
    registry: Registry,
    backend: ModelBackend,
    stored_only: bool = False,
    roles: Roles | None = None,
    on_phase: OnPhase = lambda _: None,
    found: Chosen | None = None,
) -> Plan:
    """Reads the data and makes every request of a run.

    Args:
        spec: The run.
        registry: The loaded plugins.
        backend: The run's model.
        stored_only: Do not run other models for probes' variants; take only stored ones.
        roles: The models of other roles; None closes those that tasks look at when it returns.
        on_phase: Called as tasks are read and their probes prepared.
        found: What ``chosen`` found before the model was opened; None to find it here.

    Raises:
        UsageError: A name or option does not exist, or the backend cannot answer a request.
        HarnessError: What the backend's ``check`` of the requests raises.
        DataError: A data file is missing, malformed, empty or has an id twice.
    """
    found = chosen(spec, registry) if found is None else found
    if found.probes and answers_by_sample(backend):
        raise UsageError(
            "saved outputs answer the original samples alone, so probes have nothing to ask",
            "Leave out --probes, or name a model.",
        )
    with ExitStack() as own:
        if roles is None:
            roles = own.enter_context(Roles(spec, registry, backend))
        others = own.enter_context(
            OtherModels(spec.model_config, registry, backend, stored_only, roles.deadline)
        )
        run = _Run(spec, found.probes, backend, others, roles, on_phase)
        tasks: list[TaskPlan] = []
        for each, source in found.tasks:
            on_phase(Phase("reading", len(tasks), len(found.tasks), each.name))
            tasks.append(_plan_task(run, each, source))
        found.adding.check()
        tasks = reading.with_notes_on_groups(tasks, spec.group_by)
        plan = Plan(tuple(replace(each, notes=each.notes + found.left_out) for each in tasks))
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
    notes = backend.match(every, EveryRequest(plan))
    return Plan(
        tuple(
            replace(each, notes=(*each.notes, *notes.get(each.task.name, ())))
            for each in plan.tasks
        )
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """What all tasks of a run are planned with."""

    spec: RunSpec
    probes: Sequence[ProbeSpec]
    backend: ModelBackend
    others: OtherModels
    roles: Roles
    on_phase: OnPhase


def _plan_task(run: _Run, task_spec: TaskSpec, source: DataSource) -> TaskPlan:
    """Opens the task, reads its data, and makes every request about them."""
    spec = run.spec
    chosen = task_options.of_task(spec, task_spec)
    task, opened = _opened(run, task_spec, chosen)
    if chosen.common.columns is not None:
        source = replace(source, columns=rows.parse_columns(chosen.common.columns))
    data = reading.read(task, source, spec)
    probes = _prepared(run, opened, task, data)
    shots = ShotDrawer(spec, task_spec, task, source, chosen, data.chosen)
    prompting = task_options.prompting(spec, chosen.common)
    asker = Asker(task, probes, run.backend, prompting, spec.seed, spec.repeats)
    planned = PlannedSamples()
    for done, sample in enumerate(data.chosen):
        if probes:
            run.on_phase(Phase("preparing probes", done, len(data.chosen), task.name))
        for each in asker.all_about(sample, shots.draw(sample)):
            planned.append(each)
    return TaskPlan(
        task=task,
        spec=task_spec,
        source=source,
        data_sha256=datasets.fingerprint(source, data.chosen),
        planned=planned,
        sample_count=planned.sample_count,
        key_hashes=planned.key_hashes,
        probes=probes,
        skipped=asker.skipped,
        settings=_settings(spec, task, probes, data, shots, prompting),
        scored_by=_scored_by(task),
        notes=tuple(_notes(spec, source, data, shots, planned)),
        every=data.every,
        repeats=spec.repeats,
        reducers=spec.reducers or _reducers(spec.repeats),
        metric_reducers=spec.reducers if spec.repeats > 1 else (),
    )


def _opened(run: _Run, task_spec: TaskSpec, chosen: SetForTask) -> tuple[Task, dict[str, Probe]]:
    """The task and the probes, with what the user set for each."""
    spec = run.spec
    templates = spec.templates.get(task_spec.name, {})
    options = TaskOptions(
        chosen.own, run.backend.supports, templates, spec.seed, run.roles, spec.allow_unsafe_code
    )
    task = task_spec.open(options)
    later_rounds.open_roles(task, run.roles)
    probes: dict[str, Probe] = {}
    for each in run.probes:
        probes[each.name] = each.open(ProbeOptions(_values(spec, each), task_spec, options))
    return task, probes


def _values(spec: RunSpec, probe: ProbeSpec) -> dict[str, str]:
    """What the user set for a probe."""
    return task_options.checked(spec, probe.name, option_names(probe.options))


def _prepared(run: _Run, probes: dict[str, Probe], task: Task, data: Read) -> dict[str, Probe]:
    """The probes, those that need all samples with what they make of them."""
    if probes:
        run.on_phase(Phase("preparing probes", 0, len(data.chosen), task.name))
    ask = partial(run.others.ask, task.name)
    return {
        name: probe.prepared(data.chosen, ask) if isinstance(probe, Preparing) else probe
        for name, probe in probes.items()
    }


def _settings(
    spec: RunSpec,
    task: Task,
    probes: dict[str, Probe],
    data: Read,
    shots: ShotDrawer,
    prompting: Prompting,
) -> dict[str, str]:
    """How the task is asked, in words."""
    settings = {**settings_of(task), **shots.settings}
    if data.how:
        settings["samples"] = data.how
    settings |= prompting.settings
    for name, probe in probes.items():
        settings |= {f"{name}.{key}": value for key, value in settings_of(probe).items()}
    if spec.repeats > 1:
        settings["repeats"] = str(spec.repeats)
    return settings


def _scored_by(task: Task) -> tuple[str, ...]:
    """Those of the task's settings that decide what a score means."""
    stated = settings_of(task)
    scored_by = task.scored_by if isinstance(task, DeclaresScoring) else stated
    return tuple(name for name in stated if name in scored_by)


def _notes(
    spec: RunSpec,
    source: DataSource,
    data: Read,
    shots: ShotDrawer,
    planned: Sequence[PlannedSample],
) -> Iterator[str]:
    """What a reader of the task's results must know of how it was asked."""
    if source.kind == "sample":
        yield datasets.SAMPLE_NOTE
    if data.how:
        yield f"scored: {data.how}"
    yield from shots.notes
    if spec.probes:
        yield from notes_on_equal_variants(planned, len(data.chosen))
    if spec.repeats > 1:
        yield from notes_on_repeats(planned, len(data.chosen))


def _reducers(repeats: int) -> tuple[str, ...]:
    """What is computed of repeats where the user does not say."""
    return ("at_least_one", f"pass^{repeats}", "majority") if repeats > 1 else ()
