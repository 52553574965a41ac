"""The loop: measure the base, train, measure again, compare paired, decide.

out/data/       training and held-out rows        out/before/  the base's run folder
out/train/      checkpoints, event log, model   out/after/   the candidate's run folder
out/untrained/  the run folder of new virtual tokens before their training
out/align.json  everything that was found         out/report.html
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from harness import (
    GateVerdict,
    Registry,
    RunSpec,
    ScoredRun,
    compare,
    evaluate,
    gate,
    join_verdicts,
    load_run,
    parse_gate,
)
from harness.authoring.io.comparison_json import comparison_to_json
from harness.authoring.io.serialization import spent_to_json
from harness.authoring.measures.energy import Meter
from harness.authoring.metrics import MetricRef, split_ideal
from harness.errors import NothingScoredError, RunFailedError
from harness.protocols import Aligner, AlignerSpec, LeavesReward, TrainingEvent
from harness.types import RunComparison, Sampling, Spent
from harness_align import event_log, progress, search
from harness_align.dataset.training_rows import Rows
from harness_align.evaluation import held_out_evaluation, reward_quality
from harness_align.evaluation import verdict as judging
from harness_align.evaluation.held_out_changes import HeldOutEvaluation
from harness_align.evaluation.held_out_evaluation import Probing
from harness_align.event_log import EventLog
from harness_align.job import AlignJob, aligner_named, names_of_settings
from harness_align.preparation import name_checks, preparing
from harness_align.preparation.preparing import Prepared
from harness_align.search import Found, SearchSpec
from harness_align.spec import UNTRAINED

Say = Callable[[str], None]
UNTRAINED_TOKENS = "the new virtual tokens before training"


@dataclass(frozen=True, slots=True)
class AlignResult:
    """What a turn of the loop found.

    Attributes:
        job: The job.
        prepared: The data.
        checkpoint: The trained model.
        aims: The verdict on targets and guards.
        gate: The verdict on the rules under [gate]; None where there are none.
        effects: What changed on held-out prompts.
        comparison: Base against candidate on the suite; None where no task was named.
        curves: Stage → step → what the trainer logged.
        metrics: (step, name, value) of the early stopping's evaluations.
        kept_step: Whose weights early stopping kept, 0 for the base's; None without it.
        search: The study, where there was one.
        spent: What the machine took for search and training; None where it was not measured, or
            a part had been done before.
    """

    job: AlignJob
    prepared: Prepared
    checkpoint: Path
    aims: GateVerdict
    gate: GateVerdict | None
    effects: HeldOutEvaluation
    comparison: RunComparison | None
    curves: Mapping[str, Mapping[int, Mapping[str, float]]]
    metrics: tuple[tuple[int, str, float], ...] = ()
    kept_step: int | None = None
    search: Found | None = None
    spent: Spent | None = None

    @property
    def verdict(self) -> GateVerdict:
        """The decision, over all rules."""
        judged = [each for each in (self.aims, self.gate) if each is not None and each.rules]
        return join_verdicts(judged)


def run(
    job: AlignJob,
    registry: Registry,
    aligner: Aligner | None = None,
    say: Say = lambda _: None,
    quiet: bool = True,
) -> AlignResult:
    """Goes through the loop once.

    Args:
        job: The job.
        registry: The loaded plugins.
        aligner: Trains in place of the registered one.
        say: Called with a line at the start of each part.
        quiet: Show no progress of the trainings.

    Raises:
        HarnessError: Something named in the job cannot be used, or a part failed; what was finished
            is kept, and ``resume`` goes on from there.
    """
    registered = aligner_named(job.method, registry)
    job = job.checked(registered)
    names = [spec.name for spec in registry.select_tasks(_task_names(job, registry))]
    aims = (_aims(job.targets, registry, names), _aims(job.guards, registry, names))
    name_checks.check(job, registry, [*aims[0], *aims[1]])
    say("Reading and checking the data")
    prepared = preparing.prepare(job, registry, names)
    for line in (*prepared.findings.describe(), *prepared.notes):
        say(f"  {line}")
    before = after = fresh = None
    if names:
        say(f"Measuring the base on {', '.join(names)}")
        before = measure(job, registry, preparing.asked_base(job), names, "before", quiet)
    found = None
    begun = job.resume and (job.out / "train").exists()
    with Meter(job.evaluation.get("energy"), job.evaluation.get("machine_hour")) as meter:
        if job.search is not None:
            say("Searching for settings, on a part of the training rows")
            found = _searched(job, registry, prepared, say, quiet)
            job = replace(job, settings={**_watching(job, registered), **found.best})
        say(f"Training: {job.method} on {prepared.statistics['rows']:,} rows")
        events: list[TrainingEvent] = []
        with progress.display(job.method, quiet, events) as shown:
            trainer = aligner or registered.opened(job.aligner_options(registered, quiet, shown))
            checkpoint = trainer.train(job.training, prepared.train, job.out / "train")
        spent = meter.stop()
    untrained = _untrained(checkpoint)
    if names:
        say("Measuring the result")
        after = _measure_trained(job, registry, checkpoint, names, quiet)
        if untrained is not None and aims[0]:
            fresh = measure(job, registry, str(untrained), names, "untrained", quiet)
    say("Comparing")
    reward = trainer.reward_of(job.out / "train") if isinstance(trainer, LeavesReward) else None
    changed = _effects(job, registry, checkpoint, prepared.development, untrained, reward)
    judged = _decide(job, registry, (before, after, fresh), aims, changed)
    ruled, comparison = _compared(job, registry, before, after)
    curves, stopping, kept = training_curves(job.out / "train", events)
    return AlignResult(
        job, prepared, checkpoint, judged, ruled, changed, comparison, curves, stopping, kept,
        found, None if begun else spent,
    )  # fmt: skip


def _watching(job: AlignJob, aligner: AlignerSpec) -> dict[str, Any]:
    """The job's settings, with those by which the search's metric is watched if it has them."""
    known = names_of_settings(aligner)
    watched = {key: value for key, value in search.watching(job).items() if key in known}
    return {**job.settings, **watched}


def _searched(
    job: AlignJob, registry: Registry, prepared: Prepared, say: Say, quiet: bool
) -> Found:
    aligner = registry.aligners[job.method]
    job = replace(job, settings=_watching(job, aligner))

    def opened(mine: AlignJob, watch: Callable[[TrainingEvent], None]) -> Aligner:
        def on_event(event: TrainingEvent) -> None:
            shown(event)
            watch(event)

        return aligner.opened(mine.aligner_options(aligner, quiet, on_event))

    with progress.display("search", quiet) as shown:
        return search.search(job, prepared.train, opened, partial(_worth, registry), say)


def _decide(
    job: AlignJob,
    registry: Registry,
    runs: tuple[ScoredRun | None, ScoredRun | None, ScoredRun | None],
    aims: tuple[Sequence[MetricRef], Sequence[MetricRef]],
    changed: HeldOutEvaluation,
) -> GateVerdict:
    """The verdict on targets and guards; without a target it rests on held-out prompts.

    ``runs`` are the base's, the candidate's, and that of new virtual tokens before training, which
    a target must be better than, too: untrained they already change what a model says.
    """
    targets, guards = aims
    decide = partial(judging.judge, allow_uncalibrated=job.allows_uncalibrated)
    shown = [] if targets else [each for each in changed.default_targets if each.before]
    verdicts = [judging.judge_held_out(each) for each in shown]
    before, after, fresh = runs
    if before is not None and after is not None and (targets or guards):
        verdicts.append(decide(before, after, targets, guards, registry))
    if fresh is not None and after is not None:
        verdicts.append(decide(fresh, after, targets, (), registry, UNTRAINED_TOKENS))
    joined = join_verdicts(verdicts)
    wrap = job.standard(job.training).wrap
    notes = () if after is None else judging.notes_on(after.result, wrap)
    return replace(joined, notes=(*joined.notes, *notes))


def _compared(
    job: AlignJob, registry: Registry, before: ScoredRun | None, after: ScoredRun | None
) -> tuple[GateVerdict | None, RunComparison | None]:
    """The verdict of the rules under [gate], and what changed on the suite."""
    if before is None or after is None:
        return None, None
    return _gate(job, registry, before, after), compare(before, after, registry=registry)


def _task_names(job: AlignJob, registry: Registry) -> list[str]:
    """The tasks and suites that targets and guards name, without metrics."""
    known = [*registry.tasks, *(suite for spec in registry.tasks.values() for suite in spec.suites)]
    return [MetricRef.parse(text, known).task for text in (*job.targets, *job.guards)]


def _aims(texts: Sequence[str], registry: Registry, names: Sequence[str]) -> list[MetricRef]:
    """One aim a task; a suite's members each."""
    aims: list[MetricRef] = []
    for text in texts:
        name, _ = split_ideal(text)
        if MetricRef.find(name, registry.tasks) is not None:
            aims.append(MetricRef.parse(text, names))
        else:
            aims += [MetricRef(spec.name) for spec in registry.select_tasks([name])]
    return aims


