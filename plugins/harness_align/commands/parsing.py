"""What the flags of several commands have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.authoring.io.run_options import parse_data, parse_pairs


def flags(given: Mapping[str, Any], plugin_files: Iterable[Path]) -> dict[str, Any]:
    """The flags of ``harness align`` as ``job.make_job`` takes them."""
    values = dict(given)
    settings = parse_pairs(values.pop("settings"), "--set", "KEY=VALUE or NAME.KEY=VALUE")
    of_names: dict[str, dict[str, str]] = {}
    for key in [key for key in settings if "." in key]:  # a training setting has no dot
        name, _, option = key.rpartition(".")
        of_names.setdefault(name, {})[option] = settings.pop(key)
    values["settings"] = settings
    values["evaluation"] = {
        "task_settings": of_names,
        "data": parse_data(values.pop("eval_data")),
        "limit": values.pop("limit"),
        "energy": values.pop("energy"),
    }
    values["plugin_files"] = tuple(plugin_files)
    return values
