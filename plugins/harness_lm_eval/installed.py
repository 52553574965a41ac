"""Which lm-evaluation-harness is installed, found without importing it."""

from __future__ import annotations

import importlib.util
import logging
from functools import cache
from importlib import metadata
from pathlib import Path

from harness.errors import MissingExtraError, UsageError

VERSION = "0.4.13"
"""The version whose definitions and internal names this package is written for."""


@cache
def task_folder() -> Path:
    """The folder of its task definitions.

    Raises:
        MissingExtraError: It is not installed.
        UsageError: It is of another version.
    """
    found = importlib.util.find_spec("lm_eval")
    if found is None or found.origin is None:
        raise MissingExtraError("lm-evaluation-harness's tasks", "lm-eval")
    version = metadata.version("lm_eval")
    if version != VERSION:
        raise UsageError(
            f"lm_eval {version} is installed, and the bridge to its tasks is for {VERSION}",
            f"Install that one: pip install 'lm_eval=={VERSION}'",
        )
    return Path(found.origin).parent / "tasks"


@cache
def prepare() -> None:
    """Makes lm_eval ready to be used as a library, once.

    It and ``datasets`` write nothing to the terminal, as what matters is said here. Templates of
    definitions run in Jinja's sandbox, and each is compiled once instead of once a document.
    """
    logging.getLogger("lm_eval").setLevel(logging.CRITICAL)
    import datasets

    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    datasets.disable_progress_bars()
    import lm_eval.utils

    from harness_lm_eval.templates import Templates

    lm_eval.utils.env = Templates.like(lm_eval.utils.env)