def measure(
    job: AlignJob,
    registry: Registry,
    model: str,
    tasks: Sequence[str],
    place: str,
    quiet: bool = True,
) -> ScoredRun:
    """Runs the frozen suite, and reads the run folder back."""
    out = job.out / place
    evaluate(_without_gate(job, model, tasks, out), registry=registry, progress=not quiet)
    return load_run(out, texts=True)


def _measure_trained(
    job: AlignJob, registry: Registry, checkpoint: Path, names: Sequence[str], quiet: bool
) -> ScoredRun:
    try:
        return measure(job, registry, str(checkpoint), names, "after", quiet)
    except NothingScoredError as error:
        raise RunFailedError(
            f"the trained model cannot be judged: {error.message}",
            f"It is kept in {checkpoint}, and its answers in {job.out / 'after'}. With the reason "
            "mended, the same command with --resume measures it again without training.",
        ) from error


def _without_gate(job: AlignJob, model: str, tasks: Sequence[str], out: Path) -> RunSpec:
    return replace(job.run_spec(model, tasks, out), gate=None, baseline=None)


def _untrained(checkpoint: Path) -> Path | None:
    """The virtual tokens before their training, where the training added some."""
    folder = checkpoint.parent / UNTRAINED
    return folder if folder.is_dir() else None


