"""What the index keeps of a run: read from its folder, whatever state that is in."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from harness import read_result
from harness.authoring.io import files
from harness.authoring.io.serialization import canonical_hash
from harness.authoring.literal import one_line
from harness.errors import HarnessError
from harness.types import Estimate, MetricKind, RunResult, TaskResult
from harness_view.index.folders import Found
from harness_view.index.names import slug

State: TypeAlias = Literal["complete", "incomplete", "running", "damaged"]
_ALWAYS = ("num_fewshot", "template", "scoring", "samples")
"""Settings that must agree for scores of any task to be compared, as `harness compare` wants."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric of a task of a run.

    Attributes:
        run: The run's key.
        task: The task.
        metric: The metric.
        group: Equal where two runs' values may be compared: version, data and settings agree.
        estimate: The value.
        higher_is_better: None where neither direction is better.
        ideal: The best value, where neither direction is better and one is known.
        kind: How samples become the value.
        is_first: Whether it is the task's first metric.
        calibration: As in ``harness.types.MetricResult``.
    """

    run: str
    task: str
    metric: str
    group: str
    estimate: Estimate
    higher_is_better: bool | None
    ideal: float | None
    kind: MetricKind | None
    is_first: bool
    calibration: str | None = None

    @property
    def name(self) -> str:
        """``TASK.METRIC``."""
        return f"{self.task}.{self.metric}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A run as lists show it.

    Attributes:
        key: Its place in addresses, unique below the root.
        path: Its folder relative to the root.
        state: ``damaged`` where it cannot be read; ``reason`` says why.
        reason: Empty for the others.
        run_id: The run's own name.
        model: What ``--model`` was.
        started: ISO 8601, empty where unknown.
        commit: Of git, empty where unknown.
        samples: Over all tasks.
        errors: The same.
        resources: What it took, name → amount: seconds, tokens, dollars, whatever was counted.
        verdict: Of its gate, empty where it has none.
        progress: Of a run that goes on: done, total, and when the last answer came.
    """

    key: str
    path: str
    state: State
    reason: str = ""
    run_id: str = ""
    model: str = ""
    started: str = ""
    commit: str = ""
    samples: int = 0
    errors: int = 0
    resources: Mapping[str, float] = dataclasses.field(default_factory=dict)
    verdict: str = ""
    progress: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def read(root: Path, found: Found) -> tuple[Entry, list[Measured]]:
    """The run of a folder, its files checked against its manifest; what is damaged says how."""
    folder, key = root / found.path, slug(root.name if found.path == "." else found.path)
    made, why = _run_json(folder)
    started, commit = _text(made.get("started")), _text(made.get("git_commit"))
    model = _spec_model(made)
    bare = Entry(
        key, found.path, "damaged", run_id=folder.name, model=model, started=started, commit=commit
    )
    has_results = (folder / "results.json").exists()
    if made.get("status") == "running" and not (folder / "manifest.json").exists():
        return dataclasses.replace(bare, state="running", progress=_progress(folder)), []
    if not has_results:
        reason = why or "it holds no results.json: the run did not come to its end"
        state: State = "damaged" if why else "incomplete"
        return dataclasses.replace(bare, state=state, reason=reason), []
    try:
        result = read_result(folder)
    except HarnessError as error:
        return dataclasses.replace(bare, reason=one_line(str(error), 400)), []
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        return dataclasses.replace(
            bare, reason=one_line(f"{type(error).__name__}: {error}", 400)
        ), []
    entry = dataclasses.replace(
        bare,
        state=result.status,
        run_id=result.run_id,
        model=model or _model(result),
        started=started or _text(result.timing.get("started")),
        samples=sum(task.n for task in result.tasks.values()),
        errors=sum(task.errors for task in result.tasks.values()),
        resources=resources(result),
        verdict="" if result.gate is None else result.gate.verdict or "",
    )
    return entry, [each for task in result.tasks.values() for each in _measured(key, task)]


def _measured(run: str, task: TaskResult) -> list[Measured]:
    group = comparable_group(task)
    return [
        Measured(
            run, task.name, name, group, found.estimate, found.higher_is_better, found.ideal,
            found.kind, place == 0, found.calibration,
        )
        for place, (name, found) in enumerate(task.metrics.items())
    ]  # fmt: skip


def comparable_group(task: TaskResult) -> str:
    """Equal for two runs' results of a task exactly where `harness compare` compares them.

    But for runs on all of the data and on a part of it: these are groups of their own here, so
    that one run on twenty samples does not leave twenty of everybody's.
    """
    decisive = sorted({*_ALWAYS, *task.scored_by})
    settings = {name: task.settings.get(name) for name in decisive}
    told = canonical_hash([task.name, str(task.version), task.data_sha256, settings])
    return told[:16]


def resources(result: RunResult) -> dict[str, float]:
    """Whatever a run's usage and timing count, other roles' included; zeros are left out."""
    found: dict[str, float] = {}
    every = (result.usage, *(each.usage for each in result.roles.values()))
    for usage in every:
        for name, value in dataclasses.asdict(usage).items():
            if isinstance(value, int | float) and math.isfinite(value):
                found[name] = found.get(name, 0.0) + float(value)
    if result.spent is not None:
        for name, value in dataclasses.asdict(result.spent).items():
            if isinstance(value, int | float) and math.isfinite(value):
                found[name] = float(value)
    for name, timed in result.timing.items():
        if isinstance(timed, int | float) and math.isfinite(timed):
            found[name] = float(timed)
    return {name: value for name, value in found.items() if value > 0}


def _run_json(folder: Path) -> tuple[Mapping[str, Any], str]:
    """run.json, and what is wrong with it; an empty mapping where it cannot be used."""
    path = folder / "run.json"
    try:
        made = json.loads(files.read_bytes(path))
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError, RecursionError) as error:
        return {}, one_line(f"run.json: {error}", 400)
    return (made, "") if isinstance(made, dict) else ({}, "run.json is no JSON object")


def _progress(folder: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(files.read_bytes(folder / "progress.json"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    counts = {
        name: found[name]
        for name in ("done", "total")
        if isinstance(found.get(name), int) and 0 <= found[name] < 1 << 53
    }
    if len(counts) < 2:
        return {}
    role = _text(found.get("role"))
    return {
        **counts,
        "round": _count(found.get("round")),
        "role": role,
        "at": _text(found.get("at")),
    }


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 < value < 1_000_000 else 1


def _spec_model(made: Mapping[str, Any]) -> str:
    spec = made.get("spec")
    return _text(spec.get("model")) if isinstance(spec, dict) else ""


def _model(result: RunResult) -> str:
    return _text(result.model.get("spec")) or _text(result.model.get("name"))


def _text(value: object) -> str:
    """A text for a list; whatever else stands there is left out."""
    return one_line(value, 200) if isinstance(value, str) else ""
