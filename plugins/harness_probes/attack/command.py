"""``harness attack``: how little it takes to make a model wrong."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness import registry_of
from harness.authoring.io import run_options
from harness.authoring.literal import one_line, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from harness_probes.attack.run import Attack
    from harness_probes.attack.search import Attacked

SHOWN = 5
EPILOG = """\b
Examples:
  harness attack --model ./ckpt --tasks sst2 --data sample
  harness attack --model ./ckpt --tasks hellaswag --limit 100 --kinds characters --share 0.1
"""


@click.command("attack", epilog=EPILOG)
@run_options.run_options
@click.option("--queries", type=click.IntRange(2), default=200, help="Texts asked a sample. [200]")
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.2,
    help="Share of the words that may be changed. [0.2]",
)
@click.option(
    "--similarity",
    type=click.FloatRange(0, 1),
    default=0.6,
    help="Least similarity of the text to the original, by its characters. [0.6]",
)
@click.option(
    "--kinds",
    type=run_options.Names(),
    default="words,characters",
    help="words (synonyms), characters (one slip a word). [words,characters]",
)
@click.pass_context
def command(
    context: click.Context,
    /,
    queries: int,
    share: float,
    similarity: float,
    kinds: tuple[str, ...],
    **given: Any,
) -> int:
    """Search for small changes of the text that turn right answers into wrong ones.

    Takes the options of `harness run`. Writes attack.json into the folder that --out
    names, and shows accuracy before and after, and the texts side by side.
    """
    from rich.console import Console

    from harness import open_model, plan
    from harness.authoring.io import files
    from harness.errors import UnknownNameError
    from harness_probes.attack.run import attack
    from harness_probes.attack.search import KINDS, Limits

    for kind in kinds:
        if kind not in KINDS:
            raise UnknownNameError("kind of change", kind, KINDS)
    registry = registry_of(context)
    spec = replace(run_options.run_spec(given), probes=())
    limits = Limits(queries, share, similarity, kinds)
    with closing(open_model(spec.model_config, registry)) as backend:
        planned = plan(spec, backend, registry)
        attacks = [attack(task, backend, limits, spec.seed, spec.cache) for task in planned.tasks]
        model = {"spec": spec.model, "fingerprint": backend.fingerprint, **backend.describe()}
        usage = backend.usage
    out = spec.out or run_options.RUNS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-attack"
    report = {
        "model": model,
        "limits": asdict(limits),
        "seed": spec.seed,
        "usage": asdict(usage),
        "tasks": {each.task: to_json(each) for each in attacks},
    }
    files.write_json(out / "attack.json", report)
    console = Console(highlight=False)
    for each in attacks:
        _show(console, each)
    if usage.prompt_tokens:
        console.print(
            f"\n{usage.prompt_tokens:,} prompt tokens, {usage.computed_tokens:,} of them computed"
        )
    console.print(f"\nWritten: {Path(out) / 'attack.json'}", markup=False, soft_wrap=True)
    return 0


def to_json(attack: Attack) -> dict[str, Any]:
    """Measures, and every sample's end."""
    from harness.authoring.io import serialization

    return {
        "n": len(attack.attacked),
        "measures": {
            name: serialization.estimate_to_json(value) for name, value in attack.measures.items()
        },
        "samples": [
            {
                "id": each.sample.id,
                "target": each.sample.targets[0],
                "right": each.right,
                "succeeded": each.succeeded,
                "original": each.sample.input,
                "attacked": each.text,
                "chance": each.chance,
                "queries": each.queries,
                "changed_words": each.changed,
                "words": each.words,
                **(
                    {"record": serialization.record_to_json(attack.records[each.sample.id])}
                    if each.sample.id in attack.records
                    else {}
                ),
            }
            for each in attack.attacked
        ],
    }


def _show(console: Console, attack: Attack) -> None:
    from rich.table import Table
    from rich.text import Text

    console.print()
    count = f"  {len(attack.attacked):,} samples"
    console.print(Text.assemble((one_line(attack.task), "bold"), count))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in attack.measures.items():
        interval = f"[{value.low:.3g}, {value.high:.3g}]" if value.n else ""
        table.add_row(name.replace("_", " "), f"{value.value:.3g}", interval, f"n = {value.n:,}")
    console.print(table, markup=False)
    succeeded = [each for each in attack.attacked if each.succeeded]
    for each in sorted(succeeded, key=lambda each: each.changed)[:SHOWN]:
        before, after = side_by_side(each)
        console.print()
        told = f"{one_line(each.sample.targets[0])} → wrong, {each.queries} queries"
        console.print(Text(told, style="dim"))
        console.print(before)
        console.print(after)


def side_by_side(attacked: Attacked) -> tuple[Text, Text]:
    """The text before and after, with what changed marked."""
    import difflib

    from rich.text import Text

    old, new = (visible(text).split(" ") for text in (attacked.sample.input, attacked.text))
    before, after = Text("  - "), Text("  + ")
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        marked = "" if kind == "equal" else "bold"
        before.append(" ".join(old[a:b]) + " " * (b > a), style=marked and f"{marked} red")
        after.append(" ".join(new[c:d]) + " " * (d > c), style=marked and f"{marked} green")
    return before, after
