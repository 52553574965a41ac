"""Which metrics a task reports: one a metric and filter, and those that only scoring shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from harness.protocols import Metric
from harness.types import ScoreValue
from harness_lm_eval import installed, metrics
from harness_lm_eval.catalogue.definitions import Definition
from harness_lm_eval.metrics import Kept


class Reported:
    """The metrics of one task, which grow where ``process_results`` gives more than was declared.

    Args:
        own: Whether lm_eval's own code scores.
    """

    def __init__(self, own: bool) -> None:
        self._own = own
        self._kept: dict[str, Kept | None] = {}

    @property
    def metrics(self) -> Sequence[Metric]:
        """In the order of the definition."""
        return tuple(each.metric for each in self._kept.values() if each is not None)

    def add(self, metric: str, filtered: str, aggregation: Any, higher: bool | None) -> Kept | None:
        """Reports a metric of a filter, unless it is already."""
        name = metrics.name_of(metric, filtered)
        if name not in self._kept:
            self._kept[name] = metrics.make(name, metric, aggregation, higher, self._own)
        return self._kept[name]

    def scores(
        self, made: Any, given: Mapping[str, Any], filtered: str
    ) -> Iterator[tuple[str, ScoreValue]]:
        """(metric's name, score) of what ``process_results`` gave."""
        for metric, value in given.items():
            kept = self.add(metric, filtered, *_facts(made, metric))
            if kept is not None and (score := kept.score(value)) is not None:
                yield metrics.name_of(metric, filtered), score


def _facts(made: Any, metric: str) -> tuple[Any, bool | None]:
    """A metric's aggregation, the mean where there is none as in lm_eval, and its direction."""
    from lm_eval.api.metrics import mean

    higher = made.higher_is_better().get(metric, True)
    return made.aggregation().get(metric) or mean, None if higher is None else bool(higher)


def made(definition: Definition, task: Any) -> Reported:
    """The metrics of a task object of theirs."""
    reported = Reported(not callable(definition.config.get("process_results")))
    declared = list(task.aggregation())
    for ensemble in task._filters:
        for metric in declared:
            reported.add(metric, ensemble.name, *_facts(task, metric))
    return reported


def declared(definition: Definition) -> Reported:
    """The metrics that a definition declares, as far as they can be told without its data."""
    installed.prepare()
    from lm_eval.api import registry

    config = definition.config
    reported = Reported(not callable(config.get("process_results")))
    filters = [each.get("name", "none") for each in config.get("filter_list") or ()] or ["none"]
    if "class" in config:
        with suppress(Exception):  # a class may need its data to say so
            blank = object.__new__(config["class"])
            for metric in blank.aggregation():
                reported.add(metric, "none", *_facts(blank, metric))
        return reported
    output = config.get("output_type", "generate_until")
    defaults = registry.DEFAULT_METRIC_REGISTRY.get(output, [])
    listed = config.get("metric_list") or [{"metric": name} for name in defaults]
    for filtered in filters:
        for each in listed:
            metric = each["metric"]
            name = getattr(metric, "__name__", None) if callable(metric) else str(metric)
            aggregation = each.get("aggregation")
            if isinstance(aggregation, str):
                aggregation = registry.get_aggregation(aggregation)
            elif aggregation is None:
                aggregation = registry.get_metric_aggregation(name)
            higher = each.get("higher_is_better")
            if higher is None:
                higher = registry.is_higher_better(name)
            if aggregation is not None:
                reported.add(str(name), filtered, aggregation, higher)
    return reported
