"""``harness annotate``: people judge the answers of runs, on a page of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from harness.authoring.io import run_options
from harness.authoring.literal import echo, one_line
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness_judges.annotation.export import Form
    from harness_judges.annotation.store import Store

EPILOG = """\b
Examples:
  harness annotate runs/main --out scores --tasks squad
  harness annotate runs/main runs/candidate --out people --annotators ada,ben
  harness annotate report people
  harness annotate export people --as preference --file pairs.jsonl
  harness annotate runs/main --out marked --spans error,unclear --offline page.html
  harness annotate import marked annotations-annotator.json
  harness align --method dpo --model ./ckpt --data pairs.jsonl

The same command continues where it was stopped. Labels are on the disk before the
next answer is shown.
"""
_QUESTIONS = {
    "score": "How good is the answer?",
    "preference": "Which answer is better?",
    "binary": "Is the answer good?",
}


class _WithDefault(click.Group):
    """A group whose first word may be a run folder: then it serves."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = ["serve", *args]
        return super().parse_args(context, args)

    def collect_usage_pieces(self, context: click.Context) -> list[str]:
        del context
        return ["RUN [RUN2 …] --out FOLDER", "|", "report FOLDER", "|", "export FOLDER",
                "|", "import FOLDER FILE…"]  # fmt: skip


@click.group("annotate", cls=_WithDefault, epilog=EPILOG)
def command() -> None:
    """Have people judge answers of runs, blinded, by keyboard, on a page of this machine."""


@command.command("serve", epilog=EPILOG)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN…")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Where labels go.")
@click.option(
    "--kind", type=click.Choice(["score", "preference", "binary"]),
    help="What is asked. [preference for several runs, else score]",
)  # fmt: skip
@click.option("--question", help="What people read above the answers.")
@click.option("--scale", metavar="LOW-HIGH", help="Of scores, within 0-9. [1-5]")
@click.option(
    "--spans", type=run_options.Names(), metavar="LABEL,LABEL…",
    help="Parts of answers can be marked with these labels.",
)  # fmt: skip
@click.option("--annotators", type=run_options.Names(), help="Who judges. [annotator]")
@click.option(
    "--overlap", type=click.FloatRange(0, 1), default=0.2, show_default=True,
    help="Share of the items that every annotator judges.",
)  # fmt: skip
@click.option("--tasks", type=run_options.Names(), help="Only these tasks of the runs.")
@click.option("--limit", type=click.IntRange(1), help="Only N items.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of every order.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: any free one. [0]")
@click.option("--prepare", is_flag=True, help="Make the folder and stop: serve nothing.")
@click.option(
    "--offline", metavar="FILE", type=click.Path(path_type=Path),
    help="Write the page with all items as one HTML file instead: it needs no server.",
)  # fmt: skip
def serve(
    runs: tuple[Path, ...], out: Path, prepare: bool, port: int, offline: Path | None, **given: Any
) -> int:
    """Serve the page on which people judge the answers of RUNs."""
    from harness.authoring.io import local_server
    from harness_judges.annotation import offline as offline_page
    from harness_judges.annotation import spans, store
    from harness_judges.annotation.assignment import assign
    from harness_judges.annotation.items import gather

    serves = not prepare and offline is None
    if serves:
        local_server.check_extra("annotation", "judges")
    kind = store.kind_of(given["kind"] or ("preference" if len(runs) > 1 else "score"))
    low, high = _scale(given["scale"], kind)
    marked = spans.checked_labels(given["spans"] or ())
    settings = store.Settings(kind, given["question"] or _QUESTIONS[kind], low, high, marked)
    names = _names(given["annotators"] or ("annotator",))
    gathered = gather(runs, kind, given["tasks"] or (), given["limit"], given["seed"])
    assignment = assign(len(gathered.items), names, given["overlap"])
    systems = sorted({each.system for item in gathered.items for each in item.answers})
    store.create(out, gathered.items, assignment, settings, systems)
    for why, count in gathered.left_out.items():
        echo(f"{count:,} {why}")
    with store.opened(out) as opened:
        echo(f"{len(gathered.items):,} items for {', '.join(names)}: labels go into {out}")
        if offline is not None:
            offline_page.write(opened, offline)
            echo(f"{offline}: open it in a browser; what it saves goes in with")
            echo(f"  harness annotate import {out} FILE")
        if serves:
            _serve(opened, out, port)
        _tell(opened)
    return 0


