"""``harness pairs``: preference pairs from a strong and a weak model."""

from __future__ import annotations

from pathlib import Path

import click

from harness import registry_of
from harness.authoring.io import run_options

EPILOG = """\b
Examples:
  harness pairs --strong ./large --weak ./small --prompts prompts.jsonl --out pairs.jsonl
  harness pairs --strong ./c3 --middle ./c2 --weak ./c1 --prompts squad=sample --out pairs.jsonl
  harness align --method contrastive --model ./small --data pairs.jsonl
"""


@click.command("pairs", epilog=EPILOG)
@click.option("--strong", required=True, metavar="MODEL", help="Its answers are the chosen ones.")
@click.option("--middle", metavar="MODEL", help="Its answers make hard pairs.")
@click.option("--weak", required=True, metavar="MODEL", help="Its answers make easy pairs.")
@click.option("--prompts", required=True, metavar="FILE|TASK", help="As `align --data`.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The JSONL to write.")
@click.option("--max-tokens", type=click.IntRange(1), default=128, show_default=True)
@click.option("--temperature", type=click.FloatRange(0), default=0.7, show_default=True)
@click.option("--top-p", type=click.FloatRange(0, 1), default=1.0, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--max-words", type=click.IntRange(1), default=400, show_default=True)
@click.option(
    "--length-outlier", type=click.FloatRange(1), default=5.0, show_default=True,
    help="Drop a pair where one answer is this many times as long.",
)  # fmt: skip
@click.option("--agree", metavar="REWARD", help="Keep a pair only if this reward agrees.")
@click.option("--batch-size", type=run_options.BatchSize(), help="Sequences a forward pass. [auto]")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.pass_context
def command(
    context: click.Context,
    /,
    prompts: str,
    out: Path,
    batch_size: int | str | None,
    quiet: bool,
    **given: object,
) -> int:
    """Write preference pairs: the strong model's answer before the weaker ones'.

    Beside OUT, OUT.about.json documents models, sampling, and every drop.
    """
    from rich.console import Console

    from harness import ModelConfig
    from harness.authoring.io import files
    from harness.types import Sampling
    from harness_align.dataset import training_rows
    from harness_align.mining import pairing
    from harness_align.preparation import preparing

    registry = registry_of(context)
    size = batch_size if isinstance(batch_size, int) else None
    models = {
        role: ModelConfig(str(given[role]), batch_size=size)
        for role in ("strong", "middle", "weak")
        if given[role]
    }
    seed = int(str(given["seed"]))
    sampling = Sampling(
        max_tokens=int(str(given["max_tokens"])),
        temperature=float(str(given["temperature"])),
        top_p=float(str(given["top_p"])),
        seed=seed,
    )
    spec = pairing.PairSpec(
        models,
        sampling,
        int(str(given["max_words"])),
        float(str(given["length_outlier"])),
        str(given["agree"] or ""),
    )
    console = Console(stderr=True, quiet=quiet, highlight=False)
    asked = training_rows.convert(preparing.read(prompts, "prompt", registry, seed), "prompt")
    made = pairing.make(spec, asked, registry, console.print)
    training_rows.write(out, made.pairs)
    about = {"command": {k: v for k, v in given.items() if v is not None}, **pairing.describe(made)}
    files.write_json(out.with_name(out.name + ".about.json"), about)
    for name, value in pairing.describe(made).items():
        console.print(f"{name}: {value}")
    return 0
