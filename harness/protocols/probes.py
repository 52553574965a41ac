"""What a probe implements, what it may offer besides, and how it is registered."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from harness.protocols.metrics import Metric
from harness.protocols.options import Options
from harness.protocols.tasks import Task, TaskOptions, TaskSpec
from harness.types import Estimate, Request, Response, Sample, Score, Skipped


@runtime_checkable
class Probe(Protocol):
    """Variants of a sample, and what their scores say against the original's.

    A probe may also be ``HasTasks``, ``HasSettings`` (what the variants rest on), ``Preparing``
    and ``Summarizes``.
    """

    @property
    def name(self) -> str:
        """What users call it."""

    def perturb(self, sample: Sample, rng: random.Random) -> Iterable[Sample | Skipped | None]:
        """Variants with the sample's own id, numbered by their position from 0.

        ``rng`` is seeded by the run's seed and the sample's id. A variant that asks the model
        nothing new is skipped and counted, and so is ``Skipped``, by its reason; None stands for
        a number that has no meaning for this sample.
        """

    def aggregate(
        self, metric: Metric, original: Sequence[Score], perturbed: Sequence[Score]
    ) -> Mapping[str, Estimate]:
        """Measure → estimate for one metric; rows are paired by ``sample_id``.

        See ``harness.authoring.paired`` for the ready-made measures.
        """


@runtime_checkable
class HasTasks(Protocol):
    """A probe with other ways to ask the same samples, such as other prompt templates."""

    @property
    def tasks(self) -> Sequence[Task]:
        """Each is asked every sample, and numbered before the variants of ``perturb``."""
        ...


def tasks_of(probe: object) -> Sequence[Task]:
    """The probe's other ways to ask; none where it has none."""
    return probe.tasks if isinstance(probe, HasTasks) else ()


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


class AskModel(Protocol):
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


Ask = AskModel
"""The name of ``AskModel`` until version 0.3, which removes it; see ``harness.types.Ask``."""


@runtime_checkable
class Preparing(Protocol):
    """A probe that needs all samples first, to have a model write their variants."""

    def prepared(self, samples: Sequence[Sample], ask: AskModel) -> Probe:
        """The probe that makes the variants; called once a task, before any is made."""


@runtime_checkable
class Summarizes(Protocol):
    """A probe that says in a sentence what its measures mean together."""

    def summary(self, metric: str, measures: Mapping[str, Estimate]) -> str | None:
        """A note on a task's first metric, from what ``aggregate`` made of it; None for none."""


def summary_of(probe: object, metric: str, measures: Mapping[str, Estimate]) -> str | None:
    """What the probe says of its measures of a metric; None where it says nothing."""
    return probe.summary(metric, measures) if isinstance(probe, Summarizes) else None


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
    task_options: TaskOptions = field(default_factory=TaskOptions)


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A flag of the command line that chooses a probe and sets one of its options.

    Attributes:
        flag: ``--NAME``; commands that take ``--probes`` take it, too.
        option: The probe's option that it sets.
        metavar: What ``--help`` shows for its value.
        help: One line for ``--help``.
    """

    flag: str
    option: str
    metavar: str
    help: str


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """Registers a probe.

    Attributes:
        name: What ``--probes`` calls it.
        description: One line for ``harness ls``.
        open: Makes the probe for one task.
        suites: Names under which ``--probes`` selects it with others.
        options: What ``--set PROBE.KEY=VALUE`` may set, see ``Options``.
        shortcut: A flag for what is set most often; None for none.
    """

    name: str
    description: str
    open: Callable[[ProbeOptions], Probe]
    suites: tuple[str, ...] = ()
    options: Options = field(default_factory=dict)
    shortcut: Shortcut | None = None
