"""The values of a run: samples, scores, estimates, results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from harness.types.estimate import Estimate
from harness.types.gate import GateVerdict

# --------------------------------------------------------------------------- samples


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a data set.

    Attributes:
        id: The data set's own identifier, unique within a task.
        input: The text that a probe may perturb: question, document, source or sentence.
        targets: Accepted answers; for multiple choice the text of the right choice.
        choices: The options in their order, where the task has any.
        cluster: Samples with one source (a SQuAD passage) share it; error bars respect it.
        groups: Attribute → group, for fairness metrics (``{"category": "Age"}``).
        metadata: Further template variables (``context``, ``title``) and facts for scoring.
    """

    id: str
    input: str
    targets: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    cluster: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A variant that a probe does not make of a sample, and why; counted by ``reason``."""

    reason: str


# --------------------------------------------------------------------------- scores


@dataclass(frozen=True, slots=True)
class Unscored:
    """A score that could not be given, with the reason (a failed request).

    An answer that names none of the options is no such case: it is wrong, and ``unread``.
    """

    reason: str


ScoreValue: TypeAlias = float | tuple[float | str, ...] | Unscored
"""A number; or, for a corpus metric, the sample's sufficient statistics; or neither."""


@dataclass(frozen=True, slots=True)
class Score:
    """One sample's value of one metric.

    Attributes:
        sample_id: The sample it belongs to.
        metric: The metric's name.
        value: See ``ScoreValue``; ``Unscored`` is never counted as 0.
        probe: The probe whose variant was scored; None for the original sample.
        variant: Which of the probe's variants of this sample, from 0.
        cluster: The sample's cluster; None means a cluster of its own.
        prediction: The option that the model chose, where ``value`` says whether it is right.
        repeat: Which of the answers to the same question, from 0.
    """

    sample_id: str
    metric: str
    value: ScoreValue
    probe: str | None = None
    variant: int = 0
    cluster: str | None = None
    prediction: str | None = None
    repeat: int = 0


# --------------------------------------------------------------------------- data


@dataclass(frozen=True, slots=True)
class HubDataset:
    """A data set on the Hugging Face hub; ``shots`` is the split few-shot examples come from."""

    path: str
    name: str | None = None
    split: str = "validation"
    shots: str | None = "train"


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where a task's samples come from.

    ``paths`` is empty for the hub; two paths are line-aligned source and reference;
    ``hub.split`` is the split to read. ``label`` is what reports show. ``columns`` holds
    (field, column) pairs: the field of a row that the task reads, and the data's name for it.
    """

    kind: Literal["path", "sample", "hub"]
    label: str
    paths: tuple[str, ...] = ()
    hub: HubDataset | None = None
    columns: tuple[tuple[str, str], ...] = ()


# --------------------------------------------------------------------------- results


@dataclass(frozen=True, slots=True)
class Usage:
    """What the answers cost. Tokens asked for = computed + reused; ``cost`` in US dollars."""

    requests: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    computed_tokens: int = 0
    reused_tokens: int = 0
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What the machine took for a run or a training; None where it was not measured.

    Attributes:
        seconds: From beginning to end.
        money: Hours times the price of a machine's hour, in US dollars.
        energy_kwh: Electric energy of the whole machine in kWh, what else ran there included.
        co2e_kg: What making it released, in kilograms of CO₂ equivalents.
        basis: How the energy was found, in words; empty where it was not.
    """

    seconds: float
    money: float | None = None
    energy_kwh: float | None = None
    co2e_kg: float | None = None
    basis: str = ""


MetricKind: TypeAlias = Literal["mean", "corpus", "aggregate", "published"]


@dataclass(frozen=True, slots=True)
class MetricResult:
    """A metric's estimate, and what it takes to judge it again.

    Attributes:
        estimate: The value with its uncertainty.
        higher_is_better: None where neither direction is better.
        signature: sacrebleu's.
        ideal: The best value, where neither direction is better and one is known.
        kind: How samples become the value: ``mean`` of their scores, ``corpus`` (a function of
            summed statistics), ``aggregate`` (the metric's own code) or ``published`` (only the
            value and its error are known). None in results of versions that did not say it.
        bounds: The least and the greatest that a sample's score can be, where declared.
        calibration: Of a metric that rests on an instrument that errs, such as a model that
            judges: by what it was calibrated, or ``uncalibrated``.
    """

    estimate: Estimate
    higher_is_better: bool | None = True
    signature: str | None = None
    ideal: float | None = None
    kind: MetricKind | None = None
    bounds: tuple[float, float] | None = None
    calibration: str | None = None


MetricResults: TypeAlias = Mapping[str, MetricResult]

Comparisons: TypeAlias = Mapping[str, Mapping[str, Mapping[str, Estimate]]]
"""What is compared (a probe, an attribute) → metric name → measure → estimate."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """One task's part of a run.

    Attributes:
        name: The task's name.
        version: The task's version.
        n: Samples evaluated (probes' variants not counted).
        errors: Samples with a failed request or without a possible score.
        data: Where the samples came from; ``data_sha256`` is the hash of the files read.
        metrics: Metric name → result over all samples.
        groups: Attribute → group → metric name → result.
        probes: Probe → metric name → measure (``mean_change``, …) → estimate.
        settings: How it was asked, in words: template, shots, scoring method, ….
        scored_by: Those of the settings that decide what a score means; runs that differ in one
            are not compared.
        notes: What a reader must know, such as that sample data was used.
        fairness: Attribute → metric name → measure between groups (``gap``, …) → estimate.
        skipped_variants: Probe → reason → variants that were not asked.
        failure: The commonest reason where samples were evaluated and none could be scored.
        repeats: How often each sample was asked.
        reduced: Metric → ``pass@k``, ``majority``, … or a spread over the repeats → estimate.
    """

    name: str
    version: str
    n: int
    errors: int
    data: DataSource
    data_sha256: str
    metrics: MetricResults
    groups: Mapping[str, Mapping[str, MetricResults]] = field(default_factory=dict)
    probes: Comparisons = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    fairness: Comparisons = field(default_factory=dict)
    skipped_variants: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    failure: str | None = None
    scored_by: tuple[str, ...] = ()
    repeats: int = 1
    reduced: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoleResult:
    """A model that took part in a run beside the evaluated one: what it is, and what it cost."""

    model: Mapping[str, object]
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class RunResult:
    """What ``results.json`` holds; see ARCHITECTURE for the schema.

    ``model`` and ``usage`` are those of the evaluated model; ``roles`` has the others, by role.
    ``spent`` is None where neither energy nor the price of a machine's hour was asked for.
    """

    run_id: str
    status: Literal["complete", "incomplete"]
    model: Mapping[str, object]
    tasks: Mapping[str, TaskResult]
    timing: Mapping[str, float | str] = field(default_factory=dict)
    usage: Usage = Usage()
    gate: GateVerdict | None = None
    roles: Mapping[str, RoleResult] = field(default_factory=dict)
    spent: Spent | None = None
