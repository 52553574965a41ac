"""What a gate will do, on the console."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.authoring.literal import echo

if TYPE_CHECKING:
    from harness.authoring.metrics import MetricRef
    from harness.comparison.measure import MetricsOfTask
    from harness.gating import GateConfig, Rule
    from harness.gating.power import Chances, Power
    from harness.plugins import Registry
    from harness.results.baseline import ScoredRun

Function = TypeVar("Function", bound=Callable[..., Any])

USUAL = (0.02, 0.05, 0.1, 0.2)
"""Shares of pairs that differ, shown where none is known."""


def options(flag: str) -> Callable[[Function], Function]:
    """Adds ``discordance`` and ``repeat`` to a command; ``flag`` is what asks for the power."""

    def add(function: Function) -> Function:
        repeat = click.option(
            "--repeat",
            type=click.Path(path_type=Path),
            help=f"For {flag}: another run of the baseline's model, to see how many differ.",
        )
        discordance = click.option(
            "--discordance",
            type=click.FloatRange(0, 1, min_open=True),
            help=f"For {flag}: the share of samples whose score will differ from the baseline's.",
        )
        return discordance(repeat(function))

    return add


@dataclass(frozen=True, slots=True)
class Known:
    """What predictions can rest on.

    Attributes:
        samples: Task → samples that it will have.
        metrics: Task → metric objects.
        baseline: What will be compared with.
        repeat: Another run of the same model, or a run of one like the candidates: what differs
            between the two is what to expect.
        discordance: Share of pairs that will differ, where the user gave it.
    """

    samples: Mapping[str, int]
    metrics: MetricsOfTask
    baseline: ScoredRun | None = None
    repeat: ScoredRun | None = None
    discordance: float | None = None


def show(config: GateConfig, known: Known) -> None:
    """Prints what to expect of every rule; where nothing can be said, why."""
    from harness.comparison.measure import CannotCompare

    for rule in config.rules:
        ref = rule.ref(known.samples)
        try:
            if ref is None:
                raise CannotCompare("the run does not evaluate its task")
            if rule.kind == "min_gain":
                raise CannotCompare("how much a change gains is not known beforehand")
            if rule.kind in ("max_drop", "max_relative_drop") and rule.value <= 0:
                raise CannotCompare("that nothing was lost at all cannot be shown")
            _show_rule(config, rule, ref, known)
        except CannotCompare as reason:
            click.secho(f"{rule.name} {rule}", bold=True)
            echo(f"  no prediction: {reason}")


def _show_rule(config: GateConfig, rule: Rule, ref: MetricRef, known: Known) -> None:
    """Prints what to expect of one rule.

    Raises:
        CannotCompare: Nothing can be said.
    """
    n = known.samples[ref.task]
    discordance, source = known.discordance, "given"
    if discordance is None and known.baseline is not None and known.repeat is not None:
        discordance, source = _observed(known.baseline, known.repeat, ref)
    level = rule.kind not in ("max_drop", "max_relative_drop")
    predict = _prediction(config, rule, ref, known, n)
    click.secho(f"{rule.name} {rule}, {config.mode} gate, {n:,} samples", bold=True)
    if level:
        values: Sequence[float] = (0.0,)
    else:
        values = USUAL if discordance is None else (discordance,)
    for value in values:
        indent = "  "
        if not level:
            said = "" if discordance is None else f" ({source})"
            echo(f"  where {100 * value:.3g} % of the samples differ{said}:")
            indent = "    "
        for line in lines(predict(value)):
            echo(indent + line)
    if not level and discordance is None:
        echo(
            "  How many differ is not known: give --discordance, or --baseline and --repeat "
            "with two runs."
        )


def _prediction(
    config: GateConfig, rule: Rule, ref: MetricRef, known: Known, n: int
) -> Callable[[float], Power]:
    """The rule's simulation, as a function of the discordance.

    Raises:
        CannotCompare: There is none.
    """
    from harness.authoring.metrics import Mean
    from harness.comparison.measure import CannotCompare, metric_object
    from harness.gating import resampled_power as resampled
    from harness.gating.judging import check_share
    from harness.gating.power import power

    runs = known.baseline, known.repeat
    metric = metric_object(known.metrics, ref.task, ref.metric)
    reported = None
    if known.baseline is not None and ref.task in known.baseline.result.tasks:
        reported = known.baseline.result.tasks[ref.task].metrics.get(ref.metric)
    is_mean = isinstance(metric, Mean) or (reported is not None and reported.kind == "mean")
    better, ideal = resampled.directions(rule, runs, known.metrics)
    if is_mean and rule.kind == "max_drop" and ideal is None:
        return lambda share: power(config, rule, n, share)
    source = resampled.source_of(ref, runs, known.metrics)
    if is_mean and rule.kind == "max_relative_drop":
        level = source.how.level(source.before)
        check_share(rule, level)
        like = replace(rule, kind="max_drop", value=rule.value * level.value)

        def relative(share: float) -> Power:
            found = power(config, like, n, share)
            margin = None if found.margin is None else found.margin / level.value
            return replace(found, rule=rule, margin=margin)

        return relative
    if is_mean and config.mode == "sequential":
        raise CannotCompare("a sequential bet on the metric itself is not simulated")
    return lambda share: resampled.resampled_power(config, rule, n, share, source, better, ideal)


def _observed(baseline: ScoredRun, repeat: ScoredRun, ref: MetricRef) -> tuple[float | None, str]:
    from harness.authoring.metrics import score_values, values_of
    from harness.comparison import measure
    from harness.gating.power import discordance_of

    samples = (run.samples.get(ref.task, {}) for run in (baseline, repeat))
    pairs = measure.align(*samples).pairs(ref.metric)
    values = [*score_values(pairs.baseline), *score_values(pairs.candidate)]
    if not pairs.baseline or not all(isinstance(value, float | int) for value in values):
        return None, ""
    found = discordance_of(values_of(pairs.baseline), values_of(pairs.candidate))
    return found, f"seen in {len(pairs.baseline):,} pairs of two runs"


def lines(found: Power) -> Iterator[str]:
    """The prediction in words."""
    from harness.gating.power import BUILDS

    yield f"{found.name} {_chances(found.harmless)}"
    for name, chances in found.drops:
        yield f"{name} {_chances(chances)}"
    builds = "harmless" if found.name == "a harmless change" else "such"
    yield (
        f"over {BUILDS} {builds} builds: at least one is blocked in {found.any_block:.1%}, at "
        f"least one does not pass in {found.any_doubt:.1%}"
    )
    if found.needed is not None:
        yield f"{found.name} passes in 80 % from about {found.needed:,} samples on"
    if found.gates < 1000:
        yield f"({found.gates} simulated gates, drawn from the baseline's samples)"
    if found.warning is not None:
        yield f"Warning: {found.warning}"


def _chances(found: Chances) -> str:
    return (
        f"passes {found.passes:.1%}, is inconclusive {found.inconclusive:.1%}, "
        f"is blocked {found.blocks:.1%}"
    )


def of_run(
    config: GateConfig,
    run: Path,
    registry: Registry,
    discordance: float | None,
    repeat: Path | None,
) -> None:
    """``harness gate RUN --power``: with the samples of a run."""
    from harness.gating.registry_lookup import task_metrics
    from harness.results.baseline import load_run

    found = load_run(run)
    baseline = found if config.baseline is None else load_run(Path(config.baseline))
    again = load_run(repeat) if repeat is not None else None
    if again is None and config.baseline is not None:
        again = found
    samples = {name: len(each) for name, each in found.samples.items()}
    metrics = task_metrics(registry, [baseline, found], [rule.metric for rule in config.rules])
    show(config, Known(samples, metrics, baseline, again, discordance))
