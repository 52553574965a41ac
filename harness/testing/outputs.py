"""Checks of reporters and aligners."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.authoring import option_models
from harness.protocols import (
    DATA_COLUMNS,
    Aligner,
    AlignerOptions,
    AlignerSpec,
    ComparisonReporter,
    Reporter,
    TrainingEvent,
)
from harness.types import RunComparison, RunResult


def check_reporter(
    reporter: Reporter, result: RunResult, out: Path, comparisons: Sequence[RunComparison] = ()
) -> None:
    """Asserts that a reporter shows ``result``, and comparisons, and returns what it wrote.

    Args:
        reporter: What is checked.
        result: A run's result.
        out: Its run folder.
        comparisons: Shown too, where the reporter shows comparisons.

    Raises:
        AssertionError: It does not; the message says what.
    """
    assert isinstance(reporter, Reporter), "lacks a member of harness.protocols.Reporter"
    path = reporter.render(result, out)
    assert path is None or (path.is_file() and out in path.parents), f"no file at {path}"
    if comparisons and isinstance(reporter, ComparisonReporter):
        file = out / "comparison.out"
        written = reporter.render_comparison(comparisons, file) or file
        assert written.is_file(), f"no comparison at {written}"
        assert written.stat().st_size, "the comparison is empty"


class _EndedError(Exception):
    """What the check's own progress raises."""


def check_aligner(
    spec: AlignerSpec,
    model: Path | str,
    data: Path,
    out: Path,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Asserts that an aligner trains, tells its progress, obeys what ends it, and goes on.

    Args:
        spec: What is registered.
        model: A small checkpoint.
        data: JSONL rows of the first of the spec's kinds.
        out: An empty folder.
        settings: Settings that make the training short.

    Returns:
        The folder of the new checkpoint.

    Raises:
        AssertionError: It does not; the message says what.
    """
    assert spec.kinds, "it trains on no kind of rows"
    assert set(spec.kinds) <= set(DATA_COLUMNS), f"unknown kinds {set(spec.kinds)}"
    assert spec.makes in ("model", "reward"), f"makes {spec.makes!r}"
    values = dict(settings or {})
    if spec.options is not None:
        for option in option_models.listed(spec.options):
            assert option.help, f"the option {option.name} has no help"
        values = option_models.given(spec.options, values, spec.name)
    told: list[TrainingEvent] = []
    training = _training(model, values)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        aligner = spec.opened(AlignerOptions(values, quiet=True, progress=told.append))
        assert isinstance(aligner, Aligner), "lacks a member of harness.protocols.Aligner"
        made = aligner.train(training, data, out / "whole")
    assert not printed.getvalue(), f"printed although quiet: {printed.getvalue()!r}"
    assert made.is_dir(), f"no checkpoint at {made}"
    assert (out / "whole") in made.parents, f"{made} is outside of its folder"
    for event in told:
        _check_event(event)
    again = aligner.train({**training, "resume": True}, data, out / "whole")
    assert again.is_dir(), "nothing is left after going on with a finished training"
    if any(event["event"] == "step" for event in told):
        _check_ended(spec, values, training, data, out / "ended")
    return made


def _training(model: Path | str, values: Mapping[str, Any]) -> dict[str, Any]:
    own = {"model": str(model), "seed": 0, "resume": False, "plugin_files": ()}
    return {**values, **own, "rewards": "", "held_out_reward": ""}


def _check_event(event: TrainingEvent) -> None:
    match event["event"]:
        case "stage":
            assert int(event["steps"]) >= 1, f"a stage without steps: {event}"
        case "step":
            assert int(event["step"]) >= 1, f"steps count from 1: {event}"
            assert all(math.isfinite(value) for value in event["logs"].values()), f"{event}"
        case "metric":
            assert {"step", "name", "value", "standing"} <= event.keys(), f"{event}"


def _check_ended(
    spec: AlignerSpec,
    values: Mapping[str, Any],
    training: Mapping[str, Any],
    data: Path,
    out: Path,
) -> None:
    """What ``progress`` raises must end the training: a search ends hopeless trials so."""

    def end(event: TrainingEvent) -> None:
        if event["event"] == "step":
            raise _EndedError

    aligner = spec.opened(AlignerOptions(values, progress=end))
    try:
        aligner.train(training, data, out)
    except _EndedError:
        return
    raise AssertionError("it goes on although its progress raised")
