"""A report format: comma-separated numbers of a run, of its gate, and of comparisons."""

import csv

from harness import hookimpl
from harness.protocols import ReporterSpec


class Tally:
    def render(self, result, out):
        rows = [
            (task, name, found.estimate.value, found.estimate.low, found.estimate.high)
            for task, of_task in result.tasks.items()
            for name, found in of_task.metrics.items()
        ]
        if result.gate is not None:
            rows += [("gate", each.metric, each.verdict) for each in result.gate.rules]
            rows.append(("gate", "", result.gate.verdict))
        return written(out / "tally.csv", ("task", "metric", "value", "low", "high"), rows)

    def render_comparison(self, comparisons, out):
        rows = [
            (each.candidate_id, task.task, metric.metric, metric.difference.value, metric.verdict)
            for each in comparisons
            for task in each.tasks
            for metric in task.metrics
        ]
        return written(out, ("candidate", "task", "metric", "change", "verdict"), rows)


def written(path, head, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return path


@hookimpl
def harness_register_reporters():
    return [ReporterSpec("tally", "comma-separated numbers (tally.csv)", Tally, suffix=".csv")]
