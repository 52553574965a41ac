"""``harness baseline``: runs as small files that can live in git or as a CI artifact."""

from __future__ import annotations

from pathlib import Path

import click

from harness.authoring.literal import echo

EPILOG = """\b
Examples:
  harness baseline save runs/main main.baseline
  harness baseline show main.baseline
  harness gate runs/candidate --baseline main.baseline
"""


@click.group("baseline", epilog=EPILOG)
def command() -> None:
    """Save a run as one small file, or show such a file."""


@command.command("save")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--with-prompts", is_flag=True, help="Keep prompts and responses too.")
def save(run: Path, file: Path, with_prompts: bool) -> int:
    """Write RUN (a run folder) as the baseline FILE.

    It holds per-sample scores, hashes and settings; no prompts and no responses unless asked.
    """
    from harness.results.baseline import save_baseline

    scored = save_baseline(run, file, with_prompts)
    samples = sum(len(each) for each in scored.samples.values())
    size = file.stat().st_size
    echo(f"{file}: {samples} samples of {len(scored.samples)} tasks, {size:,} bytes")
    return 0


@command.command("show")
@click.argument("file", type=click.Path(path_type=Path))
def show(file: Path) -> int:
    """Print what FILE (a baseline file or a run folder) holds."""
    from harness.results.baseline import load_run

    run = load_run(file)
    result = run.result
    echo(f"run      {result.run_id} ({result.status})")
    echo(f"model    {result.model.get('spec', result.model.get('name', 'unknown'))}")
    echo(f"started  {result.timing.get('started', 'unknown')}")
    if result.gate is not None:
        echo(f"gate     {result.gate.verdict}: {result.gate.sentence}")
    for task in result.tasks.values():
        scored = len(run.samples.get(task.name, {}))
        echo(f"\n{task.name} version {task.version}, data {task.data_sha256[:12]}")
        echo(f"  {task.n} samples, {scored} with scores, {task.errors} errors")
        for name, metric in task.metrics.items():
            value = metric.estimate
            echo(
                f"  {name:<24} {value.value:.4g}  ({value.low:.4g} to {value.high:.4g}, "
                f"n = {value.n}, {value.method})"
            )
    return 0
