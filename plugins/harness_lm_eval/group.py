"""A group of lm_eval's as one task: its samples are those of its members.

The members' scores stand beside the group's, by the attribute ``task``; groups within it by
``subgroup``. Members keep their own prompts, filters and aggregations.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.authoring.metrics import Mean, clusters_of, values_of
from harness.authoring.readers import rows as row_files
from harness.errors import DataError
from harness.protocols import HasValue, Metric
from harness.types import DataSource, Estimate, HubDataset, Request, Response, Sample, Score
from harness.types import ScoreValue as Value
from harness_lm_eval import installed
from harness_lm_eval.catalogue.definitions import Aggregate, GroupDefinition
from harness_lm_eval.settings import TaskSettings
from harness_lm_eval.task import LmEvalTask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_AT = "/"
"""Between a member's name and the number of its document, in a sample's id."""
RESAMPLES = 200


class LmEvalGroup:
    """Implements ``harness.protocols.Task`` by the tasks of a group.

    Args:
        name: What users call it.
        definition: What is in it.
        settings: The user's, for every member.
        allow_code: Whether the user agreed to what they run.
    """

    scored_by = ()

    def __init__(
        self,
        name: str,
        definition: GroupDefinition,
        settings: TaskSettings,
        allow_code: bool = False,
    ) -> None:
        self.name = name
        self.definition = definition
        self._members = {
            each.name: LmEvalTask(f"{name}/{each.name}", each, settings, allow_code)
            for each in definition.tasks()
        }
        self._subgroups = dict(_subgroups(definition))

    @property
    def version(self) -> str:
        """The YAML's version, and a digest of the group and all of its members."""
        parts = [self.definition.files.digest(), *(each.version for each in self._members.values())]
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
        return f"{self.definition.version}-{digest}"

    @property
    def settings(self) -> Mapping[str, str]:
        """Those of its members, where they are the same for all."""
        every = [dict(each.settings) for each in self._members.values()]
        first = every[0] if every else {}
        same = {key: text for key, text in first.items() if all(e.get(key) == text for e in every)}
        return {**same, "lm_eval": installed.VERSION, "members": f"{len(self._members):,}"}

    @property
    def metrics(self) -> Sequence[Metric]:
        """What the group aggregates, in the order of its definition."""
        found: dict[str, Metric] = {}
        for aggregate in self.definition.aggregates:
            for name in self._names(aggregate):
                found.setdefault(name, self._metric(name, aggregate))
        return tuple(found.values())

    def samples(self, data: DataSource) -> Iterator[Sample]:
        """The samples of all members, in their order.

        Raises:
            DataError: The folder given as ``--data`` lacks a member's file.
        """
        sources = self._sources(data)
        for name, member in self._members.items():
            for sample in member.samples(sources[name]):
                groups = {**sample.groups, "task": name}
                if name in self._subgroups:
                    groups["subgroup"] = self._subgroups[name]
                cluster = None if sample.cluster is None else f"{name}{_AT}{sample.cluster}"
                yield replace(sample, id=f"{name}{_AT}{sample.id}", groups=groups, cluster=cluster)
        self._check_metrics()

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:
        """Those of the member."""
        member, own = self._member(sample)
        return member.requests(own, shots)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Value]:
        """Those of the member's scores that the group aggregates."""
        member, own = self._member(sample)
        known = {each.name for each in self.metrics}
        scores = member.score(own, responses)
        return {name: value for name, value in scores.items() if name in known}

    def remarks(self, samples: Sequence[Sample]) -> Iterable[str]:
        """Those of its members, and which of them lack a metric of the group."""
        del samples
        for name, member in self._members.items():
            yield from (f"{name}: {remark}" for remark in member.remarks(()))
        for metric in self.metrics:
            lacking = [name for name, each in self._members.items() if metric.name not in _of(each)]
            if lacking:
                yield (
                    f"{metric.name} is of {len(self._members) - len(lacking):,} of "
                    f"{len(self._members):,} tasks; without it: {_some(lacking)}"
                )

    # ---- parts

    def _sources(self, data: DataSource) -> dict[str, DataSource]:
        """Each member's own data set, or its file in a folder, named as it is."""
        if data.kind == "hub":
            return {name: _hub_of(member) for name, member in self._members.items()}
        folder = Path(data.paths[0])
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        found = {
            name: DataSource("path", str(path), (str(path),), columns=data.columns)
            for name in self._members
            for path in files
            if path.name.startswith(f"{name}.") and row_files.is_known(path)
        }
        if lacking := [name for name in self._members if name not in found]:
            raise DataError(
                f"{self.name} has {len(self._members):,} tasks, and there are no rows of "
                f"{len(lacking):,} of them: {_some(lacking)}",
                path=data.label,
                expected=f"a folder with a file for each, such as {lacking[0]}.jsonl",
            )
        return found

    def _member(self, sample: Sample) -> tuple[LmEvalTask, Sample]:
        name, _, own = sample.id.rpartition(_AT)
        return self._members[name], replace(sample, id=own)

    def _names(self, aggregate: Aggregate) -> Iterator[str]:
        """The members' metrics that it is of: every filter's, or those of the filters it names."""
        for member in self._members.values():
            for name in _of(member):
                metric, _, filtered = name.partition(",")
                allowed = aggregate.filters
                if metric == aggregate.metric and (
                    allowed is None or (filtered or "none") in allowed
                ):
                    yield name

    def _metric(self, name: str, aggregate: Aggregate) -> Metric:
        of_members = {
            member: each for member, task in self._members.items() if (each := _of(task).get(name))
        }
        first = next(iter(of_members.values()))
        plain = all(isinstance(each, Mean) for each in of_members.values())
        if plain and aggregate.by_size and isinstance(first, Mean):
            return replace(first)
        return OfMembers(name, first.higher_is_better, of_members, aggregate.by_size)

    def _check_metrics(self) -> None:
        if not self.metrics:
            wanted = ", ".join(each.metric for each in self.definition.aggregates)
            raise DataError(
                f"none of the tasks of {self.name} reports what it aggregates: {wanted}",
                expected="a group of tasks that report it",
            )


