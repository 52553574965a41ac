"""What a method needs to make its trainer, and the shape that all methods share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness_align.dataset.training_rows import Kind
from harness_align.spec import AlignSpec
from harness_align.training import trl_fields


@dataclass(frozen=True, slots=True)
class Setup:
    """The parts of a training run.

    Attributes:
        spec: The settings of the training.
        model: The loaded weights; TRL reloads the reference from the path they came from.
        tokenizer: The model's tokenizer, with a pad token.
        rows: A ``datasets.Dataset`` with TRL's columns.
        arguments: Keyword arguments that every TRL config takes.
        callbacks: Callbacks that every trainer gets.
        adapter: A PEFT config, or None to train all weights.
        rewards: For RL: functions in TRL's form and their weights.
        max_length: Tokens of prompt and answer, within the model's context.
        classifier: Whether the model has one output instead of a vocabulary.
    """

    spec: AlignSpec
    model: Any
    tokenizer: Any
    rows: Any
    arguments: Mapping[str, Any]
    callbacks: Sequence[Any]
    adapter: Any
    rewards: Sequence[tuple[Any, float]]
    max_length: int
    classifier: bool

    def config(self, kind: Any, **own: Any) -> Any:
        """A TRL config: what every one receives, the method's own, and what the user set of it.

        Args:
            kind: A dataclass of TRL.
            own: The method's arguments.
        """
        set_by_user = trl_fields.of_config(self.spec.trainer, kind)
        return kind(**{**self.arguments, **own, **set_by_user})

    @property
    def common(self) -> dict[str, Any]:
        """Keyword arguments that every TRL trainer takes."""
        return {
            "model": self.model,
            "processing_class": self.tokenizer,
            "train_dataset": self.rows,
            "callbacks": list(self.callbacks),
            "peft_config": self.adapter,
        }


class Method(Protocol):
    """One way to train.

    Attributes:
        kind: The kind of rows it reads.
        learning_rate: The peak rate where none is given; ten times that for adapters.
        classifier: Whether the model has one output instead of a vocabulary.
        sequential: Whether the order of the rows is kept.
    """

    kind: Kind
    learning_rate: float
    classifier: bool
    sequential: bool

    def config(self) -> Any:
        """TRL's dataclass of the trainer's settings."""
        ...

    def trainer(self, setup: Setup) -> Any:
        """A TRL trainer, ready to train."""
        ...
