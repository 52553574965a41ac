"""What plugin authors implement, and the light specs by which they register it.

A spec costs nothing to make: its ``open`` is called, and heavy packages are imported, only
when the thing is used. Every protocol is structural: no base class is needed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.types import (
    DataSource,
    Estimate,
    HubDataset,
    KeyedRequest,
    Request,
    Response,
    RunResult,
    Sample,
    Score,
    ScoreValue,
    Skipped,
    Usage,
)

# --------------------------------------------------------------------------- protocols


@runtime_checkable
class Metric(Protocol):
    """How samples' values become one number with its uncertainty.

    An optional attribute ``ideal`` (``float``) says which value is best where neither direction
    is; an optional ``signature`` (``str``) how it was computed; optional ``bounds`` (two numbers)
    between what a sample's value always lies.
    """

    @property
    def name(self) -> str:
        """What users call it."""
        ...

    @property
    def higher_is_better(self) -> bool | None:
        """None where neither direction is better (a share whose ideal is 0.5)."""
        ...

    def aggregate(self, rows: Sequence[Score]) -> Estimate:
        """The estimate over ``rows``, none of which is ``Unscored``.

        See ``harness.authoring.metrics`` for ready-made means and corpus metrics.
        """
        ...


@runtime_checkable
class Task(Protocol):
    """Samples, what to ask about each, and how to score the answers.

    ``version`` changes whenever a score could. An optional attribute ``settings``
    (``Mapping[str, str]``) says in words how the model is asked; reports show it, and runs that
    differ in it are not compared (see ``DeclaresScoring``). An optional method
    ``remarks(samples: Sequence[Sample]) -> Iterable[str]`` says what a reader must know of scores
    on just these samples; reports show it as notes.
    """

    @property
    def name(self) -> str:
        """What users call it."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever a score could."""
        ...

    @property
    def metrics(self) -> Sequence[Metric]:
        """What is reported, in the order it is shown."""
        ...

    def samples(self, data: DataSource) -> Iterable[Sample]:
        """Streams the samples of ``data``.

        Raises:
            DataError: A file or row cannot be read.
        """
        ...

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:
        """What to ask the model about ``sample``, after the few-shot examples ``shots``."""
        ...

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        """Metric name → value, from the responses in the order of ``requests``.

        A metric that does not apply to the sample is left out. None of the responses is
        ``Failed``: such samples are counted as errors by the runner.
        """
        ...


@runtime_checkable
class DeclaresScoring(Protocol):
    """What a task offers that has settings which do not change what a score means.

    Runs that differ in a setting that does are not compared. Of a task without this attribute
    every one of its ``settings`` is taken to be such.
    """

    @property
    def scored_by(self) -> Collection[str]:
        """Names of its settings that decide what a score means (labels, language, tokenizer)."""
        ...


@runtime_checkable
class ModelBackend(Protocol):
    """Something that answers requests.

    ``fingerprint`` identifies everything that determines its answers (weights, tokenizer,
    dtype, chat template); stored responses are keyed by it. ``supports`` holds the request
    types it can answer. ``by_sample`` (optional, default False) says that answers belong to
    samples rather than to prompts, so equal requests of two samples are not merged.
    ``forecast(requests) -> Usage | None`` (optional) says what these requests would cost, without
    running any: prompt tokens, those computed and reused, completion tokens (and cost) at most;
    or None where it cannot tell. ``forecast_basis`` (optional) says in words how it counts,
    where it estimates.
    ``notes`` (optional) says in words, once requests are answered, what a reader of the results
    must know of how they were: it stands beside each task's numbers.
    ``doubts`` (optional) says how often the backend has found that answers it gave earlier are
    wrong: when it grows, all that it answered before is asked again, and what is stored of it
    forgotten.
    ``match(every, requests)`` (optional, for backends that answer by sample) is told before the
    first question the ids of all samples of each task's data (task → ids, in their order) and the
    keyed requests of those that are asked; it raises a ``HarnessError`` where its answers do not
    fit, and returns task → notes for the report.
    ``check(requests)`` (optional) raises a ``HarnessError`` where requests of these types cannot
    be answered all the same (labels that a classifier does not have), before anything is written.
    """

    @property
    def fingerprint(self) -> str:
        """Identifies all that determines the answers."""
        ...

    @property
    def supports(self) -> frozenset[type]:
        """The request types it answers."""
        ...

    @property
    def usage(self) -> Usage:
        """Tokens (and cost) spent so far."""
        ...

    def describe(self) -> Mapping[str, object]:
        """JSON-ready facts for reports: name, parameters, dtype, device, ….  No secrets."""
        ...

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        """Answers each request exactly once, as (key, response), in any order."""
        ...

    def close(self) -> None:
        """Frees what it holds."""
        ...


