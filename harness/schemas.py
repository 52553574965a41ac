"""The types of our own JSON files, checked when they are read: a file is data, never trusted.

Imported where a file is read, because pydantic is slow to import. Unknown keys are left alone, so
that a field can be added without a new schema.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, StringConstraints, ValidationError

FileName = Annotated[str, StringConstraints(pattern=r"^[^/\\\x00]+$", max_length=200)]
"""A task's name, which is a file's name under samples/."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Plain = str | int | float | bool | None


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Exact(_Strict):
    model_config = ConfigDict(extra="forbid")


class Estimate(_Strict):
    """A number with its uncertainty; null is undefined."""

    value: float | None
    stderr: float | None
    low: float | None
    high: float | None
    n: NonNegativeInt
    method: str


class Metric(Estimate):
    """A metric's estimate, and which direction is better."""

    higher_is_better: bool | None
    signature: str | None = None
    ideal: float | None = None


class Hub(_Exact):
    """A data set on the hub."""

    path: str
    name: str | None = None
    split: str = "validation"
    shots: str | None = "train"


class Source(_Strict):
    """Where samples came from."""

    source: str
    sha256: str
    kind: Literal["path", "sample", "hub"]
    paths: list[str] = []
    hub: Hub | None = None


Comparisons = dict[str, dict[str, dict[str, Estimate]]]


class Task(_Strict):
    """One task's part of results.json."""

    version: str | int
    n: NonNegativeInt
    errors: NonNegativeInt
    data: Source
    settings: dict[str, Plain]
    notes: list[str]
    metrics: dict[str, Metric]
    groups: dict[str, dict[str, dict[str, Metric]]]
    fairness: Comparisons = {}
    probes: Comparisons
    skipped_variants: dict[str, dict[str, NonNegativeInt]] = {}


class Usage(_Exact):
    """What the answers cost."""

    requests: NonNegativeInt = 0
    cached: NonNegativeInt = 0
    prompt_tokens: NonNegativeInt = 0
    completion_tokens: NonNegativeInt = 0
    computed_tokens: NonNegativeInt = 0
    reused_tokens: NonNegativeInt = 0
    cost: float | None = None


class Gate(_Strict):
    """The verdict, as far as it is read again."""

    verdict: str | None = None
    sentence: str | None = None
    samples_used: dict[str, NonNegativeInt] = {}
    samples_planned: dict[str, NonNegativeInt] = {}
    rules: list[dict[str, Any]] = []
    notes: list[str] = []


class Results(_Strict):
    """results.json."""

    schema_: int = Field(alias="schema")
    run_id: str
    status: Literal["complete", "incomplete"]
    model: dict[str, Any]
    tasks: dict[FileName, Task]
    gate: Gate | None
    timing: dict[str, float | str]
    usage: Usage


class RunJson(_Strict):
    """run.json, as far as it is read again."""

    status: Literal["running", "complete", "incomplete"] = "complete"
    spec: dict[str, Any] = {}


class Samples(_Strict):
    """What a manifest says of one file of samples."""

    rows: NonNegativeInt
    sha256: Sha256


class Manifest(_Strict):
    """manifest.json."""

    schema_: Literal[1] = Field(alias="schema")
    results_sha256: Sha256
    spec_sha256: Sha256 | None
    samples: dict[FileName, Samples]


Score = float | list[float | str] | dict[str, str] | None


class SampleScores(_Strict):
    """What comparisons and gates need of a line of samples."""

    id: str
    scores: dict[str, Score]
    cluster: str | None = None
    groups: dict[str, str] = {}


class BaselineSample(SampleScores):
    """A sample of a baseline file."""

    error: str | None = None
    prompt: str | None = None
    response: str | None = None


class BaselineContent(_Strict):
    """What a baseline file's hash covers."""

    result: Results
    spec: dict[str, Any]
    samples: dict[FileName, list[BaselineSample]]


def explain(error: ValidationError) -> str:
    """The first fault: its place, what was wrong, and the value."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] in ("json_invalid", "missing"):
        return f"{place}: {first['msg']}" if place else str(first["msg"])
    return f"{place}: {first['msg']}, got {str(first['input'])[:60]!r}"
