"""Which runs are shown to be better than which, by one metric of one task.

Runs are compared on the samples that all of them scored, resampled together (whole clusters), so
that what makes a sample hard is hard for all. One more sample, that nobody has seen, gives each
resample the least or the greatest score for each run, so that runs that agree on every sample they
have are not taken to agree on all others. Metrics that are no mean of samples' scores are taken by
their standard errors, as if the runs had nothing in common, which understates what is known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.stats import ranks, resampling
from harness.stats.estimates import cluster_codes, summed_by_cluster
from harness.stats.inference import Array
from harness_view.index import refresh
from harness_view.index.entries import Entry, Measured
from harness_view.index.store import Index

MOST = 200
"""Runs that are ranked, the latest ones."""
RESAMPLES = 500
FEWEST = 10
"""Samples, or clusters of them, below which nobody is told from anybody."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What is known of the order of some runs.

    Attributes:
        runs: Their keys.
        ranges: The best and the worst rank of each, from 1.
        better: For each the places in ``runs`` of those that are shown to be better.
        method: How, in words.
    """

    runs: Sequence[str] = ()
    ranges: Sequence[Sequence[int]] = ()
    better: Sequence[Sequence[int]] = ()
    method: str = ""

    @property
    def of_run(self) -> Mapping[str, tuple[int, int]]:
        """Key → its range of ranks."""
        return {
            run: (best, worst) for run, (best, worst) in zip(self.runs, self.ranges, strict=True)
        }

    def to_json(self) -> dict[str, Any]:
        """For the index."""
        return {
            "runs": list(self.runs),
            "ranges": [list(each) for each in self.ranges],
            "better": [list(each) for each in self.better],
            "method": self.method,
        }


def goodness(values: Array, of: Measured) -> Array:
    """The values so that higher is better: as they are, turned round, or near the ideal."""
    if of.ideal is not None:
        return -np.abs(values - of.ideal)
    return values if of.higher_is_better else -values


def has_order(of: Measured) -> bool:
    """Whether one value of the metric can be better than another."""
    return of.ideal is not None or of.higher_is_better is not None


def rank(
    index: Index, entries: Mapping[str, Entry], measured: Sequence[Measured], seed: int = 0
) -> Ranking:
    """The ranks of some runs' values of one metric, all of one group.

    Args:
        index: Where the samples' scores are.
        entries: Key → run.
        measured: A value a run.
        seed: Of the resamples.
    """
    known = [each for each in measured if math.isfinite(each.estimate.value)]
    if len(known) < 2 or not has_order(known[0]):
        return Ranking(method="no order: fewer than two runs, or neither direction is better")
    found = None
    if all(each.kind == "mean" for each in known):
        found = _paired(index, entries, known, seed)
    if found is None:
        found = _unpaired(known, seed)
    if isinstance(found, str):
        return Ranking(method=found)
    kept, values, replicates, method = found
    better = ranks.told_apart(goodness(values, known[0]), goodness(replicates, known[0]))
    return _ranking(kept, better, method)


def _ranking(kept: Sequence[Measured], better: NDArray[np.bool_], method: str) -> Ranking:
    return Ranking(
        [each.run for each in kept],
        ranks.ranges(better),
        [np.flatnonzero(better[:, place]).tolist() for place in range(len(kept))],
        f"{method}; ranks by max-t at 95 %, for all {len(kept):,} runs at once",
    )


_Drawn = tuple[Sequence[Measured], Array, Array, str]


def _paired(
    index: Index, entries: Mapping[str, Entry], known: Sequence[Measured], seed: int
) -> _Drawn | str | None:
    """Values and replicates on shared samples; None where some run has no scores to share."""
    scores, clusters = shared_scores(index, entries, known)
    if scores is None:
        return None
    codes = cluster_codes(clusters)
    count = len(scores)
    units = summed_by_cluster(np.column_stack([scores, np.ones(count)]), codes)
    if len(units) < FEWEST:
        return f"no ranks below {FEWEST} samples that all runs scored: {len(units):,}"
    sums = resampling.resampled_sums(units, RESAMPLES, seed)
    rng = np.random.default_rng([seed, 2])
    weight = rng.exponential(size=(RESAMPLES, 1)) * (count / len(units))
    unseen = rng.choice([scores.min(), scores.max()], size=(RESAMPLES, len(known)))
    replicates = (sums[:, :-1] + weight * unseen) / (sums[:, -1:] + weight)
    over = "" if len(units) == count else f" in {len(units):,} clusters"
    method = f"{RESAMPLES} resamples of the {count:,} samples{over} that all scored"
    return known, scores.mean(axis=0), replicates, method


def shared_scores(
    index: Index, entries: Mapping[str, Entry], known: Sequence[Measured]
) -> tuple[Array | None, list[str | None]]:
    """The scores of the samples that all runs scored, shape (n, k), and their clusters."""
    ids: list[str] = []
    clusters: list[str | None] = []
    found: list[Array] = []
    for each in known:
        try:
            columns = refresh.columns(index, entries[each.run], each.task)
        except HarnessError:
            return None, []
        if columns is None:
            return None, []
        names, values, groups = columns.originals(each.metric)
        if not names:
            return None, []
        if not found:
            ids, clusters, found = names, groups, [values]
        elif names == ids:
            found.append(values)
        else:
            place = {name: number for number, name in enumerate(names)}
            shared = [number for number, name in enumerate(ids) if name in place]
            ids, clusters = [ids[each] for each in shared], [clusters[each] for each in shared]
            found = [column[shared] for column in found]
            found.append(values[[place[name] for name in ids]])
    return np.column_stack(found), clusters


def _unpaired(known: Sequence[Measured], seed: int) -> _Drawn | str:
    kept = [each for each in known if math.isfinite(each.estimate.stderr)]
    if len(kept) < 2:
        return "no ranks: the runs' values have no standard errors"
    if min(each.estimate.n for each in kept) < FEWEST:
        return f"no ranks below {FEWEST} samples"
    values = np.array([each.estimate.value for each in kept])
    errors = np.array([each.estimate.stderr for each in kept])
    drawn = np.random.default_rng(seed).standard_normal((4 * RESAMPLES, len(kept)))
    return kept, values, values + errors * drawn, "unpaired, by standard errors"