@runtime_checkable
class Probe(Protocol):
    """Variants of a sample, and what their scores say against the original's.

    An optional attribute ``tasks`` (``Sequence[Task]``) holds other ways to ask the same samples,
    such as other prompt templates: each is asked every sample, and numbered before the variants
    of ``perturb``. An optional attribute ``settings`` (``Mapping[str, str]``) says in words what
    the variants rest on; reports show it. A probe may also be ``Preparing``.
    """

    @property
    def name(self) -> str:
        """What users call it."""
        ...

    def perturb(self, sample: Sample, rng: random.Random) -> Iterable[Sample | Skipped | None]:
        """Variants with the sample's own id, numbered by their position from 0.

        ``rng`` is seeded by the run's seed and the sample's id. A variant that asks the model
        nothing new is skipped and counted, and so is ``Skipped``, by its reason; None stands for
        a number that has no meaning for this sample.
        """
        ...

    def aggregate(
        self, metric: Metric, original: Sequence[Score], perturbed: Sequence[Score]
    ) -> Mapping[str, Estimate]:
        """Measure → estimate for one metric; rows are paired by ``sample_id``.

        See ``harness.authoring.paired`` for the ready-made measures.
        """
        ...


@dataclass(frozen=True, slots=True)
class Answers:
    """What another model said.

    Attributes:
        fingerprint: Identifies all that determines its answers.
        responses: In the order asked; None for what is not stored where nothing may be asked, as
            in ``harness plan``.
    """

    fingerprint: str
    responses: tuple[Response | None, ...]


class Ask(Protocol):
    """Asks another model than the one evaluated."""

    def __call__(
        self, model: str, settings: Mapping[str, str], requests: Sequence[tuple[str, Request]]
    ) -> Answers:
        """Answers (sample id, request) pairs in one call, through the response store.

        Args:
            model: As for ``--model``.
            settings: As for ``--set KEY=VALUE``.
            requests: What to ask.
        """
        ...


@runtime_checkable
class Preparing(Protocol):
    """A probe that needs all samples first, to have a model write their variants."""

    def prepared(self, samples: Sequence[Sample], ask: Ask) -> Probe:
        """The probe that makes the variants; called once a task, before any is made."""
        ...


@runtime_checkable
class Aligner(Protocol):
    """Trains a checkpoint further."""

    def train(self, spec: Mapping[str, object], data: Path, out: Path) -> Path:
        """Returns the folder of the new checkpoint."""
        ...


@runtime_checkable
class Reporter(Protocol):
    """Shows a result."""

    def render(self, result: RunResult, out: Path) -> Path | None:
        """Writes into the run folder ``out`` and returns the file; None when it only printed.

        ``harness.read_samples(out, task)`` streams the sample records.
        """
        ...


@runtime_checkable
class Executor(Protocol):
    """Runs a plan's batches on one or many machines.

    It opens the model where that is to run, as often as it likes, and gives back one backend
    that spreads what it is asked. Nothing else of a run knows that there are several.
    """

    def open(self, source: ModelSource) -> ModelBackend:
        """A backend with the fingerprint and the answers of the model opened here.

        Raises:
            ModelError: The model cannot be used.
        """
        ...


