"""Metrics that a user adds to a task's own: during a run, or to a finished one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.authoring.grading import Grader, MetricSpec, metrics_of
from harness.config import reducer_of
from harness.errors import UnknownNameError, UsageError, plugin_call
from harness.protocols import (
    FollowUp,
    GivesAnswers,
    HasRemarks,
    Metric,
    ScoresRounds,
    Task,
    TaskAnswers,
    TaskOptions,
    TaskSpec,
)
from harness.types import MODEL, Completion, Response, Round, Sample, ScoreValue, Unscored


@dataclass(frozen=True, slots=True)
class Named:
    """A metric as the user names it: ``NAME`` or ``NAME:ARGUMENT``."""

    text: str
    spec: MetricSpec
    argument: str


def named(texts: Iterable[str], registered: Mapping[str, MetricSpec]) -> list[Named]:
    """The metrics that a user names.

    Raises:
        UnknownNameError: One is not registered.
        UsageError: One has an argument that it does not take.
    """
    found = []
    for text in texts:
        name, colon, argument = text.partition(":")
        if name not in registered:
            hint = "`harness ls` lists what there is."
            if _is_reducer(name):
                hint = f"It is computed of repeats: give --reduce {name}."
            raise UnknownNameError("metric", name, registered, hint)
        spec = registered[name]
        if colon and not (spec.argument and argument):
            expected = f"{name}:{spec.argument}" if spec.argument else name
            raise UsageError(f"--metrics {text}", f"Expected {expected}.")
        found.append(Named(text, spec, argument))
    return found


def _is_reducer(name: str) -> bool:
    try:
        reducer_of(name)
    except UsageError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Added:
    """What is added to one task.

    Attributes:
        task: The task with the further metrics.
        metrics: Their metrics alone.
        names: What the user called those that fit the task.
        left_out: Those that do not → why.
        graders: What computes them.
        answers: How the task's answers are found.
    """

    task: Task
    metrics: tuple[Metric, ...]
    names: tuple[str, ...]
    left_out: Mapping[str, str]
    graders: tuple[Grader[Any], ...]
    answers: TaskAnswers

    def grade(self, sample: Sample, responses: Sequence[Response]) -> dict[str, ScoreValue]:
        """The added metrics' values of one sample; nothing where it has no answer of the kind.

        Raises:
            PluginError: A grader raised.
        """
        answer = self.answers.read(sample, responses)
        if answer is None:
            return {}
        if isinstance(answer, Unscored):
            return dict.fromkeys((metric.name for metric in self.metrics), answer)
        found: dict[str, ScoreValue] = {}
        for name, grader in zip(self.names, self.graders, strict=True):
            with plugin_call(grader, f"metric {name!r} failed on sample {sample.id!r}"):
                found |= grader.grade(answer, sample)
        return found

    def grade_rounds(self, sample: Sample, rounds: Sequence[Round]) -> dict[str, ScoreValue]:
        """The same of a sample that was asked in rounds: of the model's answer in the first."""
        return self.grade(sample, rounds[0].of(MODEL) if rounds else ())


def add(task: Task, chosen: Sequence[Named], own: Iterable[str] | None = None) -> Added:
    """The task with those of the metrics that fit it.

    Args:
        task: The task.
        chosen: The metrics.
        own: Names of the metrics that the task has already; by default its own.

    Raises:
        HarnessError: A metric cannot be made (a package is missing, an argument does not exist).
    """
    answers = answers_of(task)
    taken = {metric.name for metric in task.metrics} if own is None else set(own)
    graders: list[Grader[Any]] = []
    left_out: dict[str, str] = {}
    names = []
    for each in chosen:
        why = _unfit(each.spec, answers)
        if why is None:
            with plugin_call(each.spec.open, f"metric {each.text!r} cannot be opened"):
                grader = each.spec.open(each.argument)
            shared = [metric.name for metric in grader.metrics if metric.name in taken]
            if shared:
                why = f"the task has {', '.join(shared)} already"
        if why is not None:
            left_out[each.text] = why
            continue
        taken |= {metric.name for metric in grader.metrics}
        graders.append(grader)
        names.append(each.text)
    added = Added(task, metrics_of(graders), tuple(names), left_out, tuple(graders), answers)
    return replace(added, task=_with(task, added)) if graders else added


