"""What a task implements, what it may offer besides, and how it is registered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.protocols.metrics import Metric
from harness.protocols.options import Options
from harness.protocols.rounds import RoleModel
from harness.types import DataSource, HubDataset, Request, Response, Sample, ScoreValue


@runtime_checkable
class Task(Protocol):
    """Samples, what to ask about each, and how to score the answers.

    ``version`` changes whenever a score could. A task may also be ``HasSettings``,
    ``DeclaresScoring``, ``HasRemarks``, ``AsksInTurns``, ``GivesAnswers`` and ``FollowUp``, with
    ``NeedsRoles``, ``ScoresRounds`` and ``BoundsRounds``.
    """

    @property
    def name(self) -> str:
        """What users call it."""

    @property
    def version(self) -> str:
        """Changes whenever a score could."""

    @property
    def metrics(self) -> Sequence[Metric]:
        """What is reported, in the order it is shown; scoring a sample may add to it."""

    def samples(self, data: DataSource) -> Iterable[Sample]:
        """Streams the samples of ``data``.

        Raises:
            DataError: A file or row cannot be read.
        """

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:
        """What to ask the model about ``sample``, after the few-shot examples ``shots``."""

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        """Metric name → value, from the responses in the order of ``requests``.

        A metric that does not apply to the sample is left out. None of the responses is
        ``Failed``: such samples are counted as errors by the runner.
        """


@runtime_checkable
class DeclaresScoring(Protocol):
    """What a task offers that has settings which do not change what a score means.

    Runs that differ in a setting that does are not compared. Of a task without this attribute
    every one of its ``settings`` is taken to be such.
    """

    @property
    def scored_by(self) -> Collection[str]:
        """Names of its settings that decide what a score means (labels, language, tokenizer)."""


@dataclass(frozen=True, slots=True)
class TaskAnswers:
    """How a task's answers are found: for further metrics, and to tell when two are the same.

    Attributes:
        kind: A kind of ``harness.authoring.declaration.KINDS``: which metrics fit.
        read: What a grader of that kind takes of a sample and its responses; ``Unscored`` where
            there is no answer to grade.
        scoring: How the model is asked, where metrics differ in what they need of it.
        final: The final answer in one form, equal for equal answers, by which majorities over
            repeats are counted; None where the text is all there is to go by.
    """

    kind: str
    read: Callable[[Sample, Sequence[Response]], object]
    scoring: str = ""
    final: Callable[[Sample, Sequence[Response]], str | None] | None = None


@runtime_checkable
class GivesAnswers(Protocol):
    """A task whose answers further metrics can grade (``--metrics``) and majorities can count."""

    @property
    def answers(self) -> TaskAnswers | None:
        """How they are found; None where they are no answers of a kind."""
        ...


@runtime_checkable
class HasSettings(Protocol):
    """A task or a probe that says in words how it asks (labels, language, prompt, word list).

    Reports show it, and runs of a task that differ in it are not compared; see
    ``DeclaresScoring``.
    """

    @property
    def settings(self) -> Mapping[str, str]:
        """Name → value, in words."""
        ...


@runtime_checkable
class HasRemarks(Protocol):
    """A task that knows what a reader must know of scores on just these samples."""

    def remarks(self, samples: Sequence[Sample]) -> Iterable[str]:
        """Sentences that reports show as notes; ``samples`` are those that were scored."""
        ...


@runtime_checkable
class AsksInTurns(Protocol):
    """A task that can show solved examples as turns of a conversation."""

    def requests_in_turns(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:
        """As ``Task.requests``; asked for by ``--set TASK.fewshot_style=turns``."""
        ...


def settings_of(thing: object) -> Mapping[str, str]:
    """What a task or probe says of how it asks; empty where it says nothing."""
    return thing.settings if isinstance(thing, HasSettings) else {}


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """What the user chose for one task.

    Attributes:
        values: ``--set TASK.KEY=VALUE`` and the task's table in harness.toml.
        supports: The request types the chosen backend answers; a task that can be asked in
            several ways picks one of these. Empty when no backend is open yet.
        templates: The user's own templates for the task, name → Jinja2 source.
        seed: The run's seed.
        roles: Role → its model, ``model`` among them; a role's model is opened when it is looked
            up. Empty when no backend is open yet.
        allow_unsafe_code: Whether code that a model wrote may run without a sandbox.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    supports: frozenset[type] = frozenset()
    templates: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    roles: Mapping[str, RoleModel] = field(default_factory=dict, compare=False)
    allow_unsafe_code: bool = False


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
        options: What ``--set TASK.KEY=VALUE`` may set, see ``Options``; ``template`` is implied
            by templates. A task that declares ``num_fewshot`` or ``shots``, which every task
            has, draws its solved examples itself: it is handed these values, and no examples.
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
    options: Options = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    data: str | None = None
    defaults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskSource:
    """Registers many tasks under one prefix, of which each is made when it is asked for.

    For catalogues of thousands of tasks, which cost too much to register one by one. ``--tasks``
    takes them as ``PREFIX:NAME``.

    Attributes:
        prefix: What stands before the colon.
        description: One line for ``harness ls``.
        names: Name → one line about it, of all that there is, without the prefix; called with
            what ``--set PREFIX.KEY=VALUE`` sets.
        find: The tasks of a name, which may be several; called with the name, without the
            prefix, and with the same settings. Each task's name begins with ``PREFIX:``. Raises
            ``UnknownNameError`` for a name that does not exist.
        options: What ``--set PREFIX.KEY=VALUE`` may set.
    """

    prefix: str
    description: str
    names: Callable[[Mapping[str, str]], Mapping[str, str]]
    find: Callable[[str, Mapping[str, str]], Sequence[TaskSpec]]
    options: Options = field(default_factory=dict)
