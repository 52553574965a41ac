"""The names of all definitions, kept in a file: to read 14,000 YAML files takes half a minute."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast, get_args

from harness.authoring.io import files
from harness.authoring.literal import echo
from harness.errors import DataError
from harness_lm_eval import installed

Kind = Literal["task", "class", "group", "tag"]
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Named:
    """What a name stands for.

    Attributes:
        kind: A task, a task of a Python class, a group or a tag.
        path: Its YAML file; empty for a tag.
        about: One line for ``harness ls``.
        members: Of a tag: the tasks that carry it.
    """

    kind: Kind
    path: str
    about: str
    members: tuple[str, ...] = ()


def of(include: Iterable[str]) -> Mapping[str, Named]:
    """Every name, those of the folders given standing for the installed ones.

    Raises:
        MissingExtraError: lm_eval is not installed.
        DataError: A folder or one of its YAML files cannot be read.
    """
    names = dict(_installed())
    for folder in include:
        path = Path(folder).expanduser().resolve()
        if not path.is_dir():
            raise DataError(
                "no such folder", path=folder, expected="a folder of YAML task definitions"
            )
        for name, named in _of_folder(path, own=True).items():
            known = names.get(name)
            if named.kind == "tag" and known is not None and known.kind == "tag":
                members = dict.fromkeys((*known.members, *named.members))
                named = Named("tag", "", _tag(len(members)), tuple(members))
            names[name] = named
    return dict(sorted(names.items()))


def told(include: Iterable[str]) -> dict[str, str]:
    """Every name with one line about it."""
    return {name: named.about for name, named in of(include).items()}


@cache
def _installed() -> Mapping[str, Named]:
    return _of_folder(installed.task_folder(), own=False)


def _of_folder(folder: Path, own: bool) -> dict[str, Named]:
    """The names of one folder, from the file where they are kept if nothing changed since."""
    kept = _file(folder, own)
    if (known := _read(kept)) is not None:
        return known
    if own:
        from harness_lm_eval.catalogue import definition_files

        for path in _yaml_files(folder):
            definition_files.table_of(path)  # lm_eval leaves out what is no YAML, silently
    else:
        echo("Reading lm-evaluation-harness's task definitions, once …", err=True)
        sys.stderr.flush()
    names = dict(_scan(folder))
    try:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write_atomically(kept, _written(names))
    except OSError:
        pass  # a cache that cannot be written costs time, and nothing else
    return names


def _file(folder: Path, own: bool) -> Path:
    """Where the names are kept: a name for each version, place and state of the folder."""
    state: list[Any] = [FORMAT, installed.VERSION, str(folder)]
    if own:
        for path in _yaml_files(folder):
            facts = path.stat()
            state.append([str(path), facts.st_size, facts.st_mtime_ns])
    else:
        state.append((folder / "__init__.py").stat().st_mtime_ns)
    digest = hashlib.sha256(json.dumps(state).encode()).hexdigest()[:24]
    return files.cache_folder() / "lm_eval" / f"names-{digest}.json"


def _yaml_files(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.glob("**/*.yaml")))


def _written(names: Mapping[str, Named]) -> str:
    """One line a name: JSON of 14,000 would take most of a second to check."""
    lines = [f"{FORMAT}\t{len(names)}"]
    for name, each in names.items():
        fields = (name, each.kind, each.path, each.about, *each.members)
        lines.append("\t".join(" ".join(field.split()) for field in fields))
    return "\n".join(lines) + "\n"


def _read(kept: Path) -> dict[str, Named] | None:
    """The names that a file holds; None where it is missing or damaged."""
    if not kept.is_file():
        return None
    try:
        head, *lines = files.read_text(kept).splitlines()
    except (OSError, ValueError):
        return None
    if head != f"{FORMAT}\t{len(lines)}":
        return None
    names: dict[str, Named] = {}
    for line in lines:
        name, *fields = line.split("\t")
        if len(fields) < 3 or fields[0] not in get_args(Kind):
            return None
        kind, path, about, *members = fields
        names[name] = Named(cast(Kind, kind), path, about, tuple(members))
    return names


def _scan(folder: Path) -> Iterator[tuple[str, Named]]:
    installed.prepare()
    from lm_eval.tasks._index import TaskIndex

    for name, entry in TaskIndex.build([folder]).items():
        kind = cast(Kind, {"PY_TASK": "class"}.get(entry.kind.name, entry.kind.name.lower()))
        path = "" if entry.yaml_path is None else str(entry.yaml_path)
        if kind == "tag":
            members = tuple(sorted(entry.tags))
            yield name, Named(kind, path, _tag(len(members)), members)
        else:
            yield name, Named(kind, path, _about(kind, entry.cfg or {}))


def _tag(count: int) -> str:
    return f"tag of {count:,} task{'s' * (count != 1)}"


def _about(kind: Kind, table: Mapping[str, Any]) -> str:
    if kind == "group":
        members = table.get("task")
        count = len(members) if isinstance(members, list) else 1
        return f"group of {count:,} task{'s' * (count != 1)} or groups"
    if kind == "class":
        return "a Python class"
    facts = [str(table.get("output_type", "generate_until"))]
    if path := table.get("dataset_path"):
        part = table.get("dataset_name")
        facts.append(f"data {path}" + (f" [{part}]" if part else ""))
    for key, told in (
        ("doc_to_image", "needs images"),
        ("doc_to_audio", "needs audio"),
        ("unsafe_code", "runs the model's code"),
        ("custom_dataset", "makes its data by code"),
    ):
        if table.get(key):
            facts.append(told)
    return ", ".join(facts)
