"""Each method as an aligner: its stages one after the other, each in a child process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.errors import RunFailedError
from harness_align import progress
from harness_align import spec as specs
from harness_align.event_log import Event, EventLog
from harness_align.methods import METHODS, Method
from harness_align.spec import AlignSpec
from harness_align.training import launcher
from harness_align.training.launcher import OnEvent


class StagedAligner:
    """Trains by one of the ``METHODS``.

    Args:
        method: Which.
        quiet: Show no progress.
        accelerate_config: A file of ``accelerate config``.
        watch: Called with every event of the training; what it raises ends the training.
    """

    def __init__(
        self,
        method: str,
        quiet: bool = False,
        accelerate_config: Path | None = None,
        watch: OnEvent | None = None,
    ) -> None:
        self.method: Method = METHODS[method]
        self._quiet, self._accelerate_config, self._watch = quiet, accelerate_config, watch

    def train(self, spec: Mapping[str, object], data: Path, out: Path) -> Path:
        """Trains a checkpoint further.

        Args:
            spec: Fields of ``AlignSpec``; ``method``, ``data`` and ``out`` are set here.
            data: JSONL rows of a kind that the method reads.
            out: Folder for everything that the training writes.

        Raises:
            ConfigError: The spec holds an unknown key or a wrong value.
            RunFailedError: Training failed.
        """
        given = {**spec, "method": self.method.name, "data": str(data), "out": str(out)}
        checkpoint: Path | None = None
        stages = self.method.stages(specs.from_mapping(given))
        for number, stage in enumerate(stages, start=1):
            checkpoint = self._stage(stage, f"{number}/{len(stages)} " * (len(stages) > 1))
        if checkpoint is None:
            raise RunFailedError(f"--method {self.method.name} has no stage")
        return checkpoint

    def _stage(self, stage: AlignSpec, place: str) -> Path:
        finished = Path(stage.out) / "model"
        if stage.resume and _is_finished(stage):
            return finished
        with progress.display(f"{place}{stage.method}", self._quiet) as shown:

            def on_event(event: Event) -> None:
                shown(event)
                if self._watch is not None:
                    self._watch(event)

            return launcher.train(stage, on_event, self._accelerate_config)


def _is_finished(stage: AlignSpec) -> bool:
    """Whether an earlier run finished just this stage; other settings train anew."""
    out = Path(stage.out)
    events, _ = EventLog.of(out).read()
    if not any(event["event"] == "finished" for event in events):
        return False
    return replace(specs.load(out / "spec.json"), resume=True) == stage
