"""Rewards: a task's score, a reward model, a Python function, or a weighted sum of them.

    task:sst2            the task's first metric on the sampled answer
    task:squad.f1        another of its metrics
    ./reward/model       a sequence classifier with one output, as ``--method reward`` makes
    plugin:FILE.py:name  a function of a Python file, or plugin:package.module:name
    0.7*task:sst2 + 0.3*plugin:rewards.py:brevity

A function takes ``(prompts, completions)``, two lists of texts, and returns one number or None
(no reward) for each.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from harness.authoring.io import serialization
from harness.authoring.metrics import MetricRef
from harness.authoring.readers import text_files
from harness.errors import DataError, HarnessError, UnknownNameError, UsageError
from harness.protocols import Task, TaskOptions
from harness.types import Completion, Generate, Prompt
from harness_align.dataset.training_rows import plain
from harness_align.reward_model import ModelReward, Values

if TYPE_CHECKING:
    from harness import Registry

_WEIGHT = re.compile(r"^\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*\*\s*(.+)$", re.DOTALL)
SAMPLE_FACT, TASK_FACT = "sample", "task"
"""Columns in which rows that were made from a task carry its sample and its name."""


@dataclass(frozen=True, slots=True)
class Term:
    """One summand: how much it weighs, and what it is."""

    weight: float
    source: str


class Reward(Protocol):
    """Scores sampled answers."""

    def __call__(
        self,
        prompts: Sequence[Prompt],
        completions: Sequence[str],
        facts: Sequence[Mapping[str, Any]],
    ) -> Values:
        """One value for each answer; None where it cannot be scored."""


def parse(text: str) -> tuple[Term, ...]:
    """The summands of a reward.

    Raises:
        UsageError: The text is malformed.
    """
    terms = []
    for part in re.split(r"\s\+\s", text.strip()):
        matched = _WEIGHT.match(part)
        source = (matched[2] if matched else part).strip()
        try:
            weight = float(matched[1]) if matched else 1.0
        except ValueError:
            weight = math.nan
        cut_off = not source or source[-1] in "*+:"
        if cut_off or not math.isfinite(weight):
            raise UsageError(
                f"--reward {text!r}",
                "Expected task:NAME, a reward model's folder, plugin:FILE.py:FUNCTION, "
                "or a weighted sum such as '0.7*task:sst2 + 0.3*plugin:rewards.py:brevity'",
            )
        terms.append(Term(weight, source))
    return tuple(terms)


def open_reward(source: str, registry: Registry) -> Reward:
    """Opens one summand; a reward model's weights are read here.

    Raises:
        HarnessError: It does not exist or cannot be used.
    """
    kind, _, rest = source.partition(":")
    if kind == "task":
        return TaskReward(rest, registry)
    if kind == "plugin":
        return FunctionReward(rest)
    return ModelReward(source)


def needs_task(terms: Sequence[Term], registry: Registry) -> list[str]:
    """Names of the tasks whose samples the rows must carry.

    Raises:
        UnknownNameError: There is no such task.
    """
    names = [term.source[5:] for term in terms if term.source[:5] == "task:"]
    return [_ref(name, registry).task for name in names]


def _ref(name: str, registry: Registry) -> MetricRef:
    """What follows ``task:``; a reward has no ideal."""
    found = MetricRef.find(name, registry.tasks)
    if found is None:
        raise UnknownNameError("task", name, registry.tasks)
    return found


class WeightedSum:
    """The weighted sum of several rewards; None where any of them is."""

    def __init__(self, text: str, registry: Registry) -> None:
        self.terms = parse(text)
        self._parts = [open_reward(term.source, registry) for term in self.terms]

    def __call__(
        self,
        prompts: Sequence[Prompt],
        completions: Sequence[str],
        facts: Sequence[Mapping[str, Any]],
    ) -> Values:
        """The sums."""
        columns = [part(prompts, completions, facts) for part in self._parts]
        sums: Values = []
        for values in zip(*columns, strict=True):
            known = [value for value in values if value is not None]
            weights = [term.weight for term in self.terms]
            whole = len(known) == len(values)
            sums.append(sum(w * v for w, v in zip(weights, known, strict=True)) if whole else None)
        return sums


class TaskReward:
    """A task's score of the answer.

    Args:
        name: ``TASK`` or ``TASK.METRIC``; the task's first metric by default.
        registry: Where the task is registered.

    Raises:
        UnknownNameError: There is no such task or metric.
    """

    def __init__(self, name: str, registry: Registry) -> None:
        ref = _ref(name, registry)
        self._task = open_generating(ref.task, registry)
        names = [each.name for each in self._task.metrics]
        if ref.metric and ref.metric not in names:
            raise UnknownNameError(f"metric of {ref.task}", ref.metric, names)
        self._metric = ref.metric or names[0]

    def __call__(
        self,
        prompts: Sequence[Prompt],  # noqa: ARG002
        completions: Sequence[str],
        facts: Sequence[Mapping[str, Any]],
    ) -> Values:
        """The scores; corpus metrics have no score for one answer and give None."""
        return [self._score(text, row) for text, row in zip(completions, facts, strict=True)]

    def _score(self, text: str, facts: Mapping[str, Any]) -> float | None:
        stored = facts.get(SAMPLE_FACT)
        if stored is None or facts.get(TASK_FACT) != self._task.name:
            raise DataError(
                f"the reward task:{self._task.name} needs rows made of that task's samples",
                expected=f"--data {self._task.name}=PATH",
            )
        try:
            sample = serialization.sample_from_json(text_files.parse_json(stored))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"a row's {SAMPLE_FACT!r} is no sample: {error}") from error
        value = self._task.score(sample, (Completion(text),)).get(self._metric)
        return float(value) if isinstance(value, int | float) else None


def open_generating(name: str, registry: Registry) -> Task:
    """Opens a task so that it asks for texts, which is all that a sampling policy gives.

    Raises:
        UnknownNameError: There is no such task.
        UsageError: The task cannot be asked that way.
    """
    if name not in registry.tasks:
        raise UnknownNameError("task", name, registry.tasks)
    spec = registry.tasks[name]
    try:
        return spec.open(TaskOptions(supports=frozenset({Generate})))
    except HarnessError as error:
        raise UsageError(f"{name} cannot be a reward: {error.message}", error.hint) from error


class FunctionReward:
    """A Python function ``(prompts, completions) -> numbers``.

    Args:
        address: ``FILE.py:FUNCTION`` or ``package.module:FUNCTION``.

    Raises:
        UsageError: There is no such function.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._function = _import(address)

    def __call__(
        self,
        prompts: Sequence[Prompt],
        completions: Sequence[str],
        facts: Sequence[Mapping[str, Any]],  # noqa: ARG002
    ) -> Values:
        """What the function returns, checked."""
        try:
            values = list(self._function([plain(prompt) for prompt in prompts], list(completions)))
        except Exception as error:  # a user's function can raise anything
            raise UsageError(
                f"the reward {self._address} failed: {type(error).__name__}: {error}",
                "It is called with two lists of texts, prompts and completions.",
            ) from error
        if len(values) != len(completions):
            raise UsageError(
                f"the reward {self._address} gave {len(values)} values for {len(completions)} "
                "answers",
                "Return one number, or None, for each answer.",
            )
        return [None if value is None else float(value) for value in values]


