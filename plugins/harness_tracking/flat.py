"""A run as flat names and values, as trackers of experiments keep it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from harness.types import RunResult
from harness_tracking import numbers

LONGEST = 500
"""Characters of a setting's value."""
_UNSAFE = re.compile(r"[^\w./ -]+")


def safe(name: str) -> str:
    """The name with nothing that MLflow refuses in a metric's."""
    return _UNSAFE.sub("_", name)[:240]


def values(run: RunResult) -> dict[str, float]:
    """Every metric as ``TASK.METRIC``, with ``.low``, ``.high``, ``.stderr``, ``.n`` beside it."""
    found: dict[str, float] = {}
    for each in numbers.metrics(run):
        name, estimate = safe(f"{each.task.name}.{each.metric}"), each.estimate
        parts = {"": estimate.value, ".low": estimate.low, ".high": estimate.high,
                 ".stderr": estimate.stderr}  # fmt: skip
        found |= {name + part: value for part, value in parts.items() if math.isfinite(value)}
        found[f"{name}.n"] = float(estimate.n)
    return found


def methods(run: RunResult) -> dict[str, str]:
    """How each metric's interval was made, or why there is none."""
    return {
        safe(f"{each.task.name}.{each.metric}.method"): each.estimate.method[:LONGEST]
        for each in numbers.metrics(run)
    }


def settings(spec: Mapping[str, object]) -> dict[str, str]:
    """The settings that are set, nested ones as ``task_settings.squad.template``."""
    return dict(_flat(spec, ""))


def _flat(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _flat(each, f"{name}.{key}" if name else str(key))
    elif value not in (None, "", [], ()):
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        yield safe(name), text[:LONGEST]
