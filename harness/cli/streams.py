"""Standard output and error that never end a command by themselves.

A reader that goes away (``| head``) and characters that a terminal does not have must not change
what a verdict's exit code says.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO


class _Sink(io.RawIOBase):
    """A file descriptor; what its reader no longer takes is dropped.

    Args:
        descriptor: Where to write.
        tell: Raise other errors, such as of a full disk, once; what follows them is dropped.
    """

    def __init__(self, descriptor: int, tell: bool) -> None:
        self._descriptor, self._tell, self._dropping = descriptor, tell, False

    def fileno(self) -> int:
        return self._descriptor

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        if self._dropping:
            return view.nbytes
        try:
            return os.write(self._descriptor, view)
        except OSError as error:
            self._dropping = True
            if self._tell and not isinstance(error, BrokenPipeError):
                raise
            return view.nbytes


def protect() -> None:
    """Puts such streams in the place of ``sys.stdout`` and ``sys.stderr``.

    Streams that are not the process's own, as in tests, are left alone.
    """
    if sys.stdout is sys.__stdout__:
        sys.stdout = _protected(sys.stdout, tell=True)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _protected(sys.stderr, tell=False)


def _protected(stream: TextIO | None, tell: bool) -> TextIO:
    if stream is None:  # closed by whoever started the command
        return open(os.devnull, "w", encoding="utf-8")
    stream.flush()
    sink = _Sink(stream.fileno(), tell)
    return io.TextIOWrapper(
        io.BufferedWriter(sink),
        encoding=stream.encoding,
        errors="replace",
        line_buffering=not tell or sink.isatty(),
    )
