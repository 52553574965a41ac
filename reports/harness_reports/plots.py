"""The rows of the forest plots of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.authoring.reporting.forest import Item
from harness_reports.gate import Change
from harness_reports.links import SampleLinks
from harness_reports.view import RunView


def metric_items(run: RunView, samples: SampleLinks) -> Iterator[Item]:
    """Every metric of every task, in their order."""
    for task in run.tasks:
        for row in task.metrics:
            yield Item(
                label=f"{task.name}.{row.label}",
                estimate=row.estimate,
                number=row.number,
                link=samples(task.name, sort=row.worst_first),
                percent=row.signature is not None and "nrefs:" in row.signature,
                ideal=row.ideal,
            )


_ORDER = {"worse": 0, "better": 1, "changed": 2}


def change_items(changes: Iterable[Change], samples: SampleLinks) -> Iterator[Item]:
    """Every change against a gate's baseline: worse, better, the rest; the largest first."""
    ordered = sorted(
        changes, key=lambda each: (_ORDER.get(each.verdict, 3), -abs(each.estimate.value))
    )
    for each in ordered:
        yield Item(
            label=each.label,
            estimate=each.estimate,
            number=each.number,
            state=each.verdict,
            link=samples(each.metric.partition(".")[0]),
            before=f"{each.before} → {each.after}",
        )
