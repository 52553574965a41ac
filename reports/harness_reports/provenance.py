"""How a run was made, from run.json; whatever is missing or odd is left out, never an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_PLAIN = ("command", "status", "started", "finished", "git_commit")
_TITLES = {
    "spec": "Specification",
    "versions": "Package versions",
    "environment": "Environment",
    "model": "Model",
    "seeds": "Seeds",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """A titled list of name → text."""

    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """What run.json says; empty strings and None where it says nothing."""

    command: str = ""
    status: str = ""
    started: str = ""
    finished: str = ""
    git_commit: str = ""
    seconds: float | None = None
    sections: tuple[Facts, ...] = ()

    @property
    def when(self) -> str:
        """The start for people: ``2026-01-02 03:04 UTC``; as it stands where it is no time."""
        try:
            started = datetime.fromisoformat(self.started)
        except ValueError:
            return self.started
        return f"{started:%Y-%m-%d %H:%M %Z}".rstrip()


def read(folder: Path) -> Provenance:
    """Reads ``run.json`` of a run folder."""
    try:
        data = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Provenance()
    if not isinstance(data, Mapping):
        return Provenance()
    plain = {key: _text(data[key]) for key in _PLAIN if data.get(key) is not None}
    if isinstance(data.get("command"), list):
        plain["command"] = " ".join(_text(part) for part in data["command"])
    return Provenance(
        **plain,
        seconds=_seconds(plain.get("started", ""), plain.get("finished", "")),
        sections=tuple(_sections(data)),
    )


def facts(title: str, values: Mapping[str, object]) -> Facts:
    """A mapping as a titled list; nested mappings become dotted names."""
    return Facts(title, tuple(_flatten("", values)))


def _sections(data: Mapping[str, object]) -> list[Facts]:
    sections = []
    other = {}
    for key, value in data.items():
        if key in _PLAIN or value in (None, "", {}, []):
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


def _seconds(started: str, finished: str) -> float | None:
    try:
        return (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()
    except (ValueError, TypeError):
        return None
