"""The demo model: a tiny language model that ships with the package, and all that made it.

It learnt nothing but templated text written for this project (``families/``), with stereotypes
put in on purpose, so that every task and probe has something to measure without a download.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from harness.errors import UsageError


def weights_folder() -> Path:
    """The folder of the checkpoint, an ordinary Hugging Face one."""
    return Path(__file__).parent / "weights"


def save(out: Path) -> None:
    """Copies the checkpoint to the folder ``out``, made where it does not exist.

    Raises:
        UsageError: ``out`` is a file, or a folder that holds other things.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{str(out)!r} is a file", "Name a folder for the checkpoint.")
    files = sorted(path for path in weights_folder().iterdir() if path.is_file())
    names = {path.name for path in files}
    foreign = (
        sorted(path.name for path in out.iterdir() if path.name not in names)
        if out.is_dir()
        else []
    )
    if foreign:
        raise UsageError(
            f"the folder {str(out)!r} already holds {foreign[0]!r}",
            "Name an empty folder, or one that does not exist yet.",
        )
    out.mkdir(parents=True, exist_ok=True)
    for path in files:
        shutil.copyfile(path, out / path.name)
