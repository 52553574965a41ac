"""Links to samples and methods within a page."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import quote


class SampleLinks:
    """Permalinks into a page's sample browser; empty for tasks whose samples it does not hold."""

    def __init__(self, tasks: Collection[str]) -> None:
        self._tasks = frozenset(tasks)

    def __call__(self, task: str, **wanted: str | None) -> str:
        """``#samples?task=squad&outcome=error``.

        Args:
            task: The task.
            wanted: What of its samples: ``outcome``, ``probe``, ``by`` and ``group``, ``sort``,
                ``sample``, as the browser's script reads them.
        """
        if task not in self._tasks:
            return ""
        pairs = {"task": task, **wanted}
        return "#samples?" + "&".join(
            f"{name}={quote(value, safe='', errors='replace')}"
            for name, value in pairs.items()
            if value is not None
        )


class Footnotes:
    """Methods, each said once at the end of a page; numbered as the page first names them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """The note's number, from 1."""
        return self._numbers.setdefault(text, len(self._numbers) + 1)

    @property
    def texts(self) -> tuple[str, ...]:
        """The notes in the order of their numbers."""
        return tuple(self._numbers)
