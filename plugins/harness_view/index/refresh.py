"""Keeping an index true to its folders: at once, or in a thread beside a server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.types import MetricResult
from harness_view.index import entries, folders, samples
from harness_view.index.entries import Entry
from harness_view.index.store import Index

EVERY = 2.0
"""Seconds between two looks at the folders."""
Told = Callable[[int, int], None]


def _quiet(done: int, total: int) -> None:
    del done, total


@dataclass(slots=True)
class Refreshed:
    """How far the index is.

    Attributes:
        read: Runs that were read anew by the last look.
        dropped: Runs that are gone.
        total: Run folders that there are.
        waiting: Files of samples that are still to be read.
        others: Folders that are no runs and no part of one.
        is_cut: Whether there are more folders than are looked into.
    """

    read: int = 0
    dropped: int = 0
    total: int = 0
    waiting: int = 0
    others: tuple[Path, ...] = ()
    is_cut: bool = False


def refresh(index: Index, told: Told = _quiet) -> Refreshed:
    """Reads the runs that are new or have changed, the latest first, and forgets what is gone."""
    scan = folders.scan(index.root)
    known = index.identities()
    changed = [each for each in scan.runs if known.get(each.path) != each.identity]
    gone = [path for path in known if path not in {each.path for each in scan.runs}]
    if gone:
        index.drop(gone)
    for number, found in enumerate(changed, start=1):
        entry, measured = entries.read(index.root, found)
        index.put(entry, found.identity, measured)
        told(number, len(changed))
    return Refreshed(len(changed), len(gone), len(scan.runs), 0, scan.others, scan.is_cut)


def file_of(index: Index, entry: Entry, task: str) -> Path:
    """A run's file of samples of a task."""
    return index.root / entry.path / "samples" / f"{task}.jsonl"


def identity_of(path: Path) -> str:
    """Changes with the file; empty where there is none."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"


def columns(index: Index, entry: Entry, task: str) -> samples.Columns | None:
    """The columns of a run's samples of a task, read now where need be; None where there are none.

    Raises:
        DataError: The run or its file of samples is damaged.
    """
    path = file_of(index, entry, task)
    identity = identity_of(path)
    if not identity:
        return None
    found = index.columns(entry.key, task, identity)
    if found is None:
        metrics = {
            each.metric: MetricResult(each.estimate, each.higher_is_better)
            for each in index.measured(run=entry.key, task=task)
        }
        found = samples.read(path, metrics)
        index.put_columns(entry.key, task, identity, found)
    return found


def unread(index: Index) -> list[tuple[Entry, str]]:
    """(run, task) of the files of samples whose columns are not kept, the latest run first."""
    kept = {(run, task): identity for run, task, identity in index.has_columns()}
    tasks: dict[str, list[str]] = {}
    for each in index.measured():
        if each.is_first:
            tasks.setdefault(each.run, []).append(each.task)
    found = []
    for entry in index.entries():
        for task in tasks.get(entry.key, ()):
            identity = identity_of(file_of(index, entry, task))
            if identity and kept.get((entry.key, task)) != identity:
                found.append((entry, task))
    return found


class Watcher:
    """Looks at the folders again and again in a thread of its own, until it is ended.

    Args:
        index: What is kept true.
        compute: Called after the index has changed, with all columns read; a function that says
            whether the thread is to end is handed to it.
    """

    def __init__(self, index: Index, compute: Callable[[Callable[[], bool]], None]) -> None:
        self.state = Refreshed()
        self.is_reading = True
        self._index, self._compute = index, compute
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="index", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def close(self) -> None:
        """Ends, after the run in hand."""
        self._end.set()
        self._thread.join(timeout=30)

    def _watch(self) -> None:
        failed: set[tuple[str, str, str]] = set()
        computed, pause = -1, EVERY
        while not self._end.is_set():
            self.is_reading = computed < 0
            begun = time.monotonic()
            self.state = refresh(self._index, self._told)
            if not self.state.read:  # a root that takes long to look through is looked at less
                pause = max(EVERY, 5 * (time.monotonic() - begun))
            self._read_samples(failed)
            if not self._end.is_set() and computed != self._index.version:
                self._compute(self._end.is_set)
                computed = self._index.version
            self.is_reading = False
            self._end.wait(pause)

    def _told(self, done: int, total: int) -> None:
        self.state = Refreshed(done, 0, total)
        if self._end.is_set():
            raise SystemExit

    def _read_samples(self, failed: set[tuple[str, str, str]]) -> None:
        missing = unread(self._index)
        for number, (entry, task) in enumerate(missing):
            if self._end.is_set():
                return
            self.state.waiting = len(missing) - number
            identity = identity_of(file_of(self._index, entry, task))
            if (entry.key, task, identity) in failed:
                continue
            try:
                columns(self._index, entry, task)
            except (HarnessError, OSError, ValueError, MemoryError):
                failed.add((entry.key, task, identity))  # its page says what is wrong
        self.state.waiting = 0
