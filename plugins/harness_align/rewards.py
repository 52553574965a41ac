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

from harness.authoring import checkpoint
from harness.authoring.chat.encoding import Encoder
from harness.authoring.chat.templates import ChatTemplate
from harness.authoring.io import serialization
from harness.authoring.metrics import MetricRef
from harness.authoring.readers import text_files
from harness.errors import DataError, HarnessError, ModelError, UnknownNameError, UsageError
from harness.protocols import Task, TaskOptions
from harness.types import Completion, Generate, Message, Prompt
from harness_align.dataset.training_rows import plain

if TYPE_CHECKING:
    from harness import Registry

Values = list[float | None]
_WEIGHT = re.compile(r"^\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*\*\s*(.+)$", re.DOTALL)
_HUB_ID = re.compile(r"(?![.~])[\w.-]+/[\w.-]+")
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


class ModelReward:
    """A reward model: a sequence classifier with one output.

    Args:
        folder: Its checkpoint, with safetensors weights.
        base: Where given, the model as it was before its training instead: the weights of this
            checkpoint, with a new head where it has none, asked by ``folder``'s tokenizer.
        seed: Of the new head; the one of the training makes the same head.

    Raises:
        ModelError: It cannot be read, or has another number of outputs.
    """

    BATCH = 16

    def __init__(self, folder: str, base: str = "", seed: int = 0) -> None:
        import torch
        from transformers import AutoTokenizer, logging

        local = Path(folder).is_dir()
        if not local and not _HUB_ID.fullmatch(folder):
            raise ModelError(
                f"no reward model at {folder!r}",
                "Give a checkpoint's folder or hub id, task:NAME or plugin:FILE.py:FUNCTION.",
            )

        logging.disable_progress_bar()
        with checkpoint.reading(
            f"the reward model {folder}", "Expected a checkpoint folder with safetensors weights."
        ):
            if local:
                checkpoint.check_files(Path(folder))
            self._tokenizer = AutoTokenizer.from_pretrained(folder)
            self._model = _untrained(base, seed) if base else _classifier(folder)
            self._check(folder)
            if base:
                self._model.config.pad_token_id = self._tokenizer.pad_token_id
            self._model.eval().to("cuda" if torch.cuda.is_available() else "cpu")
            limit = int(getattr(self._model.config, "max_position_embeddings", 0) or 1024)
            # What it reads ends as its tokenizer ends it.
            self._encoder = Encoder(self._tokenizer, limit, chat=False, ends=True)
            self._template = ChatTemplate.of(self._tokenizer)

    def _check(self, folder: str) -> None:
        name = f"the reward model {folder}"
        checkpoint.check_values(name, self._model.named_parameters())
        rows = self._model.get_input_embeddings().weight.shape[0]
        checkpoint.check_vocabulary(name, self._tokenizer, rows)
        if self._model.config.num_labels != 1:
            raise ModelError(
                f"{folder} has {self._model.config.num_labels} outputs, a reward model has one",
                "Train one with --method reward.",
            )

    def __call__(
        self,
        prompts: Sequence[Prompt],
        completions: Sequence[str],
        facts: Sequence[Mapping[str, Any]] = (),  # noqa: ARG002
    ) -> Values:
        """The model's outputs, on texts that end as in its training: with the end token."""
        import torch

        values: Values = []
        texts = [self._text(p, c) for p, c in zip(prompts, completions, strict=True)]
        pad = self._model.config.pad_token_id
        size = self.BATCH if pad is not None else 1  # without one the ends of texts are unknown
        for start in range(0, len(texts), size):
            some = texts[start : start + size]
            encoded = self._encoder.encode_many(some)
            rows = [list(encoded[text][: self._encoder.max_length]) for text in some]
            longest = max(map(len, rows))
            ids = [[*row, *[pad] * (longest - len(row))] for row in rows]
            mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
            batch = {
                name: torch.tensor(table, device=self._model.device)
                for name, table in (("input_ids", ids), ("attention_mask", mask))
            }
            with torch.inference_mode():
                outputs = self._model(**batch).logits[:, 0].float().tolist()
            values += [output if math.isfinite(output) else None for output in outputs]
        return values

    def _text(self, prompt: Prompt, completion: str) -> str:
        if isinstance(prompt, str):
            if self._template is None:
                return prompt + completion + (self._tokenizer.eos_token or "")
            prompt = (Message("user", prompt),)
        turns = [{"role": turn.role, "content": turn.content} for turn in prompt]
        turns.append({"role": "assistant", "content": completion})
        if self._template is None:
            raise ModelError(
                "the prompts are conversations and the reward model has no chat template",
                "Give a reward model with a chat template, or prompts that are texts.",
            )
        return self._template.render(turns, answering=False)


def _classifier(folder: str) -> Any:
    from transformers import AutoModelForSequenceClassification

    model, report = AutoModelForSequenceClassification.from_pretrained(
        folder, use_safetensors=True, output_loading_info=True
    )
    checkpoint.check_loaded(f"the reward model {folder}", report, list(model.state_dict()))
    return model


def _untrained(base: str, seed: int) -> Any:
    """The model that a training of a reward model starts with."""
    import torch
    from transformers import AutoModelForSequenceClassification, logging

    level = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)  # it would warn that the head is new
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return AutoModelForSequenceClassification.from_pretrained(
                base, num_labels=1, dtype=torch.float32, use_safetensors=True
            )
    finally:
        logging.set_verbosity(level)


def lexicon_sentiment(prompts: Sequence[str], completions: Sequence[str]) -> list[float | None]:
    """VADER's compound sentiment of each answer, in [−1, 1] (Hutto & Gilbert 2014).

    ``--reward plugin:harness_align.rewards:lexicon_sentiment``.
    """
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    del prompts
    analyzer = SentimentIntensityAnalyzer()
    return [float(analyzer.polarity_scores(text)["compound"]) for text in completions]
