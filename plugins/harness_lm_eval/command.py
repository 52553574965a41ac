"""``harness lm-eval``: their command line, which knows this engine as the model ``evalign``."""

from __future__ import annotations

import sys

import click

EPILOG = """\b
Examples:
  harness lm-eval run --model evalign --model_args pretrained=./ckpt --tasks arc_easy
  harness lm-eval run --model evalign --model_args pretrained=./ckpt,dtype=float32 \\
    --tasks gsm8k --limit 50
  harness lm-eval ls tasks
"""


@click.command(
    "lm-eval",
    epilog=EPILOG,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> int:
    """Run lm-evaluation-harness's own command with this engine as one of its models.

    What follows is handed to `lm-eval` as it is: `harness lm-eval run --help` shows its options.
    The model `evalign` takes `pretrained=` (all that --model takes here), `dtype`, `device`,
    `batch_size`, `cache`, and the settings of the backend. Prompts that begin alike are computed
    once, and answers are kept in the response store, so that a run that was stopped goes on.
    """
    from harness_lm_eval import installed

    installed.task_folder()  # says so where it is missing or of another version
    from lm_eval.__main__ import cli_evaluate

    from harness_lm_eval import model

    model.register()
    before = sys.argv
    sys.argv = ["lm-eval", *arguments]
    try:
        cli_evaluate()
    finally:
        sys.argv = before
    return 0
