"""What a gate will do, on the console."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.authoring.literal import echo

if TYPE_CHECKING:
    from harness.gate import GateConfig
    from harness.gate.power import Chances, Power
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


def show(
    config: GateConfig,
    samples: Mapping[str, int],
    means: Collection[str],
    discordance: float | None,
    baseline: ScoredRun | None = None,
    repeat: ScoredRun | None = None,
) -> None:
    """Prints what to expect of every rule on a drop.

    Args:
        config: The gate.
        samples: Task → samples that it will have.
        means: The metrics, ``TASK.METRIC``, that are means of scores.
        discordance: Share of pairs that will differ, where the user gave it.
        baseline: What will be compared with.
        repeat: Another run of the same model, or a run of one like the candidates: what differs
            between the two is what to expect.
    """
    from harness.gate.names import task_of
    from harness.gate.power import power

    for rule in config.rules:
        task = task_of(rule.metric, samples)
        simple = rule.kind == "max_drop" and rule.ideal is None and rule.value > 0
        if not simple or task is None or rule.metric not in means:
            echo(f"{rule.name} {rule}: no prediction, only max_drop on a mean has one")
            continue
        given, source = discordance, "given"
        if given is None and baseline is not None and repeat is not None:
            given, source = _observed(baseline, repeat, task, rule.metric[len(task) + 1 :])
        values = USUAL if given is None else (given,)
        n = samples[task]
        click.secho(f"{rule.name} {rule}, {config.mode} gate, {n:,} samples", bold=True)
        for value in values:
            known = "" if given is None else f" ({source})"
            echo(f"  where {100 * value:.3g} % of the samples differ{known}:")
            for line in lines(power(config, rule, n, value)):
                echo(f"    {line}")
        if given is None:
            echo(
                "  How many differ is not known: give --discordance, or --baseline and --repeat "
                "with two runs."
            )


def _observed(
    baseline: ScoredRun, repeat: ScoredRun, task: str, name: str
) -> tuple[float | None, str]:
    from harness.authoring.metrics import score_values, values_of
    from harness.comparison import measure
    from harness.gate.power import discordance_of

    samples = (run.samples.get(task, {}) for run in (baseline, repeat))
    pairs = measure.align(*samples).pairs(name)
    values = [*score_values(pairs.baseline), *score_values(pairs.candidate)]
    if not pairs.baseline or not all(isinstance(value, float | int) for value in values):
        return None, ""
    found = discordance_of(values_of(pairs.baseline), values_of(pairs.candidate))
    return found, f"seen in {len(pairs.baseline):,} pairs of two runs"


def lines(found: Power) -> Iterator[str]:
    """The prediction in words."""
    from harness.gate.power import BUILDS

    yield f"a harmless change {_chances(found.harmless)}"
    for drop, chances in found.drops:
        yield f"a true drop of {drop:g} {_chances(chances)}"
    yield (
        f"over {BUILDS} harmless builds: at least one is blocked in {found.any_block:.1%}, at "
        f"least one does not pass in {found.any_doubt:.1%}"
    )
    yield f"a harmless change passes in 80 % from about {found.needed:,} samples on"
    if found.warning is not None:
        yield f"Warning: {found.warning}"


def _chances(found: Chances) -> str:
    return (
        f"passes {found.passes:.1%}, is inconclusive {found.inconclusive:.1%}, "
        f"is blocked {found.blocks:.1%}"
    )


def of_run(config: GateConfig, run: Path, discordance: float | None, repeat: Path | None) -> None:
    """``harness gate RUN --power``: with the samples of a run."""
    from harness.results.baseline import load_run

    found = load_run(run)
    baseline = found if config.baseline is None else load_run(Path(config.baseline))
    again = load_run(repeat) if repeat is not None else None
    if again is None and config.baseline is not None:
        again = found
    samples = {name: len(each) for name, each in found.samples.items()}
    means = {
        f"{task.name}.{name}"
        for task in found.result.tasks.values()
        for name, metric in task.metrics.items()
        if metric.kind in ("mean", None)
    }
    show(config, samples, means, discordance, baseline, again)
