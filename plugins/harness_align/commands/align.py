"""``harness align``: train a checkpoint further, measure it again, and decide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness import registry_of
from harness.authoring.io import terminal
from harness.authoring.io.run_options import Names

EPILOG = """\b
Examples:
  harness align --method dpo --model ./ckpt --data pairs.jsonl \\
    --eval-tasks crows_pairs.stereotype_share@0.5 --guard squad,sst2 --eval-data sample
  harness align --method rlhf --model ./ckpt --data prompts.jsonl \\
    --reward plugin:rewards.py:brevity --set steps=200 --set generations=8
  harness align --method rlhf --model ./ckpt --data squad=train.json --reward task:squad.f1
  harness align --method dpo --model ./ckpt --data pairs.jsonl --set adapter=lora --resume
  harness align --config harness.toml

Exit codes: 0 a gain is shown and no guard lost, 1 blocked, 2 usage or data error,
3 training or a measurement failed, 4 inconclusive.
"""


@click.command("align", epilog=EPILOG)
@click.option("--method", metavar="NAME", help="dpo, sft, rlhf, …; `harness ls` lists them.")
@click.option("--model", metavar="CKPT", help="The base: a checkpoint folder or hub id.")
@click.option("--data", metavar="FILE|TASK", help="Rows, or TASK, TASK=PATH, TASK=sample.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder. [aligned/METHOD-MODEL]")
@click.option("--eval-tasks", type=Names(), help="What must get better; see below.")
@click.option("--guard", type=Names(), help="What must not get worse; in the same form.")
@click.option(
    "--eval-data", multiple=True, metavar="TASK=PATH", help="As `harness run --data`: a path, or "
    "`sample` for the small sets that ship with the tasks."
)  # fmt: skip
@click.option("--limit", type=click.IntRange(1), help="Only the first N samples of each task.")
@click.option("--reward", help="What RL maximises: task:NAME, a folder, plugin:FILE.py:FUNCTION.")
@click.option("--held-out-reward", help="A reward that is measured but not trained on.")
@click.option("--judge", metavar="MODEL", help="A model that compares answers, in both orders.")
@click.option("--samples", type=click.IntRange(2), help="Held-out prompts both answer. [64]")
@click.option("--augment", type=Names(), help="Train on the variants that probes make of the rows, "
    "too: typos, gender_swap, …")  # fmt: skip
@click.option("--seed", type=int, help="Of the split, the order and the sampling. [0]")
@click.option(
    "--set", "settings", multiple=True, metavar="[NAME.]KEY=VALUE",
    help="A training setting: steps, learning_rate, beta, …; see `harness ls METHOD`. With NAME, "
    "an option of a task or of a probe of --augment.",
)  # fmt: skip
@click.option("--config", type=click.Path(path_type=Path), help="harness.toml with [align].")
@click.option(
    "--accelerate-config", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file of `accelerate config`: several GPUs, FSDP, DeepSpeed.",
)  # fmt: skip
@click.option("--gate-data", is_flag=True, help="Refuse data in which `harness data check` finds "
    "something.")  # fmt: skip
@click.option("--allow-overlap", is_flag=True, help="Train even on rows of the evaluation suite.")
@click.option("--energy", metavar="COUNTRY", help="Measure energy and CO2e, by a country's "
    "electricity, such as DEU: of the training and of both measurements.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from what an earlier run in --out finished.")
@click.option("--quiet", is_flag=True, help="Print only the verdict.")
@click.option("--full", is_flag=True, help="Print every table, not a screen of them.")
@click.pass_context
def command(
    context: click.Context, /, config: Path | None, quiet: bool, full: bool, **given: Any
) -> int:
    """Measure a model, train it further, measure it again, and decide.

    Targets and guards are TASK, TASK.METRIC, or TASK.METRIC@IDEAL where neither high nor low
    is best. Without a target the verdict rests on held-out prompts: the reward, or how much
    likelier the good answers became.
    """
    from harness_align import api, report
    from harness_align.commands import parsing, showing
    from harness_align.job import make_job

    registry = registry_of(context)
    files = [*registry.files, *registry.tables]
    job = make_job(config, parsing.flags(given, files), registry)
    result = api.run(job, registry, quiet)
    path = report.write(result, registry)
    if quiet:
        click.echo(f"{result.verdict.verdict}: {result.verdict.sentence}")
        return result.verdict.exit_code
    showing.show(result, terminal.console(), full)
    click.echo(f"HTML report: {path}\nCheckpoint: {result.checkpoint}")
    return result.verdict.exit_code
