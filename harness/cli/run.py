"""``harness run``: evaluate a model."""

from __future__ import annotations

import sys
from typing import Any

import click

from harness.authoring.io import run_options
from harness.authoring.literal import echo
from harness.cli import registry_of

EPILOG = """\b
Examples:
  harness run --model ./ckpt --tasks squad,xsum,bias --data sample
  harness run --model ./ckpt --tasks squad --data squad=dev-v2.0.json --limit 200
  harness run --model replay:hypotheses.de --tasks wmt22_en_de --data wmt22_en_de=src.en:ref.de
  harness run --model ./ckpt --tasks sst2 --num-fewshot 3 --set sst2.template=review
  harness run --model ./ckpt --tasks xsum,squad --data sample --metrics grounding.numbers
  harness run --config harness.toml --out runs/candidate

Exit codes: 0 pass, 1 blocked by a gate, 2 usage or data error,
3 the run failed or is incomplete, 4 inconclusive.
"""


@click.command("run", epilog=EPILOG)
@run_options.run_options
@click.option("--no-gate", is_flag=True, help="Judge by no rule, as for a first baseline.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors and the verdict.")
@click.option(
    "--track",
    type=run_options.Names(),
    default="",
    help="Services that follow the run, such as mlflow; their options are --set NAME.KEY=VALUE.",
)
@click.option("--full", is_flag=True, help="Print every table, not a screen of them.")
@click.pass_context
def command(
    context: click.Context,
    /,
    no_gate: bool,
    quiet: bool,
    full: bool,
    track: tuple[str, ...],
    **given: Any,
) -> int:
    """Evaluate a model on tasks and write a run folder.

    MODEL is a checkpoint folder or hub id, `demo`, or SCHEME:REST such as
    replay:FILE; `harness ls` lists what there is.
    """
    from dataclasses import replace

    from harness.authoring.io import secrets
    from harness.authoring.reporting import progress
    from harness.cli import rendering
    from harness.cli.exchange import tracking
    from harness.cli.gate import annotate
    from harness.errors import RunFailedError, UsageError
    from harness.results import runfolder
    from harness.run import runner
    from harness.run.watching.display import RunDisplay

    if no_gate and given["baseline"] is not None:
        raise UsageError("--baseline and --no-gate exclude each other", "Give one of them.")
    registry = registry_of(context)
    trackers, given["settings"] = tracking.open_trackers(registry, track, given["settings"])
    spec = run_options.run_spec(given)
    if no_gate:
        spec = replace(spec, gate=None, baseline=None)
    for name in spec.formats:
        registry.reporter(name)  # an unknown format is an error before the model is opened
    command_line = secrets.redact_command(["harness", *sys.argv[1:]])
    try:
        name, settings = tracking.name_of(spec.out, spec.model), runfolder.spec_to_json(spec)
        with (
            tracking.following(registry, trackers, name, settings, quiet),
            progress.display(quiet) as display,
        ):
            shown = RunDisplay(display, spec.may_end_early)
            finished = runner.run(
                spec, registry, command_line, shown.planned, shown.update, shown.phase
            )
    except RunFailedError as error:
        # What was scored before it stopped is worth reading, too.
        if error.folder is not None and runfolder.is_checked(error.folder):
            written = runfolder.read_result(error.folder)
            rendering.render(registry, spec.formats, written, error.folder, quiet, full)
        raise
    rendering.render(registry, spec.formats, finished.result, finished.folder, quiet, full)
    verdict = finished.result.gate
    if verdict is None:
        return 0
    if quiet:
        echo(verdict.sentence)
    annotate(verdict)
    return verdict.exit_code