# --------------------------------------------------------------------------- options


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """What the user chose for one task.

    Attributes:
        values: ``--set TASK.KEY=VALUE`` and the task's table in harness.toml.
        supports: The request types the chosen backend answers; a task that can be asked in
            several ways picks one of these. Empty when no backend is open yet.
        templates: The user's own templates for the task, name → Jinja2 source.
        seed: The run's seed.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    supports: frozenset[type] = frozenset()
    templates: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """What the user chose for one probe, and the task that it is to probe.

    Attributes:
        values: ``--set PROBE.KEY=VALUE`` and the probe's table in harness.toml.
        task: The task's spec; None when the probe is opened only to be described.
        task_options: What the task was opened with.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    task: TaskSpec | None = None
    task_options: TaskOptions = TaskOptions()


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """What the user chose for the model.

    Attributes:
        model: What follows ``SCHEME:`` in ``--model``.
        batch_size: Sequences in one forward pass; None lets the backend choose.
        dtype: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ….
        seed: The run's seed.
        values: ``--set KEY=VALUE``.
        prices: The model's [prices] table: US dollars per million ``prompt``, ``completion``
            and ``cached_prompt`` tokens. Empty where harness.toml names none.
    """

    model: str
    batch_size: int | None = None
    dtype: str = "auto"
    device: str = "auto"
    seed: int = 0
    values: Mapping[str, str] = field(default_factory=dict)
    prices: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelSource:
    """All that it takes to open a model, here or in another process.

    ``harness.open_model`` does it; a source can be pickled.

    Attributes:
        scheme: The backend's.
        options: What the backend is opened with.
        plugin_files: Python files given with ``--plugin``, absolute; one may hold the backend.
    """

    scheme: str
    options: BackendOptions
    plugin_files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class ExecutorOptions:
    """What the user chose for the executor: ``--set KEY=VALUE`` of the keys that it has."""

    values: Mapping[str, str] = field(default_factory=dict)


# --------------------------------------------------------------------------- specs


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """Registers a task.

    Attributes:
        name: What ``--tasks`` calls it.
        description: One line for ``harness ls``.
        open: Makes the task.
        sample_data: The file of the small set that ships with it (``--data sample``).
        sample_shots: The file of few-shot examples for that set.
        hub: Where the full set lives.
        suites: Names under which ``--tasks`` selects it with others.
        options: ``--set TASK.KEY`` → one line of help. ``template`` is implied by templates.
        templates: Prompt template name → Jinja2 source; the first is the default.
        data: The task's own data, read unless ``--data`` says otherwise: a path.
        defaults: Options of every task (``shots``, ``num_fewshot``, …) → their value here where
            the user gives none.
    """

    name: str
    description: str
    open: Callable[[TaskOptions], Task]
    sample_data: Path | None = None
    sample_shots: Path | None = None
    hub: HubDataset | None = None
    suites: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    data: str | None = None
    defaults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """Registers a backend under the ``scheme`` of ``--model SCHEME:REST``.

    Attributes:
        scheme: What ``--model`` calls it.
        description: One line for ``harness ls``.
        open: Opens the model.
        options: ``--set KEY`` → one line of help.
        replicable: Whether several copies may answer one run. False where one copy has to see
            all requests (it keeps a limit on cost) or where the model runs elsewhere anyway.
        by_sample: Whether its models answer by sample, so that their answers are not stored.
    """

    scheme: str
    description: str
    open: Callable[[BackendOptions], ModelBackend]
    options: Mapping[str, str] = field(default_factory=dict)
    replicable: bool = True
    by_sample: bool = False


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """Registers a probe.

    Attributes:
        name: What ``--probes`` calls it.
        description: One line for ``harness ls``.
        open: Makes the probe for one task.
        suites: Names under which ``--probes`` selects it with others.
        options: ``--set PROBE.KEY`` → one line of help.
    """

    name: str
    description: str
    open: Callable[[ProbeOptions], Probe]
    suites: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlignerSpec:
    """Registers a training method for ``harness align --method``."""

    name: str
    description: str
    open: Callable[[], Aligner]


@dataclass(frozen=True, slots=True)
class ReporterSpec:
    """Registers a format for ``--format``."""

    name: str
    description: str
    open: Callable[[], Reporter]


@dataclass(frozen=True, slots=True)
class ExecutorSpec:
    """Registers a way to spread the work.

    Attributes:
        name: What ``--executor`` calls it.
        description: One line for ``harness ls``.
        open: Checks the options and makes the executor.
        options: ``--set KEY`` → one line of help; where the backend has an option of the same
            name, the executor gets it.
    """

    name: str
    description: str
    open: Callable[[ExecutorOptions], Executor]
    options: Mapping[str, str] = field(default_factory=dict)
