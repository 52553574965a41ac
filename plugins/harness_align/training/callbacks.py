"""What happens between two steps: progress, and the reasons to stop early."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from harness.errors import RunFailedError
from harness_align.event_log import EventLog
from harness_align.spec import AlignSpec
from harness_align.training.measuring import Look

COMPLETE = "complete"
"""The file that marks a checkpoint whose last byte was written."""
MODEL = "model"
"""The name of a final checkpoint's folder."""


class Progress(TrainerCallback):  # type: ignore[misc]  # untyped library
    """Writes the training's progress into the event log, and marks complete checkpoints."""

    def __init__(self, event_log: EventLog) -> None:
        self._event_log = event_log

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """The number of steps is known from here on."""
        del args, control
        if state.is_world_process_zero:
            self._event_log.write(
                "stage", steps=state.max_steps, resumed_at=state.global_step, pid=os.getpid()
            )

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """One step's numbers."""
        del args, control
        if logs and state.is_world_process_zero and "train_runtime" not in logs:
            self._event_log.step(state.global_step, logs)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """A checkpoint is whole."""
        del control
        PartialState().wait_for_everyone()  # each process writes its own shards and random state
        if state.is_world_process_zero:
            folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
            (folder / COMPLETE).touch()
            self._event_log.write("checkpoint", step=state.global_step, path=str(folder))


class Rewarding(Protocol):
    """A reward that knows whether all answers to each prompt of its last batch got one value."""

    constant: bool


class Guard(TrainerCallback):  # type: ignore[misc]  # untyped library
    """Stops a run that can no longer learn: NaN, or rewards that say nothing.

    Args:
        patience: Steps in a row without a difference between rewards after which it stops.
        rewards: The rewards that are trained on, which know whether the last batch had any.
    """

    def __init__(self, patience: int, rewards: Sequence[Rewarding] = ()) -> None:
        self._patience, self._rewards, self._constant = patience, rewards, 0

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Looks at the numbers of a step, before the next checkpoint is written.

        Raises:
            RunFailedError: The loss or the gradient is not finite, or rewards stay constant.
        """
        del args, control
        for name in ("loss", "grad_norm"):
            value = (logs or {}).get(name)
            if isinstance(value, int | float) and not math.isfinite(value):
                raise RunFailedError(
                    f"the {name.replace('_', ' ')} became {value} at step {state.global_step}",
                    "The last complete checkpoint is kept. Take a smaller learning_rate or "
                    "max_grad_norm, precision=float32, or more warmup_steps.",
                )
        if not self._rewards or "loss" not in (logs or {}):
            return
        same = all(each.constant for each in self._rewards)
        self._constant = self._constant + 1 if same else 0
        if self._constant >= self._patience:
            raise RunFailedError(
                f"all answers to a prompt got the same reward for {self._constant} steps in a row: "
                "there is nothing to learn from",
                "Take a reward that tells answers apart, more generations, a higher temperature "
                "or longer answers (max_new_tokens).",
            )


class KeepUntrained(TrainerCallback):  # type: ignore[misc]  # untyped library
    """Writes the weights down before the first step; ``export`` is called on every process."""

    def __init__(self, export: Callable[[], object]) -> None:
        self._export = export

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """A resumed run has written them already."""
        del args, control
        if state.global_step == 0:
            self._export()


class EarlyStopping(TrainerCallback):  # type: ignore[misc]  # untyped library
    """Stops when a real task's metric no longer gets better, and keeps the best weights.

    The base is measured too: a training that only does harm ends with the base's weights.

    Args:
        spec: ``stop_*`` say what is measured and how often.
        measure: Checkpoint folder → what the metric says of it; called on the first process.
        export: Writes the current weights to a folder; called on every process.
        event_log: The event log that the values are written to.
        scratch: Folder for the weights being measured and the best ones; ``best_folder`` holds
            what an export wrote, the checkpoint in ``model``.
    """

    def __init__(
        self,
        spec: AlignSpec,
        measure: Callable[[Path], Look],
        export: Callable[[Path], Path],
        event_log: EventLog,
        scratch: Path,
    ) -> None:
        self._spec, self._measure, self._export = spec, measure, export
        self._event_log, self._measured = event_log, scratch / "measured"
        self.best_folder = scratch / "best"
        self._best, self._worse = -math.inf, 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Measures the base, or goes on from what an interrupted run had measured."""
        del args
        if state.global_step == 0:
            return self._look(state, control)
        for event in self._event_log.read()[0]:
            if event["event"] == "metric" and event["step"] <= state.global_step:
                self._count(event["standing"], fresh=event["step"] == 0)
        return control

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Measures every ``stop_every`` steps."""
        del args
        return control if state.global_step % self._spec.stop_every else self._look(state, control)

    def _look(self, state: TrainerState, control: TrainerControl) -> TrainerControl:
        checkpoint = self._export(self._measured / MODEL)
        first = state.is_world_process_zero
        shared = [self._measure(checkpoint) if first else None]
        look = broadcast_object_list(shared)[0]
        assert look is not None
        better = self._count(look.standing, fresh=state.global_step == 0)
        if first:
            self._note(state.global_step, look, better)
        if self._worse >= self._spec.stop_patience:
            if first:
                self._event_log.write("stopped", step=state.global_step, reason=look.name)
            control.should_training_stop = True
        return control

    def _count(self, standing: float, *, fresh: bool) -> bool:
        """Whether this is the best look so far; ``fresh``: it is the first of a training."""
        if fresh:
            self._best, self._worse = -math.inf, 0
        better = standing > self._best
        self._best = max(standing, self._best)
        self._worse = 0 if better else self._worse + 1
        return better

    def _note(self, step: int, look: Look, better: bool) -> None:
        """Writes a look down, and keeps its weights where they are the best so far."""
        shutil.rmtree(self.best_folder if better else self._measured, ignore_errors=True)
        if better:
            self._measured.rename(self.best_folder)
        self._event_log.write(
            "metric",
            step=step,
            name=look.name,
            value=look.value,
            standing=look.standing,
            best=better,
        )
