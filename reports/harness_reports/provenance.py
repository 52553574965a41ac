"""How a run was made, from run.json; whatever is missing or odd is left out, never an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.authoring.io import files

_PLAIN = ("command", "git_commit")
_SHOWN_ELSEWHERE = ("status", "started", "finished", "model", "suites")
_TITLES = {
    "spec": "Specification",
    "versions": "Package versions",
    "environment": "Environment",
    "seeds": "Seeds",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """A titled list of name → text."""

    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """What run.json says beyond results.json; empty where it says nothing."""

    command: str = ""
    git_commit: str = ""
    sections: tuple[Facts, ...] = ()
    suites: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Suite that the run was asked for → its tasks."""


def read(folder: Path) -> Provenance:
    """Reads ``run.json`` of a run folder."""
    try:
        data = json.loads(files.read_text(folder / "run.json"))
    except (OSError, ValueError, RecursionError):
        return Provenance()
    if not isinstance(data, Mapping):
        return Provenance()
    plain = {key: _text(data[key]) for key in _PLAIN if data.get(key) is not None}
    if isinstance(data.get("command"), list):
        plain["command"] = " ".join(_text(part) for part in data["command"])
    return Provenance(
        **plain,
        sections=tuple(_sections(data)),
        suites=_suites(data.get("suites")),
    )


def _suites(data: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(data, Mapping):
        return {}
    return {
        str(name): tuple(map(str, tasks)) for name, tasks in data.items() if isinstance(tasks, list)
    }


def facts(title: str, values: Mapping[str, object]) -> Facts:
    """A mapping as a titled list; nested mappings become dotted names."""
    return Facts(title, tuple(_flatten("", values)))


def _sections(data: Mapping[str, object]) -> list[Facts]:
    sections = []
    other = {}
    for key, value in data.items():
        if key in _PLAIN or key in _SHOWN_ELSEWHERE or value in (None, "", {}, []):
            continue
        if isinstance(value, Mapping):
            sections.append(facts(_TITLES.get(key, key.replace("_", " ").capitalize()), value))
        else:
            other[key] = value
    return [*sections, facts("Other", other)] if other else sections


def _flatten(prefix: str, values: Mapping[str, object]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            rows.extend(_flatten(f"{prefix}{key}.", value))
        elif value not in (None, "", {}, []):
            rows.append((f"{prefix}{key}", _text(value)))
    return rows


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False, default=str)
