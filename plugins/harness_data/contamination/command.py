"""``harness contamination``: the command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness import registry_of
from harness.authoring.io import run_options
from harness.authoring.literal import echo, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness_data.contamination.examining import OfTask, Settings

EPILOG = """\b
Examples:
  harness contamination --model ./ckpt --tasks sst2 --data sst2=dev.tsv --control sst2=newer.tsv
  harness contamination --model demo --tasks xsum --data sample --tests overlap --corpus corpus.txt

Exit codes: 0 examined, whatever was found; with --gate 1 where something was found
and 4 where nothing could be tested; 2 usage or data error.
"""


@click.command("contamination", epilog=EPILOG)
@run_options.run_options
@click.option(
    "--corpus",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file of training texts, to look for the items in; may be repeated.",
)
@click.option(
    "--tests",
    type=run_options.Names(),
    default="overlap,order,min_k",
    help="Any of overlap, order, min_k. [all]",
)
@click.option(
    "--control",
    multiple=True,
    metavar="TASK=PATH",
    help="Items of the same kind that the model cannot have seen, for min_k.",
)
@click.option(
    "--variants", type=run_options.Names(), default="synonyms", help="Probes, for min_k. [synonyms]"
)
@click.option("--alpha", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.01,
              show_default=True, help="False-alarm rate of the whole call.")  # fmt: skip
@click.option("--items-per-text", type=click.IntRange(2), default=5, show_default=True,
              help="Items whose order is tested together.")  # fmt: skip
@click.option("--orders", type=click.IntRange(9), default=19, show_default=True,
              help="Other orders of each text.")  # fmt: skip
@click.option("--texts", type=click.IntRange(3), default=100, show_default=True,
              help="Most texts whose order is tested.")  # fmt: skip
@click.option("--gate", is_flag=True, help="Exit with 1 where contamination is found.")
@click.pass_context
def command(
    context: click.Context,
    /,
    corpus: tuple[Path, ...],
    tests: tuple[str, ...],
    control: tuple[str, ...],
    variants: tuple[str, ...],
    alpha: float,
    items_per_text: int,
    orders: int,
    texts: int,
    gate: bool,
    **given: Any,
) -> int:
    """Look for signs that a model was trained on test sets. None of them is a proof.

    Takes the options of `harness run`. Three tests: the items' n-grams in a --corpus; is the
    published order of the items likelier than others; are the least likely words of an item
    likelier than those of its variants, more than with --control items. With --out FOLDER it writes
    contamination.json there.
    """
    from harness.authoring.io import files
    from harness_data.contamination import examining

    registry = registry_of(context)
    spec = run_options.run_spec(given)
    settings = examining.Settings(
        tests,
        corpus,
        run_options.parse_data(control),
        variants,
        alpha,
        items_per_text,
        orders,
        texts,
    )
    examining.check(settings, registry)
    found = examining.examine(spec, settings, registry)
    _show(found, settings)
    if spec.out is not None:
        files.write_json(spec.out / "contamination.json", _to_json(found, settings))
        echo(f"Figures: {spec.out / 'contamination.json'}")
    if not gate:
        return 0
    if any(of.found(alpha) for of in found.values()):
        return 1
    tested = any(of.overlap is not None or of.adjusted for of in found.values())
    return 0 if tested else 4


def _show(found: Mapping[str, OfTask], settings: Settings) -> None:
    from rich.table import Table

    from harness.authoring.io import terminal

    out = terminal.console()
    table = Table("task", "test", "result", "n", "p", "adjusted p", "value")
    for task, of in found.items():
        for row in _rows(of, settings.alpha):
            table.add_row(one_line(task), *row)
    terminal.print_table(out, table, 2)
    for task, of in found.items():
        for each in of.tested:
            if each.why:
                echo(f"{task}, {each.test}: no result: {each.why}")
        for note in of.notes:
            echo(f"{task}: {note}")
    echo(
        f"All p-values together raise a false alarm in at most {100 * settings.alpha:g} % of "
        "calls where the model saw none of it (Holm), if the items come in an arbitrary order "
        "and those of --control are of the same kind. A sign, not a proof; and no sign is no "
        "proof of the opposite."
    )


def _rows(of: OfTask, alpha: float) -> Iterator[tuple[str, ...]]:
    if of.overlap is not None:
        told = of.overlap
        count = len(told.found)
        value = (
            f"{count:,} of {len(told.shares):,} items have half of their {told.size}-grams in "
            f"{told.documents:,} documents ({told.words:,} words)"
        )
        yield "overlap", "found" if count else "not found", f"{len(told.shares):,}", "", "", value
    for each in of.tested:
        if each.p_value is None:
            yield each.test, "no result", f"{each.n:,}", "", "", each.value
            continue
        p_value = of.adjusted[each.test]
        said = "found" if p_value <= alpha else "not found"
        yield each.test, said, f"{each.n:,}", f"{each.p_value:.4f}", f"{p_value:.4f}", each.value


def _to_json(found: Mapping[str, OfTask], settings: Settings) -> dict[str, Any]:
    from harness.authoring.io.serialization import estimate_to_json

    def of_task(of: OfTask) -> dict[str, Any]:
        told: dict[str, Any] = {"items": of.items, "found": of.found(settings.alpha)}
        if of.overlap is not None:
            told["overlap"] = {
                "size": of.overlap.size,
                "documents": of.overlap.documents,
                "words": of.overlap.words,
                "too_short": of.overlap.too_short,
                "common": of.overlap.common,
                "shares": {name: share for name, share in of.overlap.shares.items() if share},
            }
        for each in of.tested:
            told[each.test] = {
                "value": each.value,
                "n": each.n,
                "p_value": each.p_value,
                "adjusted_p_value": of.adjusted.get(each.test),
                "why": each.why,
                "estimate": None if each.estimate is None else estimate_to_json(each.estimate),
            }
        return told

    return {"alpha": settings.alpha, "tasks": {task: of_task(of) for task, of in found.items()}}