def _gate(
    job: AlignJob, registry: Registry, before: ScoredRun, after: ScoredRun
) -> GateVerdict | None:
    """The verdict of the rules under [gate], judged once at the end."""
    table = job.evaluation.get("gate")
    if table is None:
        return None
    config = replace(parse_gate(table), mode="fixed", baseline=None, series=None)
    return gate(after, before, config=config, registry=registry, seed=job.seed)


def _effects(
    job: AlignJob,
    registry: Registry,
    checkpoint: Path,
    held_out: Rows,
    untrained: Path | None = None,
    own_reward: Path | None = None,
) -> HeldOutEvaluation:
    if registry.aligners[job.method].makes == "reward":
        return reward_quality.measure(checkpoint, job.model, held_out, job.seed)
    spec = job.standard(job.training)
    base = job.model_config(preparing.asked_base(job))
    if not spec.wrap:  # asked as it was trained
        base = replace(base, settings={**base.settings, "chat_template": "off"})
    candidate = replace(base, model=str(checkpoint))
    reward = job.reward or ("" if own_reward is None else str(own_reward))
    probing = Probing(
        base,
        candidate,
        registry,
        Sampling(max_tokens=spec.max_new_tokens, temperature=spec.temperature, seed=job.seed),
        job.samples,
        reward,
        job.held_out_reward,
        replace(base, model=job.judge) if job.judge else None,
    )
    changed = held_out_evaluation.measure(probing, held_out)
    if untrained is not None and not job.targets:
        fresh = replace(probing, base=replace(base, model=str(untrained)), judge=None)
        found = held_out_evaluation.measure(fresh, held_out).default_targets
        beyond = [replace(each, reference=UNTRAINED_TOKENS) for each in found if not each.reference]
        changed = replace(changed, default_targets=(*changed.default_targets, *beyond))
    if own_reward is None or job.reward:
        return changed
    # What is gained by a reward that knows no more than the answers' length shows nothing.
    return changed.joined(
        reward_quality.measure(own_reward, job.model, held_out, job.seed), "reward model: "
    )


