"""What is closed at the end of the block it is used in."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Closing:
    """A context manager by its ``close`` alone."""

    def close(self) -> None:
        """Frees what is held."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
