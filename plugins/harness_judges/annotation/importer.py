"""People's judgements as runs, one a system: for ``harness import``, ``compare`` and ``gate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from harness.errors import DataError
from harness.protocols import ImportedMetric, ImportedRun, ImportedTask
from harness.types import Completion, Generate, Sample, SampleRecord
from harness_judges.annotation import store
from harness_judges.annotation.ratings import Rated, rated
from harness_judges.annotation.store import Store

TASK = "human"
METRICS = {"score": "score", "binary": "good", "preference": "preferred"}
"""Kind of judgements → the metric's name."""


class Annotations:
    """Reads folders of ``harness annotate``."""

    def recognises(self, source: Path) -> bool:
        """Whether it is such a folder."""
        return source.is_dir() and (source / store.FILE).is_file()

    def read(self, source: Path) -> Sequence[ImportedRun]:
        """A run a system; a sample's score is the mean over its annotators.

        Raises:
            DataError: The folder is damaged, or nothing is judged yet.
        """
        with store.opened(source) as opened:
            found = [each for each in rated(opened) if each.values]
            if not found:
                raise DataError(
                    "holds no judgement yet", path=source, expected="labels of at least one item"
                )
            return [
                ImportedRun(system, [_task(opened, found, system)], "harness annotate")
                for system in opened.runs
                if any(system in each.systems for each in found)
            ]


def _task(opened: Store, found: Sequence[Rated], system: str) -> ImportedTask:
    kind = opened.settings.kind
    name = METRICS[kind]
    bounds = (0.0, 1.0)
    if kind == "score":
        bounds = (float(opened.settings.low), float(opened.settings.high))
    by_sample: dict[str, list[Rated]] = {}
    for each in found:
        if system in each.systems:
            by_sample.setdefault(each.cluster.replace("\x1f", "/"), []).append(each)
    people = opened.annotators
    notes = [f"judged by {len(people)} annotators: {', '.join(people)}; {opened.settings.question}"]
    if len(people) == 1:
        notes.append("one annotator only: how far people agree is not known")
    return ImportedTask(
        TASK,
        {name: ImportedMetric(higher_is_better=True, bounds=bounds)},
        version="1",
        data=opened.identity,
        records=[_record(key, items, system, name) for key, items in by_sample.items()],
        settings={"kind": kind, "question": opened.settings.question},
        notes=notes,
    )


def _record(key: str, items: Sequence[Rated], system: str, metric: str) -> SampleRecord:
    """A sample; of several pairs it is in, the mean."""
    first = items[0]
    scores: Mapping[str, float] = {metric: fmean(_of(each, system) for each in items)}
    return SampleRecord(
        Sample(key, first.item.instruction),
        (Generate(first.item.instruction),),
        (Completion(first.text_of(system)),),
        scores,
    )


def _of(rated_item: Rated, system: str) -> float:
    """How a system fares in an item; ``values`` of a pair say so of its first."""
    assert rated_item.consensus is not None
    second = len(rated_item.systems) > 1 and rated_item.systems[1] == system
    return 1 - rated_item.consensus if second else rated_item.consensus