def _worth(registry: Registry, job: AlignJob, checkpoint: Path, held_out: Rows) -> float:
    """The value of a trial's checkpoint: the search's metric, else the held-out rows' gain."""
    spec = SearchSpec.parse(job.search or {})
    if spec.metric:
        aim = MetricRef.parse(spec.metric, list(registry.tasks))
        given = {**job.evaluation, "data": spec.data, "limit": spec.limit, "cache": False}
        mine = replace(job, evaluation=given, out=checkpoint.parent / "development")
        result = measure(mine, registry, str(checkpoint), [aim.task], "run").result
        return judging.standing(judging.named(aim, result), result)[1]
    found = _effects(job, registry, checkpoint, held_out)
    if not found.default_targets or not found.default_targets[0].after:
        raise RunFailedError("the trial cannot be judged: no held-out row has a known answer")
    return fmean(found.default_targets[0].after)


def training_curves(
    folder: Path, told: Sequence[TrainingEvent] = ()
) -> tuple[
    dict[str, dict[int, Mapping[str, float]]], tuple[tuple[int, str, float], ...], int | None
]:
    """What every stage logged, in order; early stopping's metrics, and the step it kept.

    An aligner that writes no event log in ``folder`` is known by the events that it ``told``.
    """
    curves: dict[str, dict[int, Mapping[str, float]]] = {}
    metrics: dict[tuple[str, int, str], float] = {}  # a resumed run measures some steps again
    kept: int | None = None
    paths = sorted(folder.rglob(event_log.FILE), key=lambda each: each.stat().st_mtime)
    stages: list[tuple[str, Sequence[TrainingEvent]]] = [
        (path.parent.name if path.parent != folder else "training", EventLog(path).read()[0])
        for path in paths
    ]
    for name, events in stages or ([("training", told)] if told else []):
        curves[name] = dict(event_log.steps(events))
        for each in events:
            if each["event"] == "metric":
                metrics[name, each["step"], each["name"]] = each["value"]
                kept = each["step"] if each["best"] else kept
    looks = tuple((step, metric, value) for (_, step, metric), value in metrics.items())
    return curves, looks, kept


def to_json(result: AlignResult) -> dict[str, Any]:
    """What align.json holds."""
    job, prepared = result.job, result.prepared
    return {
        "schema": 1,
        "method": job.method,
        "model": job.model,
        "checkpoint": str(result.checkpoint),
        "data": {
            "source": prepared.findings.kept.source,
            "statistics": dict(prepared.statistics),
            "held_out_rows": len(prepared.development),
            "format": prepared.findings.kept.format,
            "dropped": {why: list(lines) for why, lines in prepared.findings.kept.dropped.items()},
            "contradicted": list(prepared.findings.contradicted),
            "rows_in_the_evaluation_suite": prepared.overlap,
            "check": None if prepared.checked.found is None else dict(prepared.checked.found),
        },
        "settings": dict(job.told),
        "verdict": judging.to_json(result.verdict, result.aims, result.gate),
        "effects": result.effects.to_json(),
        "comparison": None if result.comparison is None else comparison_to_json(result.comparison),
        "curves": {
            stage: [{"step": step, **logs} for step, logs in steps.items()]
            for stage, steps in result.curves.items()
        },
        "early_stopping": [list(each) for each in result.metrics],
        "kept_step": result.kept_step,
        "search": None if result.search is None else dataclasses.asdict(result.search),
        **({} if result.spent is None else {"spent": spent_to_json(result.spent)}),
    }
