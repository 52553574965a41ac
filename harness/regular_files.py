"""Files that the user names, opened only where they are files.

Reading a pipe or a socket may wait for ever, a device may fill the memory, and writing to one
would put a file in its place. Whatever opens a path that comes from outside does it here.
"""

from __future__ import annotations

import errno
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NoFileError(OSError):
    """The path is there and names something that is no file: a pipe, a socket or a device."""


def check(path: str | Path) -> None:
    """Refuses what is neither a file nor a folder; a missing one passes.

    Raises:
        NoFileError: It is a pipe, a socket or a device.
    """
    try:
        kind = _KINDS.get(stat.S_IFMT(Path(path).stat().st_mode))
    except (OSError, ValueError):  # whoever opens it says why
        return
    if kind is not None:
        raise NoFileError(errno.EINVAL, f"{kind}, and a file is wanted", str(path))


def check_folder(folder: Path) -> None:
    """Refuses a folder in which something, however deep, is neither a file nor a folder.

    Raises:
        NoFileError: It is a pipe, a socket or a device.
    """
    for path in folder.rglob("*"):
        check(path)


def check_target(path: Path) -> None:
    """Refuses a path to which no file can be written, or whose device would be lost.

    Raises:
        IsADirectoryError: It is a folder, or has no name.
        NoFileError: It is a pipe, a socket or a device.
    """
    if not path.name or path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "a folder, and a file is wanted", str(path))
    check(path)


def open_binary(path: str | Path) -> BinaryIO:
    """The file, opened to read bytes.

    Raises:
        OSError: It cannot be read, or is no file.
    """
    check(path)
    return open(path, "rb")


def read_bytes(path: str | Path) -> bytes:
    """The whole of a file.

    Raises:
        OSError: It cannot be read, or is no file.
    """
    with open_binary(path) as file:
        return file.read()


def read_text(path: str | Path, encoding: str = "utf-8") -> str:
    """The whole of a text file, its line ends as Python's.

    Raises:
        OSError: It cannot be read, or is no file.
        UnicodeDecodeError: It is not in that encoding.
    """
    check(path)
    return Path(path).read_text(encoding=encoding)
