"""The models of other roles than the evaluated one: judges, retrievers, a plugin's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.config.model_config import ModelConfig
from harness.config.values import at_least, parse_pairs, texts
from harness.errors import UsageError

_ROLE = re.compile(r"[a-z][a-z0-9_.-]*")
_OF_ROLE = ("model", "batch_size", "dtype", "device", "executor", "set")


def role_tables(roles: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The tables of roles in the one form in which they are kept.

    Raises:
        UsageError: A role has no model, or a name or key that there is not.
    """
    found: dict[str, dict[str, Any]] = {}
    for role, given in roles.items():
        if not _ROLE.fullmatch(role) or role == "model":
            raise UsageError(f"the role {role!r}", "Expected a name such as judge, not `model`.")
        if isinstance(given, ModelConfig):
            table = {key: getattr(given, key) for key in _OF_ROLE if key != "set"}
            table = {**table, "set": given.settings}
        else:
            table = dict(given) if isinstance(given, Mapping) else {"model": str(given)}
        for key in table:
            if key not in _OF_ROLE:
                raise UsageError(f"{role}: unknown key {key!r}", f"Known: {', '.join(_OF_ROLE)}")
        if not table.get("model"):
            raise UsageError(
                f"no model is named for the role {role!r}",
                f"Set `model` in its table, or give {role_flag(role)}.",
            )
        at_least("batch_size", table.get("batch_size"), 1)
        table = {key: value for key, value in table.items() if value is not None}
        found[role] = {**table, "model": str(table["model"])}
        if "set" in table:
            found[role]["set"] = texts(table["set"])
    return found


def role_flag(role: str) -> str:
    """The command line's way to name a role's model."""
    return "--judge MODEL" if role == "judge" else f"--role {role}=MODEL"


def parse_roles(
    judges: Sequence[str], judge_settings: Iterable[str], others: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """Reads ``--judge MODEL``, given several times for a panel, and ``--role NAME=MODEL``.

    Raises:
        UsageError: A value has no ``=``.
    """
    found: dict[str, dict[str, Any]] = {
        "judge" if place == 1 else f"judge.{place}": {"model": model}
        for place, model in enumerate(judges, start=1)
    }
    settings = parse_pairs(judge_settings, "--judge-set")
    if settings:
        for table in found.values() if found else [found.setdefault("judge", {})]:
            table["set"] = dict(settings)
    for pair in others:
        role, equals, model = pair.partition("=")
        if not equals or not role or not model:
            raise UsageError(f"--role {pair!r}", "Expected --role NAME=MODEL")
        found[role] = {"model": model}
    return found


def merged_roles(
    file: Mapping[str, Mapping[str, Any]], given: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The file's tables with what the command line says; it names a panel as a whole."""
    judges = [
        role for role in given if role.partition(".")[0] == "judge" and "model" in given[role]
    ]
    found = {
        role: dict(table)
        for role, table in file.items()
        if not judges or not role.startswith("judge.") or role in given
    }
    for role, table in given.items():
        base = found.get(role, found.get("judge", {}) if role.startswith("judge.") else {})
        settings = {**base.get("set", {}), **table.get("set", {})}
        found[role] = {**base, **table, **({"set": settings} if settings else {})}
    return found
