"""Reading files that users name, and writing files whole or not at all.

A pipe, a socket or a device is refused, in both directions.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from harness.authoring.io.serialization import dumps
from harness.errors import HarnessError
from harness.regular_files import check_folder, check_target, open_binary, read_bytes, read_text

__all__ = [
    "PRIVATE",
    "SHARED",
    "cache_folder",
    "check_folder",
    "check_target",
    "open_binary",
    "read_bytes",
    "read_text",
    "replacing",
    "write_atomically",
    "write_json",
]

PRIVATE = 0o600
"""The permissions of a file that its user alone reads."""
SHARED = 0o666
"""The permissions, less the user's mask, of a file that others may read, too."""


def cache_folder() -> Path:
    """``$HARNESS_CACHE``, else the user's cache folder on this platform; it may not exist yet.

    Raises:
        HarnessError: There is no home folder to keep it in.
    """
    folder = os.environ.get("HARNESS_CACHE")
    if folder:
        return Path(folder)
    import platformdirs

    try:
        path = platformdirs.user_cache_path("evalign")
    except RuntimeError:  # nobody knows the home folder; older versions leave the `~`
        path = Path("~")
    if not path.is_absolute():
        raise HarnessError(
            "there is no home folder to keep responses in",
            "Set HARNESS_CACHE to a folder, or give --no-cache.",
        )
    return path


def write_atomically(path: Path, content: str | bytes, mode: int = PRIVATE) -> None:
    """Writes a file so that a reader sees the old content or the new, never a part.

    Args:
        path: The file; its folder is made when missing.
        content: The content; text is written as UTF-8.
        mode: The file's permissions, less the user's mask: what a model was asked and said is its
            user's alone unless ``SHARED`` is given.

    Raises:
        OSError: It cannot be written, or the path names a folder, a pipe or a device.
    """
    check_target(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, mode) as file:
        if isinstance(content, bytes):
            file.buffer.write(content)
        else:
            file.write(content)


@contextmanager
def replacing(path: Path, mode: int = PRIVATE) -> Iterator[TextIO]:
    """A text file that takes the place of ``path`` once the context ends without an error."""
    partial = path.with_name(f".{path.name[:200]}.{os.getpid()}.partial")
    try:
        with open(
            partial, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, mode)
        ) as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, value: Any, mode: int = PRIVATE) -> None:
    """Writes indented JSON atomically."""
    write_atomically(path, dumps(value, indent=2) + "\n", mode)
