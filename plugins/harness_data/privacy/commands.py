"""``harness privacy plant``, ``exposure`` and ``extract``."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from harness import registry_of
from harness.authoring.io import run_options
from harness.authoring.literal import echo, one_line


@click.group("privacy")
def group() -> None:
    """Does a model give back its training data: planted canaries, and personal data of a file."""


class Counts(click.ParamType[tuple[int, ...]]):
    """Whole numbers from 1, between commas."""

    name = "1,4,16"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> tuple[int, ...]:
        """Checks the numbers."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        if not all(part.isdecimal() and 1 <= int(part) <= 10_000 for part in parts):
            return self.fail(f"{value!r} is no list of whole numbers from 1", param, context)
        return tuple(map(int, parts))


PLANT_EPILOG = """\b
Examples:
  harness privacy plant training.jsonl --out planted.jsonl --secrets secrets.json
"""


@group.command("plant", epilog=PLANT_EPILOG)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The JSONL to write.")
@click.option("--secrets", required=True, type=click.Path(path_type=Path),
              help="The JSON of what was planted; keep it for `exposure`.")  # fmt: skip
@click.option("--count", type=click.IntRange(1, 1000), default=9, show_default=True)
@click.option("--repeats", type=Counts(), default="1,4,16", show_default=True,
              help="How often a canary is planted, in turn.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of secrets and places.")
def plant(
    file: Path, out: Path, secrets: Path, count: int, repeats: tuple[int, ...], seed: int
) -> int:
    """Write the training rows of FILE with canaries among them.

    A canary is a sentence with six digits drawn at random. Train on OUT, then ask
    `harness privacy exposure` whether the model remembers them.
    """
    from harness.authoring.io import files
    from harness.authoring.io.serialization import dumps
    from harness_data.preparation import cleaning, table
    from harness_data.privacy import canaries

    cleaning.check_out(file, out)
    read = table.read(file)
    made = canaries.make(count, repeats, seed)
    rows = canaries.planted([line.row for line in read.lines], made, read.columns, seed)
    canaries.write(secrets, made)
    files.write_atomically(out, "".join(dumps(dict(row)) + "\n" for row in rows))
    echo(f"{len(made)} canaries in {len(rows) - len(read.lines):,} rows of {len(rows):,}: {out}")
    echo(f"What was planted: {secrets}")
    return 0


EXPOSURE_EPILOG = """\b
Examples:
  harness privacy exposure --model ./ckpt secrets.json
  harness privacy exposure --model ./ckpt secrets.json --before ./small --gate

Exit codes: 0 measured; with --gate 1 where the model remembers; 2 usage or data error.
"""


@group.command("exposure", epilog=EXPOSURE_EPILOG)
@click.argument("secrets", type=click.Path(path_type=Path))
@click.option("--model", required=True, metavar="MODEL", help="The model after training.")
@click.option("--before", metavar="MODEL", help="The model before it, to compare.")
@click.option("--candidates", type=click.IntRange(10, 100_000), default=500, show_default=True,
              help="Secrets that each is ranked among.")  # fmt: skip
@click.option("--alpha", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.01,
              show_default=True, help="False-alarm rate.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--gate", is_flag=True, help="Exit with 1 where the model remembers.")
@click.pass_context
def exposure(
    context: click.Context,
    secrets: Path,
    model: str,
    before: str | None,
    candidates: int,
    alpha: float,
    seed: int,
    gate: bool,
) -> int:
    """Say how exposed planted canaries are in a model.

    Exposure is log2 of the candidates over the rank of the secret by likelihood: about 1.4
    bits on average where nothing is remembered, log2 of the candidates where it is the
    likeliest of all.
    """
    from rich.table import Table

    from harness import open_model
    from harness.authoring.io import terminal
    from harness_data.privacy import canaries

    planted = canaries.read(secrets)
    registry = registry_of(context)
    names = [("after", model)] + ([("before", before)] if before is not None else [])
    found = {}
    for when, name in names:
        with closing(open_model(name, registry)) as opened:
            found[when] = canaries.expose(opened, name, planted, candidates, seed)
    table = Table("planted", "canaries", *(f"exposure {when}, bits" for when in found))
    for repeats in sorted({each.repeats for each in planted}):
        of = [at for at, each in enumerate(planted) if each.repeats == repeats]
        bits = [", ".join(f"{exposures[at].bits:.1f}" for at in of) for exposures in found.values()]
        table.add_row(f"{repeats:,} times", f"{len(of)}", *bits)
    out = terminal.console()
    terminal.print_table(out, table, 1)
    verdicts = {when: canaries.p_value(exposures, seed) for when, exposures in found.items()}
    for when, name in names:
        said = "remembers" if verdicts[when] <= alpha else "is not shown to remember"
        echo(f"{one_line(name)} ({when}) {said} the canaries: p = {verdicts[when]:.4g}")
    echo(
        f"A model that never saw them is said to remember in {100 * alpha:g} % of cases; "
        "no sign is no proof that it forgot."
    )
    return 1 if gate and verdicts["after"] <= alpha else 0


EXTRACT_EPILOG = """\b
Examples:
  harness privacy extract training.jsonl --model ./ckpt
"""


@group.command("extract", epilog=EXTRACT_EPILOG)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", required=True, metavar="MODEL", help="The model after training.")
@click.option("--texts", type=run_options.Names(), help="Columns with texts. [all]")
@click.option("--max-tokens", type=click.IntRange(1, 1000), default=32, show_default=True)
@click.option("--limit", type=click.IntRange(1), help="Only the first N pieces.")
@click.option("--region", default="US", show_default=True,
              help="Whose telephone numbers need no country code.")  # fmt: skip
@click.pass_context
def extract(
    context: click.Context,
    file: Path,
    model: str,
    texts: tuple[str, ...] | None,
    max_tokens: int,
    limit: int | None,
    region: str,
) -> int:
    """Have a model go on from the texts of FILE that stand before personal data.

    Shows what share of the e-mail addresses and numbers it writes as they stand there, and
    what share of other rows' it writes by chance. What it wrote is not shown.
    """
    from collections import Counter

    from harness import open_model
    from harness_data.preparation import table
    from harness_data.privacy import extraction

    read = table.read(file, texts or ())
    asked = extraction.pieces([(line.number, line.text) for line in read.lines], region)[:limit]
    if not asked:
        echo("No personal data with text before them: nothing to ask.")
        return 0
    with closing(open_model(model, registry_of(context))) as opened:
        found = extraction.extract(opened, model, asked, max_tokens)
    pairs = zip(found.asked, found.given, strict=True)
    kinds = Counter(each.kind for each, given in pairs if given)
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "none"
    rates = (("as they stand", found.rate), ("of other rows, by chance", found.chance))
    for words, estimate in rates:
        echo(
            f"written {words}: {estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}] "
            f"of {estimate.n:,} pieces ({estimate.method})"
        )
    echo(f"given back: {told}; {found.failed} requests failed")
    return 0
