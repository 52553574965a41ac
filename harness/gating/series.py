"""One error budget for a series of builds: the chance of any false block in all of them is ≤ α.

Build t may block at α_t, and Σα_t ≤ α (alpha spending). With ``builds = N`` each of N builds gets
α/N, and then the budget is spent; without it α_t = α·6/(π²·t²), whose sum never exceeds α and
which gets smaller from build to build. Passing is judged at α in every build: each change that
passes wrongly is a change of its own.

The state is a small JSON file, locked while it is read and written, so that two builds at once get
two shares.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import regular_files
from harness.authoring.io import files
from harness.authoring.readers import text_files
from harness.errors import ConfigError, DataError
from harness.gating.config import GateConfig
from harness.types import GateVerdict

SCHEMA = 1


def share(alpha: float, build: int, builds: int | None) -> float:
    """α_t of build number ``build``, from 1; 0 where the budget is spent."""
    if builds is None:
        return alpha * 6 / (math.pi * build) ** 2
    return alpha / builds if build <= builds else 0.0


@dataclass(frozen=True, slots=True)
class Build:
    """A build's place in its series.

    Attributes:
        config: The gate, with what the build may spend on blocking.
        number: From 1.
        left: What remains of α after it.
    """

    config: GateConfig
    number: int
    left: float

    @property
    def note(self) -> str:
        """What a reader must know of it."""
        config = self.config
        of = f" of {config.builds}" if config.builds else ""
        return (
            f"series {config.series}: build {self.number}{of} may block at "
            f"alpha = {config.alpha_to_block:.2g}; {self.left:.2g} of {config.alpha:g} is left "
            "for later builds"
        )

    def finish(self, run_id: str, verdict: GateVerdict) -> GateVerdict:
        """Records the verdict, and returns it with the note."""
        with _state(self.config) as entries:
            entries[self.number - 1] |= {"run": run_id, "verdict": verdict.verdict}
        return replace(verdict, notes=(*verdict.notes, self.note))


def take_part(config: GateConfig, key: str, run_id: str | None = None) -> Build | None:
    """Reserves the next build's share; None where the gate is in no series.

    A build that was judged already (``run_id``), or was begun under the same ``key`` and not
    finished, keeps its share: trying again spends nothing.

    Raises:
        ConfigError: The budget is spent, or the series was begun with another one.
        DataError: The state cannot be read or written.
    """
    if config.series is None:
        return None
    with _state(config) as entries:
        number = _place(entries, key, run_id)
        if number is None:
            number = len(entries) + 1
            if not share(config.alpha, number, config.builds):
                raise ConfigError(
                    f"the series {config.series!r} has spent its budget: {config.builds} builds of "
                    f"alpha = {config.alpha:g} are over",
                    "Begin a new one: another name for series under [gate].",
                )
            entries.append({"key": key, "run": run_id, "verdict": None})
    spent = sum(share(config.alpha, each + 1, config.builds) for each in range(len(entries)))
    block_alpha = share(config.alpha, number, config.builds)
    return Build(replace(config, block_alpha=block_alpha), number, max(0.0, config.alpha - spent))


def _place(entries: list[dict[str, Any]], key: str, run_id: str | None) -> int | None:
    for number, entry in enumerate(entries, 1):
        if run_id is not None and entry["run"] == run_id:
            return number
        if entry["key"] == key and entry["verdict"] is None:
            return number
    return None


@contextlib.contextmanager
def _state(config: GateConfig) -> Iterator[list[dict[str, Any]]]:
    """The builds so far, written back when the block ends."""
    from filelock import FileLock

    path = Path(config.series_folder) / f"{config.series}.json"
    rule = {"schema": SCHEMA, "alpha": config.alpha, "builds": config.builds}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            document = _read(path) if path.exists() else {**rule, "entries": []}
            if any(document.get(name) != value for name, value in rule.items()):
                begun = {name: document.get(name) for name in rule}
                raise ConfigError(
                    f"the series {config.series!r} was begun with {begun}, not {rule}",
                    "A budget cannot be changed while it is spent: give the series a new name.",
                )
            yield document["entries"]
            files.write_atomically(path, json.dumps(document, indent=1) + "\n")
    except OSError as error:
        raise DataError(
            error.strerror or str(error), path=path, expected="a file that can be written"
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        document = text_files.parse_json(regular_files.read_text(path), path)
        sound = all(
            entry.keys() >= {"key", "run", "verdict"}
            and all(isinstance(value, str | None) for value in entry.values())
            for entry in document["entries"]
        )
    except (DataError, ValueError, KeyError, TypeError, AttributeError):
        sound = False
    if not sound or not isinstance(document["entries"], list):
        raise DataError(
            "is no state of a series",
            path=path,
            expected="what a gate with [gate] series wrote; without it the series begins anew, "
            "and so does its error budget",
        )
    assert isinstance(document, dict)
    return document