@dataclass(frozen=True)
class OfMembers:
    """The mean of the members' values, each computed as the member does.

    Attributes:
        name: As it is shown.
        higher_is_better: As of the first member.
        members: Member → its own metric.
        by_size: Whether a member counts as often as it has scores; else each counts once.
    """

    name: str
    higher_is_better: bool | None
    members: Mapping[str, Metric]
    by_size: bool

    def value(self, rows: Sequence[Score]) -> float:
        """The mean over the members that the rows are of."""
        parts = _parts(rows)
        values = [self._of(member, each) for member, each in parts.items()]
        sizes = [len(each) if self.by_size else 1 for each in parts.values()]
        total = sum(sizes)
        return sum(v * s for v, s in zip(values, sizes, strict=True)) / total if total else math.nan

    def aggregate(self, rows: Sequence[Score]) -> Estimate:
        """The mean, and its percentiles when every member's samples are drawn anew."""
        import numpy as np

        from harness.stats import inference, resampling

        rng = np.random.default_rng(0)
        parts = _parts(rows)
        replicates: NDArray[np.float64] = np.array(
            [
                self.value([row for each in parts.values() for row in _drawn(each, rng)])
                for _ in range(RESAMPLES)
            ]
        )
        units = len(set(clusters_of(rows) or range(len(rows))))
        found = resampling.from_replicates(
            self.value(rows), replicates, units, f"bootstrap within {len(parts)} tasks"
        )
        return inference.estimate(found, len(rows))

    def _of(self, member: str, rows: Sequence[Score]) -> float:
        metric = self.members[member]
        if isinstance(metric, Mean):
            return float(values_of(rows).mean())
        if isinstance(metric, HasValue):
            return float(metric.value(rows))
        return metric.aggregate(rows).value


def _drawn(rows: Sequence[Score], rng: np.random.Generator) -> list[Score]:
    clusters: dict[object, list[Score]] = {}
    for place, row in enumerate(rows):
        clusters.setdefault(place if row.cluster is None else row.cluster, []).append(row)
    units = list(clusters.values())
    return [row for unit in rng.integers(0, len(units), len(units)) for row in units[unit]]


def _parts(rows: Sequence[Score]) -> dict[str, list[Score]]:
    """Member → its rows."""
    parts: dict[str, list[Score]] = {}
    for row in rows:
        parts.setdefault(row.sample_id.rpartition(_AT)[0], []).append(row)
    return parts


def _of(member: LmEvalTask) -> dict[str, Metric]:
    return {metric.name: metric for metric in member.metrics}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _hub_of(member: LmEvalTask) -> DataSource:
    path = str(member.definition.config.get("dataset_path"))
    return DataSource("hub", f"hub:{path}", hub=HubDataset(path))


def _subgroups(group: GroupDefinition) -> Iterator[tuple[str, str]]:
    """(task, the group in this one that it is in), for those that are in one."""
    for child in group.children:
        if isinstance(child, GroupDefinition):
            for task in child.tasks():
                yield task.name, child.name
