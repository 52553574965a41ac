"""Links to samples and methods within a page."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import quote


def permalink(wanted: Mapping[str, str | None]) -> str:
    """A link into the browser of samples, which reads what is not None."""
    return "#samples?" + "&".join(
        f"{name}={quote(value, safe='', errors='replace')}"
        for name, value in wanted.items()
        if value is not None
    )


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
        return permalink({"task": task, **wanted})


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
