"""What a task's result is made of, gathered record by record, so that no record need be held."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from harness.authoring.measures import predictions
from harness.authoring.metrics import UNREAD, ScoreColumn
from harness.results.score_columns import ScoreColumns
from harness.types import MODEL, Completion, SampleRecord, Score, ScoreValue, Unscored

Places: TypeAlias = "NDArray[np.intp]"


@dataclass(slots=True)
class Rows:
    """The scores of the original samples, or of one probe's variants, in the order of the plan.

    Attributes:
        probe: The probe; None for the original samples, repeats among them.
        columns: Their scores.
        variants: Which variant each is.
        repeats: Which of the answers to the same question.
        chosen: Metric → the option that the model chose; None where that is not wanted.
    """

    probe: str | None = None
    columns: ScoreColumns = field(default_factory=ScoreColumns)
    variants: array[int] = field(default_factory=lambda: array("I"))
    repeats: array[int] = field(default_factory=lambda: array("I"))
    chosen: dict[str, list[str | None]] | None = None

    def add(self, record: SampleRecord) -> None:
        """Adds a record's scores."""
        place, sample = self.columns.count, record.sample
        error = record.error
        self.columns.add(sample.id, record.scores, sample.cluster, sample.groups, error, again=True)
        if self.probe is not None:
            self.variants.append(record.variant)
        self.repeats.append(record.repeat)
        if self.chosen is None:
            return
        for metric, value in record.scores.items():
            known = self.chosen.setdefault(metric, [])
            known += [None] * (place - len(known))
            known.append(predictions.judged(record, value))

    def scored(self, metric: str, places: Places | None = None) -> Sequence[Score]:
        """A metric's rows that have a score; of repeats, what they say together.

        Args:
            metric: The metric's name.
            places: The rows that count; None for all.
        """
        columns = self.columns
        values = columns.values(metric)
        chosen = None if self.chosen is None else list(self.chosen.get(metric, ()))
        if chosen is not None:
            chosen += [None] * (columns.count - len(chosen))
        again = max(self.repeats, default=0) > 0
        found = ScoreColumn(
            metric,
            columns.row_ids,
            cast("Sequence[ScoreValue]", values),
            columns.clusters,
            self.probe,
            self.variants if self.probe is not None else None,
            chosen,
            self.repeats if again else None,
        )
        scored = values.scored
        if places is not None:
            found = found.take(places[scored[places]])
        elif not scored.all():
            found = found.take(np.flatnonzero(scored))
        if again and any(found.repeats or ()):
            from harness.scoring import repeats

            return repeats.rows(found)
        return found

    def metrics(self, places: Places | None = None) -> set[str]:
        """The metrics that one of the rows has a value of, ``Unscored`` or not."""
        if places is None:
            return set(self.columns.of_metric)
        return {
            name
            for name in self.columns.of_metric
            if self.columns.values(name).present[places].any()
        }


class Tally:
    """Counts and scores of a task's records.

    Args:
        probes: The task's probes, whose variants are among the records.

    Attributes:
        originals: Of the original samples, repeats among them.
        variants: Probe → of its variants.
        cut_off: Original samples with an answer that ended before it began.
    """

    def __init__(self, probes: Iterable[str]) -> None:
        chosen = {name: Rows(name, chosen={}) for name in probes}
        self.originals = Rows(chosen={} if chosen else None)
        self.variants: Mapping[str, Rows] = chosen
        self.cut_off = 0
        self._any_score = False
        self._reasons: Counter[str] = Counter()
        self._failed: set[str] = set()
        self._members: dict[str, dict[str, array[int]]] = {}

    @classmethod
    def of(cls, records: Iterable[SampleRecord], probes: Iterable[str] = ()) -> Tally:
        """Of records in the order of the plan."""
        tally = cls(probes)
        for record in records:
            tally.add(record)
        return tally

    def add(self, record: SampleRecord) -> None:
        """The next record."""
        if record.probe is not None:
            if record.probe in self.variants:
                self.variants[record.probe].add(record)
            return
        for attribute, group in record.sample.groups.items():
            members = self._members.setdefault(attribute, {})
            members.setdefault(group, array("I")).append(self.originals.columns.count)
        self.originals.add(record)
        error = self.originals.columns.errors.get(self.count - 1)
        self._reasons[error or "the task gave no score"] += 1
        if error is not None:
            self._failed.add(record.sample.id)
        self._any_score = self._any_score or any(
            not isinstance(value, Unscored)
            for name, value in record.scores.items()
            if name != UNREAD.name
        )
        later = (each for asked in record.later_rounds for each in asked.of(MODEL))
        self.cut_off += any(
            isinstance(each, Completion) and each.cut_off for each in (*record.responses, *later)
        )

    @property
    def count(self) -> int:
        """Original samples, each repeat counted."""
        return self.originals.columns.count

    @property
    def first(self) -> Places:
        """The rows of the originals that are no further repeats."""
        return np.flatnonzero(np.asarray(self.originals.repeats) == 0)

    @property
    def repeated(self) -> bool:
        """Whether samples were asked several times."""
        return max(self.originals.repeats, default=0) > 0

    @property
    def errors(self) -> int:
        """Samples with a failed request or without a possible score."""
        return len(self._failed)

    @property
    def members(self) -> dict[str, dict[str, Places]]:
        """Attribute → group → its rows among the originals."""
        return {
            attribute: {group: np.asarray(places, np.intp) for group, places in groups.items()}
            for attribute, groups in sorted(self._members.items())
        }

    @property
    def failure(self) -> str | None:
        """Why no sample has a score, the commonest reason; None where one has.

        That an answer could not be read is no score of it.
        """
        if not self.count or self._any_score:
            return None
        (reason, count), *others = self._reasons.most_common()
        return f"{reason} ({count:,} of {self.count:,} samples)" if others else reason