def _import(address: str) -> Callable[[list[str], list[str]], Sequence[float | None]]:
    place, _, name = address.rpartition(":")
    hint = "Expected plugin:FILE.py:FUNCTION or plugin:package.module:FUNCTION"
    if not place or not name:
        raise UsageError(f"the reward plugin:{address} names no function", hint)
    try:
        if place.endswith(".py"):
            specification = importlib.util.spec_from_file_location(Path(place).stem, place)
            assert specification is not None
            assert specification.loader is not None
            module = importlib.util.module_from_spec(specification)
            specification.loader.exec_module(module)
        else:
            module = importlib.import_module(place)
    except Exception as error:  # a user's file can raise anything
        raise UsageError(
            f"the reward plugin:{address} cannot be imported: {type(error).__name__}: {error}", hint
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        raise UsageError(f"{place} has no function {name!r}", hint)
    return function  # type: ignore[no-any-return]


def lexicon_sentiment(prompts: Sequence[str], completions: Sequence[str]) -> list[float | None]:
    """VADER's compound sentiment of each answer, in [−1, 1] (Hutto & Gilbert 2014).

    ``--reward plugin:harness_align.rewards:lexicon_sentiment``.
    """
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    del prompts
    analyzer = SentimentIntensityAnalyzer()
    return [float(analyzer.polarity_scores(text)["compound"]) for text in completions]
