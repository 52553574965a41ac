"""A task made of functions: what it reads, what it asks, and how it grades the answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.errors import UsageError
from harness.protocols import Metric, TaskAnswers
from harness.types import DataSource, Request, Response, Sample, ScoreValue


def _nothing(samples: Sequence[Sample]) -> Iterable[str]:  # noqa: ARG001
    return ()


@dataclass(frozen=True, slots=True)
class ComposedTask:
    """A ``harness.protocols.Task`` without a class of its own.

    ``generation`` and ``multiple_choice`` make it for the two common kinds of tasks.

    Attributes:
        name: What users call it.
        metrics: What is reported, in the order it is shown.
        settings: How the model is asked, in words.
        reader: Streams the samples of a data source.
        ask: The requests about a sample, after solved examples.
        grade: Metric name → value, from the responses in the order of the requests.
        version: Changes whenever a score could.
        decisive: Names of the settings that decide what a score means; None: all of them.
        remark: What a reader must know of scores on just these samples.
        without_hub: What to give as ``--data`` where no data set is on the hub (``FILE``); empty
            where ``reader`` reads one from the hub.
        ask_in_turns: As ``ask``, with the solved examples as turns of a conversation; None where
            the task cannot be asked so.
        answers: How further metrics and majorities find the answers; None where none fit.
    """

    name: str
    metrics: Sequence[Metric]
    settings: Mapping[str, str]
    reader: Callable[[DataSource], Iterable[Sample]]
    ask: Callable[[Sample, Sequence[Sample]], Sequence[Request]]
    grade: Callable[[Sample, Sequence[Response]], Mapping[str, ScoreValue]]
    version: str = "1"
    decisive: Collection[str] | None = None
    remark: Callable[[Sequence[Sample]], Iterable[str]] = _nothing
    without_hub: str = ""
    ask_in_turns: Callable[[Sample, Sequence[Sample]], Sequence[Request]] | None = None
    answers: TaskAnswers | None = None

    @property
    def defined_in(self) -> str:
        """The module of its reader, which errors name as the plugin at fault."""
        return self.reader.__module__

    @property
    def scored_by(self) -> Collection[str]:
        """See ``harness.protocols.DeclaresScoring``."""
        return self.settings if self.decisive is None else self.decisive

    def samples(self, data: DataSource) -> Iterable[Sample]:
        """See ``harness.protocols.Task``.

        Raises:
            UsageError: The data are to come from the hub, which has none.
            DataError: A file or row cannot be read.
        """
        if self.without_hub and not data.paths:
            raise UsageError(
                f"{self.name} has no data set on the hub",
                f"Give --data {self.name}={self.without_hub}.",
            )
        return self.reader(data)

    def remarks(self, samples: Sequence[Sample]) -> Iterable[str]:
        """See ``harness.protocols.Task``."""
        return self.remark(samples)

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:
        """See ``harness.protocols.Task``."""
        return self.ask(sample, shots)

    def requests_in_turns(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:
        """See ``harness.protocols.AsksInTurns``.

        Raises:
            UsageError: The task has no prompt of question and answer.
        """
        if self.ask_in_turns is None:
            raise UsageError(
                f"{self.name} cannot show solved examples as turns of a conversation",
                f"Leave out --set {self.name}.fewshot_style=turns.",
            )
        return self.ask_in_turns(sample, shots)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        """See ``harness.protocols.Task``."""
        return self.grade(sample, responses)