def answers_of(task: Task) -> TaskAnswers:
    """How the task's answers are found: as it says, else the one text that it asks for."""
    offered = task.answers if isinstance(task, GivesAnswers) else None
    return TaskAnswers("generation", _one_text) if offered is None else offered


def _one_text(_: Sample, responses: Sequence[Response]) -> str | Unscored | None:
    """The one generated answer; None where there is another number of them."""
    if len(responses) != 1 or not isinstance(responses[0], Completion):
        return None
    if responses[0].cut_off:
        return Unscored("the answer was cut off before it began")
    return responses[0].text


def _unfit(spec: MetricSpec, answers: TaskAnswers) -> str | None:
    if answers.kind not in spec.kinds:
        return f"it grades {' and '.join(spec.kinds)} tasks, and this one is of {answers.kind}"
    if spec.scorings and answers.scoring not in spec.scorings:
        return f"it needs scoring {' or '.join(spec.scorings)}, and this is {answers.scoring}"
    return None


def _with(task: Task, added: Added) -> Task:
    """A task that is the given one in all but its metrics, scores and remarks.

    Every capability that it has, known here or not, is a member of its class, so the result gets
    each public member as a property that reads the task's.
    """

    def score(_: object, sample: Sample, responses: Sequence[Response]) -> dict[str, ScoreValue]:
        return {**task.score(sample, responses), **added.grade(sample, responses)}

    def score_rounds(_: object, sample: Sample, rounds: Sequence[Round]) -> dict[str, ScoreValue]:
        if isinstance(task, ScoresRounds):
            own = task.score_rounds(sample, rounds)
        else:
            own = task.score(sample, [each for one in rounds for each in one.responses])
        return {**own, **added.grade_rounds(sample, rounds)}

    def remarks(_: object, samples: Sequence[Sample]) -> list[str]:
        told = list(task.remarks(samples)) if isinstance(task, HasRemarks) else []
        return told + remarks_of(added.graders, samples)

    members: dict[str, Any] = {
        name: property(lambda _, name=name: getattr(task, name))  # type: ignore[misc]
        for name in dir(task)
        if not name.startswith("_")
    }
    members |= {
        "metrics": (*task.metrics, *added.metrics),
        "score": score,
        "remarks": remarks,
        "defined_in": getattr(task, "defined_in", type(task).__module__),
    }
    if isinstance(task, FollowUp):
        members["score_rounds"] = score_rounds
    wrapped: Task = type(type(task).__name__, (), members)()
    return wrapped


def remarks_of(graders: Iterable[object], samples: Sequence[Sample]) -> list[str]:
    """What graders say of scores on just these samples; what several say, once."""
    told = (
        remark
        for grader in graders
        if isinstance(grader, HasRemarks)
        for remark in grader.remarks(samples)
    )
    return list(dict.fromkeys(told))


class Adding:
    """The metrics that a run adds to its tasks.

    Args:
        texts: As the user names them.
        registered: The metrics that there are.

    Raises:
        HarnessError: See ``named``.
    """

    def __init__(self, texts: Iterable[str], registered: Mapping[str, MetricSpec]) -> None:
        self._chosen = named(texts, registered)
        self._added: dict[str, Added] = {}

    def spec(self, task: TaskSpec) -> TaskSpec:
        """The task's spec, whose tasks have those of the metrics that fit."""
        if not self._chosen:
            return task

        def opened(options: TaskOptions) -> Task:
            added = self._added[task.name] = add(task.open(options), self._chosen)
            return added.task

        return replace(task, open=opened)

    def check(self) -> None:
        """Refuses a metric that fits none of the tasks that were opened.

        Raises:
            UsageError: One fits none.
        """
        check_used([each.text for each in self._chosen], self._added)


def check_used(texts: Iterable[str], added: Mapping[str, Added]) -> None:
    """Refuses a metric that fits none of the tasks.

    Args:
        texts: The metrics.
        added: Task → what was added to it.

    Raises:
        UsageError: One fits none.
    """
    for text in texts:
        why = {task: of.left_out[text] for task, of in added.items() if text in of.left_out}
        if len(why) == len(added):
            told = "\n".join(f"{task}: {reason}" for task, reason in list(why.items())[:5])
            raise UsageError(f"{text} fits none of the tasks", told)
