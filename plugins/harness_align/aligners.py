"""Each method as an aligner: its stages one after the other, each in a child process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import DataError, RunFailedError
from harness.protocols import AlignerOptions, DataKind
from harness_align import settings
from harness_align import spec as specs
from harness_align.event_log import Event, EventLog
from harness_align.methods import METHODS, Method
from harness_align.spec import AlignSpec
from harness_align.training import launcher

_POLICIES = ("rloo", "grpo")
_DEFAULTS = AlignerOptions()


class StagedAligner:
    """Trains by one of the ``METHODS``.

    Args:
        method: Which.
        options: What the user chose.
    """

    def __init__(self, method: str, options: AlignerOptions = _DEFAULTS) -> None:
        self.method: Method = METHODS[method]
        self._options = options

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
        checkpoint: Path | None = None
        stages = self._stages(spec, str(data), str(out))
        for number, stage in enumerate(stages, start=1):
            checkpoint = self._stage(stage, f"{number}/{len(stages)} " * (len(stages) > 1))
        if checkpoint is None:
            raise RunFailedError(f"--method {self.method.name} has no stage")
        return checkpoint

    def kinds(self, spec: Mapping[str, object]) -> Sequence[DataKind]:
        """Prompts where there is a reward; what a reward can be learned from otherwise."""
        return self.method.kinds_for(spec.get("rewards"))

    def check(self, spec: Mapping[str, object]) -> None:
        """Finds what a stage would refuse, before the base is measured.

        Raises:
            HarnessError: A stage cannot be trained here, or the accelerate config is none
                or asks for GPUs that are not here.
        """
        launcher.need_packages()
        from harness_align.training import checks

        if self._options.accelerate_config is not None:
            launcher.check_devices(self._options.accelerate_config)
        for stage in self._stages(spec):
            checks.check(stage)

    def samples_answers(self, spec: Mapping[str, object]) -> bool:
        """Whether one of the trainings samples answers to the prompts itself."""
        return any(stage.method in _POLICIES for stage in self._stages(spec))

    def check_rows(
        self, spec: Mapping[str, object], rows: Sequence[Mapping[str, Any]], source: str
    ) -> None:
        """Refuses training rows that do not make a single step, or that teach one thing only.

        Raises:
            DataError: A batch holds more prompts than there are, or all answers have one label.
            UsageError: The accelerate config cannot be used.
        """
        for stage in self._stages(spec):
            if stage.method in _POLICIES:
                self._check_groups(stage, len(rows), source)
            elif stage.method == "kto" and "label" in rows[0]:  # a pair has one of each
                _check_labels(rows, source)

    def reward_of(self, out: Path) -> Path | None:
        """The reward model that ``rlhf`` trained by itself."""
        folder = out / "reward" / "model"
        return folder if "reward" in self.method.trainers and folder.is_dir() else None

    def _stages(self, spec: Mapping[str, object], data: str = "", out: str = "") -> list[AlignSpec]:
        given = {**settings.split(spec), "method": self.method.name, "data": data, "out": out}
        return self.method.stages(specs.from_mapping(given))

    def _stage(self, stage: AlignSpec, place: str) -> Path:
        finished = Path(stage.out) / "model"
        if stage.resume and _is_finished(stage):
            return finished

        def on_event(event: Event) -> None:
            title = {"title": f"{place}{stage.method}"} if event["event"] == "stage" else {}
            self._options.progress({**event, **title})

        return launcher.train(stage, on_event, self._options.accelerate_config)

    def _check_groups(self, stage: AlignSpec, count: int, source: str) -> None:
        """A step takes whole groups of answers to one prompt; incomplete batches are left out."""
        from harness_align.training.methods.online import groups

        processes = launcher.processes(self._options.accelerate_config)
        needed = groups(stage) * stage.gradient_accumulation * processes
        if count < needed:
            raise DataError(
                f"a step takes {needed:,} prompts (batch_size={stage.batch_size} answers of "
                f"generations={stage.generations} a prompt, gradient_accumulation="
                f"{stage.gradient_accumulation}, processes: {processes}), and {count:,} are left "
                "to train on",
                path=source,
                expected="more prompts, or a smaller batch: "
                f"--set batch_size={max(1, count // processes) * stage.generations} "
                "--set gradient_accumulation=1",
            )


def _check_labels(rows: Sequence[Mapping[str, Any]], source: str) -> None:
    labels = {row["label"] for row in rows}
    if len(labels) < 2:
        which = "good" if True in labels else "bad"
        raise DataError(
            f"all {len(rows):,} answers to train on are labelled {which}",
            path=source,
            expected="good and bad ones, both of which KTO needs; --method sft learns from "
            "good ones alone",
        )


def _is_finished(stage: AlignSpec) -> bool:
    """Whether an earlier run finished just this stage; other settings train anew."""
    out = Path(stage.out)
    events, _ = EventLog.of(out).read()
    if not any(event["event"] == "finished" for event in events):
        return False
    return replace(specs.load(out / "spec.json"), resume=True) == stage.masked
