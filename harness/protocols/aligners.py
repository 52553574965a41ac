"""What an aligner implements, what it may offer besides, and how it is registered."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, cast, runtime_checkable

from harness.protocols.options import Options

DataKind: TypeAlias = Literal["preference", "completion", "label", "text", "prompt"]
DATA_COLUMNS: Mapping[DataKind, str] = {
    "preference": "prompt, chosen, rejected",
    "completion": "prompt, completion",
    "label": "prompt, completion, label",
    "text": "text",
    "prompt": "prompt",
}
"""Each kind of training rows → its columns in the JSONL file that an aligner is given."""

TrainingEvent: TypeAlias = Mapping[str, Any]
"""What a training tells while it runs, by ``event``:

    {"event": "stage", "steps": 200, "resumed_at": 0, "title": "dpo"}      steps to come; at a start
    {"event": "step", "step": 3, "logs": {"loss": 0.69, "reward": 0.1}}    one optimizer step
    {"event": "metric", "step": 50, "name": "sst2.accuracy", "value": 0.8,
     "standing": 0.8, "best": True}                  a metric; higher ``standing`` is better

Steps become the progress bar and the report's curves; a search ends hopeless trials by metrics.
"""


def _ignore(event: TrainingEvent) -> None:
    del event


@dataclass(frozen=True, slots=True)
class AlignerOptions:
    """What the user chose for a training.

    Attributes:
        values: The settings (``--set KEY=VALUE``, [align], a search's), each as the spec's options
            declare it; those that were not set are left out.
        quiet: Print nothing.
        accelerate_config: A file of ``accelerate config``, for several GPUs or machines.
        progress: Told every ``TrainingEvent``; what it raises must end the training.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    quiet: bool = True
    accelerate_config: Path | None = None
    progress: Callable[[TrainingEvent], None] = _ignore


@runtime_checkable
class Aligner(Protocol):
    """Trains a checkpoint further.

    An aligner may also be ``ChoosesKinds``, ``ChecksTraining``, ``SamplesAnswers``, ``ChecksRows``
    and ``LeavesReward``.
    """

    def train(self, spec: Mapping[str, object], data: Path, out: Path) -> Path:
        """Returns the folder of the new checkpoint.

        Args:
            spec: ``model`` (checkpoint folder or hub id), ``seed``, ``resume`` (go on from what an
                earlier training left in ``out``), ``rewards`` and ``held_out_reward`` (as
                ``--reward`` has them; empty where not given), ``plugin_files``, and every setting
                that was set.
            data: JSONL rows of one of the kinds that the spec names, in ``DATA_COLUMNS``.
            out: Folder for everything that the training writes.

        Raises:
            RunFailedError: Training failed.
        """
        ...


@runtime_checkable
class ChoosesKinds(Protocol):
    """An aligner whose kinds of data depend on its settings."""

    def kinds(self, spec: Mapping[str, object]) -> Sequence[DataKind]:
        """The kinds it can train on with these settings, best first."""
        ...


@runtime_checkable
class ChecksTraining(Protocol):
    """An aligner that can tell before anything is measured that a training is impossible."""

    def check(self, spec: Mapping[str, object]) -> None:
        """Called after the data is read.

        Args:
            spec: As for ``Aligner.train``.

        Raises:
            HarnessError: A package, a device or a setting does not fit.
        """
        ...


@runtime_checkable
class SamplesAnswers(Protocol):
    """An aligner that may let the model answer the prompts itself."""

    def samples_answers(self, spec: Mapping[str, object]) -> bool:
        """Whether it does: then ``max_new_tokens`` must fit the model's context, too."""
        ...


@runtime_checkable
class ChecksRows(Protocol):
    """An aligner that can refuse training rows as a whole."""

    def check_rows(
        self, spec: Mapping[str, object], rows: Sequence[Mapping[str, Any]], source: str
    ) -> None:
        """Called with all training rows, before anything is measured.

        Args:
            spec: As for ``Aligner.train``.
            rows: In ``DATA_COLUMNS``.
            source: Where they come from, for messages.

        Raises:
            DataError: They do not make a single step, or teach nothing.
        """
        ...


@runtime_checkable
class LeavesReward(Protocol):
    """An aligner that trains a reward model on its way to the checkpoint."""

    def reward_of(self, out: Path) -> Path | None:
        """The folder of the reward model that a training left in ``out``; it is judged, too."""
        ...


@dataclass(frozen=True, slots=True)
class AlignerSpec:
    """Registers a training method for ``harness align --method``.

    Attributes:
        name: What ``--method`` calls it.
        description: One line for ``harness ls``.
        open: Makes the aligner; a function without parameters will do.
        kinds: The kinds of rows it trains on, best first; rows of another kind are converted
            where they can be, and refused where they cannot.
        options: What ``--set KEY=VALUE``, [align] and [align.search.parameters] may set. None
            takes the settings of the methods that ship with the harness.
        makes: ``model``, which answers, or ``reward``, which ranks answers and is judged by that.
    """

    name: str
    description: str
    open: Callable[[AlignerOptions], Aligner] | Callable[[], Aligner]
    kinds: tuple[DataKind, ...] = tuple(DATA_COLUMNS)
    options: Options | None = None
    makes: Literal["model", "reward"] = "model"

    def opened(self, options: AlignerOptions) -> Aligner:
        """The aligner, with what the user chose."""
        try:
            inspect.signature(self.open).bind(options)
        except (TypeError, ValueError):
            return cast("Callable[[], Aligner]", self.open)()
        return cast("Callable[[AlignerOptions], Aligner]", self.open)(options)
