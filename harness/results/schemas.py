"""The types of our own JSON files, checked when they are read: a file is data, never trusted.

Imported where a file is read, because pydantic is slow to import. Unknown keys are ignored, so
that a field can be added without a new schema.

These types repeat the fields of values such as ``harness.types.GateVerdict``, and are not made of
them: older schemas lack fields that the values always have, JSON has null for what is not a number,
and a rule's evidence lies flat in its row. A test compares the names of the two.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    StringConstraints,
    ValidationError,
)

from harness.results.row_schemas import BaselineRow

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
    calibration: str | None = None


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
    columns: dict[str, str] = {}


Comparisons = dict[str, dict[str, dict[str, Estimate]]]


class Task(_Strict):
    """One task's part of results.json."""

    version: str | int
    n: NonNegativeInt
    errors: NonNegativeInt
    failure: str | None = None
    data: Source
    settings: dict[str, Plain]
    scored_by: list[str] = []
    notes: list[str]
    metrics: dict[str, Metric]
    groups: dict[str, dict[str, dict[str, Metric]]]
    fairness: Comparisons = {}
    probes: Comparisons
    skipped_variants: dict[str, dict[str, NonNegativeInt]] = {}
    repeats: PositiveInt = 1
    reduced: dict[str, dict[str, Estimate]] = {}


class Usage(_Exact):
    """What the answers cost."""

    requests: NonNegativeInt = 0
    cached: NonNegativeInt = 0
    prompt_tokens: NonNegativeInt = 0
    completion_tokens: NonNegativeInt = 0
    computed_tokens: NonNegativeInt = 0
    reused_tokens: NonNegativeInt = 0
    cost: float | None = None


class Spent(_Exact):
    """What the machine took."""

    seconds: Annotated[float, Field(ge=0)]
    money: Annotated[float, Field(ge=0)] | None = None
    energy_kwh: Annotated[float, Field(ge=0)] | None = None
    co2e_kg: Annotated[float, Field(ge=0)] | None = None
    basis: str = ""


class Rule(_Strict):
    """The verdict on one rule; value to missing are null where there was nothing to judge by."""

    metric: str | None = None
    rule: str | None = None
    tier: Literal["blocking", "supporting", "advisory"] | None = None
    verdict: str | None = None
    sentence: str | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    n: NonNegativeInt | None = None
    method: str | None = None
    baseline: float | None = None
    candidate: float | None = None
    missing: NonNegativeInt | None = None
    samples_used: NonNegativeInt | None = None
    samples_planned: NonNegativeInt | None = None


class Role(_Strict):
    """Who answered for another role than the evaluated model's, and at what price."""

    model: dict[str, Any]
    usage: Usage


class MetricChange(_Strict):
    """A metric in the baseline and in the candidate."""

    metric: str
    baseline: float | None
    candidate: float | None
    difference: Estimate
    verdict: str
    ruled: bool
    higher_is_better: bool | None = None
    ideal: float | None = None
    calibration: str | None = None


class BaselineRun(_Exact):
    """Which run a candidate was compared with."""

    run_id: str
    path: str | None = None
    started: str | None = None
    git_commit: str | None = None
    age_days: int | None = None


class Gate(_Strict):
    """The verdict on a run."""

    verdict: str | None = None
    sentence: str | None = None
    exit_code: int | None = None
    mode: str | None = None
    alpha: float | None = None
    alpha_to_block: float | None = None
    series: str | None = None
    population: str | None = None
    inconclusive: str | None = None
    baseline: str | None = None
    seed: int | None = None
    config_sha256: str | None = None
    samples_used: dict[str, NonNegativeInt] = {}
    samples_planned: dict[str, NonNegativeInt] = {}
    rules: list[Rule] = []
    notes: list[str] = []
    baseline_run: BaselineRun | None = None
    changes: list[MetricChange] = []


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
    roles: dict[str, Role] = {}
    spent: Spent | None = None


class MetricNoise(_Strict):
    """How far a metric moved; null is undefined."""

    values: list[float | None]
    largest: float | None
    stderr: float | None
    changed: float
    margin: float | None
    n: NonNegativeInt


class Noise(_Strict):
    """What ``harness noise`` writes."""

    schema_: Literal[1] = Field(alias="schema")
    replicates: list[str]
    tasks: dict[str, dict[str, MetricNoise]]
    runs: list[str] = []


class RunJson(_Strict):
    """run.json, as far as it is read again."""

    status: Literal["running", "complete", "incomplete"] = "complete"
    spec: dict[str, Any] = {}
    git_commit: str | None = None


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


class BaselineContent(_Strict):
    """What a baseline file's hash covers."""

    result: Results
    spec: dict[str, Any]
    git_commit: str | None = None
    samples: dict[FileName, list[BaselineRow]]


class Baseline(_Strict):
    """A baseline file."""

    format: Literal["evalign-baseline"]
    schema_: Literal[1] = Field(alias="schema")
    sha256: Sha256
    content: BaselineContent


def explain(error: ValidationError) -> str:
    """The first fault: its place, what was wrong, and the value."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] in ("json_invalid", "missing"):
        return f"{place}: {first['msg']}" if place else str(first["msg"])
    return f"{place}: {first['msg']}, got {str(first['input'])[:60]!r}"
