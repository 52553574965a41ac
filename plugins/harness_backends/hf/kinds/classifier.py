"""Sequence classifiers: the probability of each of a task's labels, from the head's logits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from harness.errors import ModelError
from harness.types import Classify, ClassProbs, Request, Response
from harness_backends.hf.kinds.encoder import Row
from harness_backends.hf.kinds.labels import match_labels, parse_label_map
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.settings import Settings


@dataclass(frozen=True, slots=True)
class _Text:
    """A text, and which of the head's labels mean each of the task's."""

    rows: tuple[Row, ...]
    truncated: bool
    meaning: tuple[tuple[int, ...], ...]

    def answer(self, results: Sequence[tuple[float, ...]]) -> Response:
        """Softmax of the logits; labels that are none of the task's are left out."""
        (logits,) = results
        top = max(logits[index] for indices in self.meaning for index in indices)
        shares = [
            sum(math.exp(logits[index] - top) for index in indices) for indices in self.meaning
        ]
        total = sum(shares)
        return ClassProbs(tuple(share / total for share in shares))


class ClassifierHead:
    """Reads a classification head.

    Several labels: softmax over those that mean one of the task's. One output, or one of a head of
    several labels that may hold at once (multi-label), is a probability only where ``label_map``
    names it and says of which label: then it is the sigmoid, and the task's other label has the
    rest.

    Args:
        checkpoint: The model.
        settings: ``label_map``.

    Raises:
        ModelError: The head's outputs are no distribution over labels.
        UsageError: ``label_map`` cannot be read.
    """

    supports: frozenset[type] = frozenset({Classify})

    def __init__(self, checkpoint: Checkpoint, settings: Settings) -> None:
        config = checkpoint.model.config
        self._tokenizer, self._max_length = checkpoint.tokenizer, checkpoint.max_length
        self._labels = tuple(str(config.id2label[index]) for index in range(config.num_labels))
        self._map: Mapping[str, str] | None = None
        if settings.label_map is not None:
            self._map = parse_label_map(settings.label_map, self._labels)
        problem = getattr(config, "problem_type", None)
        several = problem == "multi_label_classification" and len(self._labels) > 1
        if problem == "regression" or (several and len(self._map or ()) != 1):
            example = f"--set label_map={self._labels[0]}:LABEL"
            raise ModelError(
                f"{checkpoint.name} is a {str(problem).replace('_', ' ')} model: "
                "its outputs are no distribution over labels",
                f"Name the one label that is asked about, and what it is to the task: {example}"
                if several
                else "Take a classifier of single labels",
            )
        if len(self._labels) == 1 and self._map is None:
            raise ModelError(
                f"{checkpoint.name} has one output, {self._labels[0]}: a probability or a score",
                "If its sigmoid is the probability of one of a task's two labels, say of which: "
                f"--set label_map={self._labels[0]}:LABEL",
            )
        self._one = 0 if len(self._labels) == 1 else None
        if several:
            self._one = self._labels.index(next(iter(self._map or ())))
        self._meaning = lru_cache(maxsize=None)(self._match)

    @property
    def identity(self) -> Mapping[str, object]:
        """See ``Answerer``."""
        return {"labels": list(self._labels), "label_map": dict(self._map or {})}

    def check(self, requests: Sequence[Request]) -> None:
        """Raises where a task's labels are not the model's.

        Raises:
            ModelError: The message has both, and the option to give.
        """
        for request in requests:
            if isinstance(request, Classify):
                self._meaning(request.labels)

    def question(self, request: Request) -> _Text:
        """See ``Head``; a text that is too long loses its end, as classifiers are trained.

        Of a pair the longer text is cut first.
        """
        assert isinstance(request, Classify)
        meaning = self._meaning(request.labels)
        texts = (request.text,) if request.pair is None else (request.text, request.pair)
        encoded = self._tokenizer(*texts, verbose=False)
        too_long = len(encoded["input_ids"]) > self._max_length
        if too_long:
            encoded = self._tokenizer(
                *texts, truncation=True, max_length=self._max_length, verbose=False
            )
        row = Row(tuple(encoded["input_ids"]), tuple(encoded.get("token_type_ids", ())))
        return _Text((row,), too_long, meaning)

    def read(self, output: Any, rows: Sequence[Row]) -> list[tuple[float, ...]]:  # noqa: ARG002
        """The labels' logits, one tuple a row."""
        logits = output.logits.float()
        if self._one is not None:  # the sigmoid is the softmax of the logit and 0
            logits = logits[:, self._one : self._one + 1]
            logits = torch.cat([logits, torch.zeros_like(logits)], dim=1)
        return list(map(tuple, logits.tolist()))

    def _match(self, task: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
        if self._one is None:
            return match_labels(self._labels, task, self._map)
        assert self._map is not None
        label = self._map[self._labels[self._one]]
        if len(task) != 2 or label not in task:
            raise ModelError(
                f"one output of the model is read, mapped to {label!r}; "
                f"the task's labels are {', '.join(task)}",
                "One output can decide between two labels",
            )
        return tuple((0,) if name == label else (1,) for name in task)
