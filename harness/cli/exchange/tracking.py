"""``harness run --track NAME``: a run followed at a service while it goes on."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.authoring.literal import echo
from harness.errors import HarnessError, UsageError
from harness.hookspecs import hookimpl
from harness.types import RunResult, Score

if TYPE_CHECKING:
    from harness.plugins import Registry
    from harness.protocols import Tracker

EVERY_SECONDS = 5.0
"""How often the means so far are sent."""


def open_trackers(
    registry: Registry, names: Sequence[str], settings: Sequence[str]
) -> tuple[Mapping[str, Tracker], list[str]]:
    """The trackers, and the settings that are none of theirs.

    Raises:
        UsageError: One cannot follow a run, or an option is none of it.
        MissingExtraError: One needs packages that are not installed.
    """
    from harness.authoring import option_models
    from harness.config import parse_settings
    from harness.protocols import ExportOptions

    trackers: dict[str, Tracker] = {}
    theirs = [each for each in settings if each.partition(".")[0] in names]
    _, values = parse_settings(theirs)
    for name in names:
        spec = registry.exporter(name)
        if spec.track is None:
            follow = [each for each, known in registry.exporters.items() if known.track]
            raise UsageError(
                f"{name} cannot follow a run", f"Expected --track {' or '.join(follow)}"
            )
        option_models.check_names(spec.options, values.get(name, {}), name)
        trackers[name] = spec.track(ExportOptions(values.get(name, {})))
    return trackers, [each for each in settings if each not in theirs]


class _Live:
    """Hooks that keep the means of the scores so far, and the result."""

    def __init__(self, trackers: Mapping[str, Tracker]) -> None:
        self.result: RunResult | None = None
        self._trackers = dict(trackers)
        self._sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._samples: set[tuple[str, str]] = set()
        self._sent = time.monotonic()

    @hookimpl
    def harness_scored(self, task: str, score: Score) -> None:
        """Counts a score of an original sample; now and then all means are sent."""
        if score.probe is not None or not isinstance(score.value, float):
            return
        kept = self._sums[f"{task}.{score.metric}"]
        kept[0] += score.value
        kept[1] += 1
        self._samples.add((task, score.sample_id))
        if time.monotonic() - self._sent >= EVERY_SECONDS:
            self.send()

    @hookimpl
    def harness_run_finished(self, result: RunResult) -> None:
        """Keeps the result."""
        self.result = result

    def send(self) -> None:
        """Sends the means so far; a service that cannot be reached is not asked again."""
        self._sent = time.monotonic()
        means = {name: total / count for name, (total, count) in self._sums.items()}
        for name, tracker in list(self._trackers.items()):
            try:
                tracker.progress(len(self._samples), means)
            except Exception as error:  # whatever a service's client raises: the run goes on
                del self._trackers[name]
                echo(f"Note: {name} is not told of the progress any more: {error}", err=True)


@contextmanager
def following(
    registry: Registry,
    trackers: Mapping[str, Tracker],
    name: str,
    settings: Mapping[str, object],
    quiet: bool,
) -> Iterator[None]:
    """Follows what runs inside the context, whether it comes to its end or not.

    Raises:
        HarnessError: A service cannot be used; nothing has been asked yet.
    """
    if not trackers:
        yield
        return
    for each, tracker in trackers.items():
        try:
            tracker.started(name, settings)
        except HarnessError:
            raise
        except Exception as error:
            hint = f"`harness ls {each}` lists its options."
            raise UsageError(f"--track {each}: {error}", hint) from error
    live = _Live(trackers)
    registry.manager.register(live, name="harness run --track")
    try:
        yield
    finally:
        registry.manager.unregister(live)
        for each, tracker in trackers.items():
            _finish(each, tracker, live.result, settings, quiet)


def _finish(
    name: str,
    tracker: Tracker,
    result: RunResult | None,
    settings: Mapping[str, object],
    quiet: bool,
) -> None:
    from harness.protocols import ExportedRun

    try:
        told = tracker.finished(None if result is None else ExportedRun(result, spec=settings))
    except Exception as error:  # the run is written: it stands all the same
        echo(f"Note: the run is not at {name}: {error}", err=True)
        return
    if not quiet:
        echo(f"{name}: {told}")


def name_of(out: Path | None, model: str) -> str:
    """What the run is called at a service."""
    return out.name if out is not None else model.rstrip("/").rpartition("/")[2]
