"""``harness plan``: what a run would ask and cost."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.authoring.io import run_options, terminal
from harness.authoring.literal import one_line
from harness.cli import gate_power, registry_of
from harness.types import MODEL

if TYPE_CHECKING:
    from rich.console import Console

    from harness.config import RunSpec
    from harness.planned import Plan
    from harness.run.cost import Forecast, Later, Pace
    from harness.types import Usage

EPILOG = """\b
Examples:
  harness plan --model ./ckpt --tasks squad,bias --data sample
  harness plan --model ./ckpt --tasks sst2 --probes robustness --limit 500
  harness plan --model ./ckpt --tasks squad --estimate-time
  harness plan --model ./ckpt --tasks squad --num-fewshot 2 --write-prompts 1
  harness plan --config harness.toml --gate --discordance 0.1
"""


@click.command("plan", epilog=EPILOG)
@run_options.run_options
@click.option(
    "--estimate-time",
    is_flag=True,
    help="Ask some requests, for a few seconds, and estimate the time of the run. API models "
    "charge for them; the answers are kept for the run.",
)
@click.option(
    "--gate",
    "with_gate",
    is_flag=True,
    help="Say how often the gate of --config will pass, block or be inconclusive.",
)
@gate_power.options("--gate")
@click.option(
    "--write-prompts",
    type=click.IntRange(1),
    metavar="N",
    help="Print what is asked about the first N samples of each task, as the model reads it; "
    "in later rounds ⟨…⟩ stands for the answers before.",
)
@click.pass_context
def command(
    context: click.Context,
    /,
    estimate_time: bool,
    with_gate: bool,
    discordance: float | None,
    repeat: Path | None,
    write_prompts: int | None,
    **given: Any,
) -> int:
    """Show what a run would ask and what it would cost, without asking.

    Takes the options of `harness run`. The model is opened, because what it can
    answer and how it counts tokens is its own; without --estimate-time nothing is computed
    or written.
    """
    from rich.console import Console

    from harness.run import cost, models
    from harness.run.cache import ResponseStore, store_path
    from harness.run.planning import planner, prompt_listing
    from harness.run.rounds.roles import Roles

    registry = registry_of(context)
    spec = run_options.run_spec(given)
    chosen = planner.chosen(spec, registry)
    with ExitStack() as opened:
        backend = opened.enter_context(closing(models.open_backend(spec.model_config, registry)))
        roles = opened.enter_context(Roles(spec, registry, backend))
        plan = planner.build(spec, registry, backend, stored_only=True, roles=roles, found=chosen)
        with ResponseStore(store_path(spec.cache, backend)) as store:
            found = cost.of(plan, backend, store, roles)
            if estimate_time:
                pace = cost.measure_pace(plan, backend, store, spec.seed)
                found = replace(found, pace=pace)
            _show(Console(highlight=False), found)
        if write_prompts is not None:
            prompt_listing.show(plan, roles, write_prompts)
    if with_gate:
        _show_power(spec, plan, discordance, repeat)
    return 0


def _show_power(spec: RunSpec, plan: Plan, discordance: float | None, repeat: Path | None) -> None:
    from harness.errors import UsageError
    from harness.gating import parse_gate
    from harness.gating.beforehand import check_samples
    from harness.results.baseline import load_run
    from harness.run.early_stop import metrics_of, samples_of

    if spec.gate is None:
        raise UsageError(
            "--gate needs a [gate] table", "`harness init` writes one; name it with --config FILE."
        )
    config = parse_gate(spec.gate)
    path = spec.baseline or config.baseline
    baseline = load_run(Path(path)) if path is not None and Path(path).exists() else None
    planned, metrics = samples_of(plan), metrics_of(plan)
    check_samples(config, planned, baseline, metrics)
    again = load_run(repeat) if repeat is not None else None
    samples = {task: len(each) for task, each in planned.items()}
    click.echo()
    gate_power.show(config, gate_power.Known(samples, metrics, baseline, again, discordance))


def _show(console: Console, found: Forecast) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("task")
    table.add_column("probe")
    for name in ("samples", "requests"):
        table.add_column(name, justify="right")
    table.add_column("not asked")
    for share in found.shares:
        skipped = ", ".join(f"{count:,} {reason}" for reason, count in share.skipped.items())
        table.add_row(
            Text(one_line(share.task) if share.probe is None else ""),
            Text(one_line(share.probe or "")),
            f"{share.items:,}",
            f"{share.requests:,}",
            Text(one_line(skipped), style="dim"),
        )
    terminal.print_table(console, table, names=2)
    console.print(
        f"\n{found.requests:,} requests, {found.distinct:,} of them different, "
        f"{found.stored:,} ({found.stored / max(1, found.distinct):.0%}) answered already in the "
        "response store"
    )
    if found.stored == found.distinct:
        console.print(_nothing_left(found))
    elif found.usage is None:
        console.print("This backend does not say beforehand what requests cost in tokens.")
    else:
        _show_cost(console, found, found.usage)
    if found.pace is not None:
        console.print(_time(found.pace))
    for later in found.later:
        console.print(_bound(later), markup=False)


def _nothing_left(found: Forecast) -> str:
    """Only of the first round is it known: what later ones ask depends on its answers."""
    if found.later:
        return "Nothing is left to ask in round 1: the run takes its answers from the store."
    return "Nothing is left to ask: the run takes every answer from the store."


def _show_cost(console: Console, found: Forecast, usage: Usage) -> None:
    console.print(_tokens(usage))
    if found.basis is not None:
        console.print(f"Tokens are {one_line(found.basis)}", markup=False)
    if usage.cost is not None:
        console.print(f"Cost: at most {usage.cost:,.4f} US dollars")
    if found.plain is not None and found.plain.computed_tokens:
        times = usage.computed_tokens / found.plain.computed_tokens
        console.print(
            f"With the probes {times:.2f} times the {found.plain.computed_tokens:,} prompt tokens "
            "that the samples alone compute"
        )


def _bound(later: Later) -> str:
    """A later round of a role, where every answer before it is as long as it may be."""
    name = later.role if later.role == MODEL else f"{later.role} ({one_line(later.model)})"
    text = f"Then in round {later.round} at most {later.requests:,} requests of the {name}"
    if later.usage is None:
        return text
    text += f": at most {later.usage.prompt_tokens:,} prompt tokens"
    if later.usage.completion_tokens:
        text += f" and {later.usage.completion_tokens:,} generated"
    cost = "" if later.usage.cost is None else f", {later.usage.cost:,.4f} US dollars"
    return f"{text}{cost}"


def _tokens(usage: Usage) -> str:
    text = f"{usage.prompt_tokens:,} prompt tokens, {usage.computed_tokens:,} of them computed"
    if usage.prompt_tokens:
        text += f" ({usage.reused_tokens / usage.prompt_tokens:.0%} shared)"
    if usage.completion_tokens:
        text += f"; at most {usage.completion_tokens:,} tokens generated"
    return text


def _time(pace: Pace) -> str:
    cost = "" if pace.spent.cost is None else f" for {pace.spent.cost:,.4f} US dollars"
    return (
        f"Time: about {_duration(pace.rest)}, as {pace.requests:,} requests asked now took "
        f"{pace.seconds:.1f} s{cost}"
    )


def _duration(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
