"""Where run folders are, and what tells that one has changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEEPEST = 4
"""Folders between the root and a run folder, at most."""
MOST = 200_000
"""Folders looked into, at most."""
RUN_FILES = ("results.json", "run.json", "manifest.json", "progress.json")


@dataclass(frozen=True, slots=True)
class Found:
    """A run folder.

    Attributes:
        path: Relative to the root, with slashes; ``.`` for the root itself.
        identity: Changes with the name, size and time of any file that is read of it.
        samples: Task → the same of its file of samples.
        has_manifest: Whether the run came to its end.
    """

    path: str
    identity: str
    samples: Mapping[str, str]
    has_manifest: bool = False


@dataclass(frozen=True, slots=True)
class Scan:
    """What is below a root: run folders, and other folders that are no part of one."""

    runs: tuple[Found, ...]
    others: tuple[Path, ...]
    is_cut: bool = False


@dataclass(slots=True)
class _Walk:
    runs: list[Found] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    left: int = MOST


def scan(root: Path) -> Scan:
    """Looks through the root. Links to folders are not followed, hidden folders not entered."""
    walk = _Walk()
    _visit(root, root, 0, walk)
    runs = sorted(walk.runs, key=lambda each: each.path)
    return Scan(tuple(runs), tuple(sorted(walk.others)), walk.left <= 0)


def at(root: Path, path: str) -> Found:
    """One run folder as it is now.

    Raises:
        OSError: It is not there.
    """
    folder = root / path
    with os.scandir(folder) as entries:
        return _found(root, folder, {each.name: each for each in entries})


def _visit(root: Path, folder: Path, depth: int, walk: _Walk) -> None:
    if walk.left <= 0:
        return
    walk.left -= 1
    try:
        with os.scandir(folder) as entries:
            inside = {each.name: each for each in entries}
    except OSError:
        return
    if "results.json" in inside or "run.json" in inside:
        walk.runs.append(_found(root, folder, inside))
        return
    walk.others.append(folder)
    if depth == DEEPEST:
        return
    for name, entry in inside.items():
        if not name.startswith(".") and _is_folder(entry):
            _visit(root, folder / name, depth + 1, walk)


def _found(root: Path, folder: Path, inside: Mapping[str, os.DirEntry[str]]) -> Found:
    samples: dict[str, str] = {}
    if "samples" in inside and _is_folder(inside["samples"]):
        try:
            with os.scandir(folder / "samples") as entries:
                samples = {
                    each.name.removesuffix(".jsonl"): _state(each)
                    for each in entries
                    if each.name.endswith(".jsonl")
                }
        except OSError:
            samples = {}
    states = [f"{name}:{_state(inside[name])}" for name in RUN_FILES if name in inside]
    states += [f"{name}:{state}" for name, state in sorted(samples.items())]
    path = folder.relative_to(root).as_posix()
    return Found(path, "|".join(states), samples, "manifest.json" in inside)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _state(entry: os.DirEntry[str]) -> str:
    try:
        found = entry.stat()
    except OSError:
        return "?"
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"
