"""What happens between two steps: progress, and the reasons to stop early."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from harness.errors import RunFailedError
from harness_align.journal import Journal
from harness_align.spec import AlignSpec

COMPLETE = "complete"
"""The file that marks a checkpoint whose last byte was written."""


class Progress(TrainerCallback):  # type: ignore[misc]  # untyped library
    """Tells the parent where training stands, and marks complete checkpoints."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """The number of steps is known from here on."""
        del args, control
        if state.is_world_process_zero:
            self._journal.write(
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
            self._journal.step(state.global_step, logs)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """A checkpoint is whole."""
        del control
        if state.is_world_process_zero:
            folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
            (folder / COMPLETE).touch()
            self._journal.write("checkpoint", step=state.global_step, path=str(folder))


class Guard(TrainerCallback):  # type: ignore[misc]  # untyped library
    """Stops a run that can no longer learn: NaN, or rewards that say nothing."""

    def __init__(self, patience: int) -> None:
        self._patience, self._constant = patience, 0

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
        constant = (logs or {}).get("frac_reward_zero_std")
        if constant is None:
            return
        self._constant = self._constant + 1 if constant >= 1 else 0
        if self._constant >= self._patience:
            raise RunFailedError(
                f"all answers to a prompt got the same reward for {self._constant} steps in a row: "
                "there is nothing to learn from",
                "Take a reward that tells answers apart, more generations, a higher temperature "
                "or longer answers (max_new_tokens).",
            )


class EarlyStopping(TrainerCallback):  # type: ignore[misc]  # untyped library
    """Stops when a real task's metric no longer gets better, and keeps the best weights.

    Args:
        spec: ``stop_*`` say what is measured and how often.
        measure: Checkpoint folder → the metric's value, and whether higher is better.
        export: Writes the current weights to a folder.
        journal: Where the values are noted.
        scratch: Folder for the weights being measured and the best ones.
    """

    def __init__(
        self,
        spec: AlignSpec,
        measure: Callable[[Path], tuple[str, float, bool]],
        export: Callable[[Path], Path],
        journal: Journal,
        scratch: Path,
    ) -> None:
        self._spec, self._measure, self._export = spec, measure, export
        self._journal, self._scratch = journal, scratch
        self._best, self._worse = -math.inf, 0
        self.best_folder: Path | None = None

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Measures every ``stop_every`` steps."""
        del args
        if state.global_step % self._spec.stop_every == 0:
            folder = self._export(self._scratch / "measured")
            name, value, higher_is_better = self._measure(folder)
            standing = value if higher_is_better else -value
            better = standing > self._best
            self._journal.write(
                "metric",
                step=state.global_step,
                name=name,
                value=value,
                higher_is_better=higher_is_better,
                best=better,
            )
            self._worse = 0 if better else self._worse + 1
            if better:
                self._best, self.best_folder = standing, self._scratch / "best"
                shutil.rmtree(self.best_folder, ignore_errors=True)
                folder.rename(self.best_folder)
            else:
                shutil.rmtree(folder)
            if self._worse >= self._spec.stop_patience:
                self._journal.write("stopped", step=state.global_step, reason=name)
                control.should_training_stop = True
        return control