def _serve(opened: Store, out: Path, port: int) -> None:
    from harness.authoring.io import local_server
    from harness_judges.annotation import server

    with server.locked(out):
        at = local_server.listening(port)
        port = at.getsockname()[1]
        # The one line that another program may wait for: it must not stay in a buffer.
        click.echo(f"Open {server.address(opened, port)}  (Ctrl-C ends)")
        local_server.serve(server.application(opened, local_server.hosts(port)), at)


def _tell(opened: Store) -> None:
    for name in opened.annotators:
        progress = opened.progress(name)
        echo(f"{name}: {progress.done:,} of {progress.total:,} judged")


def _scale(text: str | None, kind: str) -> tuple[int, int]:
    """The ends of a scale.

    Raises:
        UsageError: It is none, or the kind has no scale.
    """
    if text is None:
        return 1, 5
    low, dash, high = text.partition("-")
    if kind != "score":
        raise UsageError(f"--scale is for scores, and the kind is {kind}", "Leave it out.")
    if not (dash and low.isdecimal() and high.isdecimal() and 0 <= int(low) < int(high) <= 9):
        raise UsageError(
            f"--scale {text!r} is no scale", "Expected two digits, such as 1-5: a key for each."
        )
    return int(low), int(high)


def _names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The annotators.

    Raises:
        UsageError: One is named twice, or has a name that no page could show.
    """
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--annotators names {name!r} twice", "Give each a name of their own.")
        if len(name) > 40 or name != one_line(name):
            raise UsageError(f"{one_line(name, 40)!r} is no name of at most 40 plain characters")
    return names


@command.command("report")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--disagreements", type=click.IntRange(0), default=10, show_default=True,
              help="How many to list.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["console", "json"]), default="console")
def report(folder: Path, disagreements: int, form: str) -> int:
    """Show how far the annotators of FOLDER agree, with intervals, and on what they do not."""
    from harness_judges.annotation import agreement_report, rendering
    from harness_judges.annotation.store import opened

    with opened(folder) as store:
        found = agreement_report.report(store)
    if form == "json":
        echo(rendering.as_json(found, disagreements))
    else:
        rendering.show(found, disagreements)
    return 0


@command.command("export")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--file", "path", required=True, type=click.Path(path_type=Path), help="The JSONL.")
@click.option(
    "--as", "form", type=click.Choice(["labels", "preference", "completion", "spans"]),
    default="labels", show_default=True,
    help="As they are, as training data for `harness align`, or marked parts alone.",
)  # fmt: skip
@click.option("--threshold", type=float, help="For completion: the least mean score of a good one.")
def export(folder: Path, path: Path, form: str, threshold: float | None) -> int:
    """Write the judgements of FOLDER as JSONL."""
    from harness.authoring.io import files
    from harness.authoring.io.serialization import dumps
    from harness_judges.annotation import export as exporting
    from harness_judges.annotation.store import opened

    with opened(folder) as store:
        rows = exporting.rows(store, cast("Form", form), threshold)
    files.write_atomically(path, "".join(dumps(row) + "\n" for row in rows))
    echo(f"{path}: {len(rows):,} rows")
    return 0


@command.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@click.option(
    "--replace", is_flag=True, help="What FILE says of an item takes the place of what stands."
)
def import_(folder: Path, files: tuple[Path, ...], replace: bool) -> int:
    """Take the judgements that an offline page saved in each FILE into FOLDER."""
    from harness_judges.annotation import incoming
    from harness_judges.annotation.store import opened

    with opened(folder) as store:
        for path in files:
            taken = incoming.take(store, path, replace)
            told = f"{path}: {taken.added:,} new judgements of {taken.annotator}"
            told += f", {taken.known:,} known" if taken.known else ""
            told += f", {taken.replaced:,} replaced" if taken.replaced else ""
            echo(told)
            if taken.other:
                echo(f"  {taken.other:,} items are judged otherwise and stay so: see --replace")
        _tell(store)
    return 0
