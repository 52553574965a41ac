"""``harness monitor``: the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness import registry_of
from harness.authoring.io import run_options
from harness.authoring.literal import echo, one_line

if TYPE_CHECKING:
    from harness import Registry
    from harness_data.monitoring.alarms import Watched
    from harness_data.monitoring.records import Record
    from harness_data.monitoring.signals import Signal

_PROMISE = (
    "Where nothing has changed an alarm is ever raised in at most {:g} % of cases, over all "
    "signals and however often one looks, if exchanges come independently of each other. "
    "No alarm is no proof that nothing changed: the intervals say what may have."
)
EPILOG = """\b
Examples:
  harness monitor today.jsonl --against reference.jsonl
  harness monitor today.jsonl --against reference.jsonl --metrics grounding.numbers --out page.html
  harness monitor today.jsonl --against reference.jsonl --columns rating

Exit codes: 0 no alarm, 1 an alarm, 2 usage or data error, 4 too little to watch.
"""


@click.command("monitor", epilog=EPILOG)
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--against", required=True, type=click.Path(path_type=Path),
              help="A log, or a run folder, of how it should be.")  # fmt: skip
@click.option("--metrics", type=run_options.Names(), default="",
              help="Registered metrics to watch, too.")  # fmt: skip
@click.option("--columns", type=run_options.Names(), default="",
              help="Numbers of the logs, or scores of the runs, to watch, too.")  # fmt: skip
@click.option("--alpha", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.01,
              show_default=True, help="False-alarm rate, over all looks.")  # fmt: skip
@click.option("--tolerance", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="By how much a share may change.")  # fmt: skip
@click.option("--region", default="US", show_default=True,
              help="Whose telephone numbers need no country code.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="Write a page; .html or .json.")
@click.pass_context
def command(
    context: click.Context,
    logs: tuple[Path, ...],
    against: Path,
    metrics: tuple[str, ...],
    columns: tuple[str, ...],
    alpha: float,
    tolerance: float,
    region: str,
    out: Path | None,
) -> int:
    """Compare LOGS of production with a reference, and raise an alarm where they differ.

    LOGS hold a row an exchange: prompt and response, maybe time, latency and cost, in the
    order in which they came; give all since the reference, and look as often as you like.
    """
    from harness_data.monitoring import alarms, records

    reference = records.read(against)
    production = [each for path in logs for each in records.read(path)]
    # What is long or slow is set by one half of the reference, and its rate estimated on the other.
    signals = _signals(reference[::2], metrics, columns, registry_of(context), region)
    rest = reference[1::2]
    pairs = {each.name: (_values(each, rest), _values(each, production)) for each in signals}
    watchable = [each for each in signals if len(pairs[each.name][0]) >= alarms.FEWEST]
    share = alpha / max(1, len(watchable))
    found = [
        watched
        for each in watchable
        if (watched := alarms.watch(each.name, *pairs[each.name], share, tolerance))
    ]
    told = _told(found, {each.name: each.words for each in signals}, alpha, production)
    _show(told)
    if len(watchable) < len(signals):
        left = ", ".join(each.name for each in signals if each not in watchable)
        echo(f"Not watched, fewer than {alarms.FEWEST} values in half of the reference: {left}")
    if out is not None:
        _write(out, told)
    if not found:
        return 4
    return 1 if told["alarms"] else 0


def _signals(
    reference: Sequence[Record],
    metrics: Sequence[str],
    columns: Sequence[str],
    registry: Registry,
    region: str,
) -> list[Signal]:
    from harness.errors import UnknownNameError
    from harness_data.monitoring import signals

    named = []
    for text in metrics:
        name, _, argument = text.partition(":")
        if name not in registry.metrics:
            raise UnknownNameError("metric", name, registry.metrics)
        named.append((text, registry.metrics[name], argument))
    return [
        *signals.standard(reference, region),
        *signals.of_columns(columns, reference),
        *signals.of_metrics(named),
    ]


def _values(signal: Signal, found: Sequence[Record]) -> list[float]:
    return [value for each in found if (value := signal.value(each)) is not None]


def _told(
    found: Sequence[Watched], words: Mapping[str, str], alpha: float, production: Sequence[Record]
) -> dict[str, Any]:
    raised = [each for each in found if each.alarm is not None]
    names = ", ".join(each.name for each in raised)
    changed = "nothing could be watched"
    if found:
        changed = f"changed: {names}" if raised else "none of the signals is shown to have changed"
    return {
        "alarms": [each.name for each in raised],
        "sentence": f"{len(production):,} exchanges; {changed}",
        "promise": _PROMISE.format(100 * alpha),
        "rows": [_row(each, words[each.name]) for each in found],
    }


def _row(each: Watched, words: str) -> dict[str, Any]:
    low, high = each.reference_interval
    verdict, now = "no change shown", f"{each.mean:.3f}"
    if each.interval[0] <= each.interval[1]:
        now += f" [{each.interval[0]:.3f}, {each.interval[1]:.3f}]"
    else:
        now += " (changed on the way)"
    if each.alarm is not None:
        verdict = f"{'higher' if each.higher else 'lower'}, since exchange {each.alarm:,}"
    return {
        "name": each.name,
        "words": words,
        "reference": f"{each.reference:.3f} [{low:.3f}, {high:.3f}]",
        "now": now,
        "n": f"{each.n:,}",
        "verdict": verdict,
        "alarm": each.alarm,
    }


def _show(told: Mapping[str, Any]) -> None:
    from rich.table import Table

    from harness.authoring.io import terminal

    out = terminal.console()
    columns = ("name", "reference", "now", "n", "verdict")
    table = Table()
    table.add_column("signal", no_wrap=True)
    for name in columns[1:]:
        table.add_column(name)
    for row in told["rows"]:
        table.add_row(*(one_line(str(row[name])) for name in columns))
    if told["rows"]:
        terminal.print_table(out, table, 1)
    echo(told["sentence"])
    echo(told["promise"])


def _write(path: Path, told: Mapping[str, Any]) -> None:
    from harness.authoring.io import files
    from harness_data.monitoring import page

    if path.suffix == ".json":
        files.write_json(path, told)
    else:
        files.write_atomically(path, page.render(told))
    echo(f"Page: {path}")
