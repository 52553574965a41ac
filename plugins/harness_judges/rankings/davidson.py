"""Bradley–Terry with ties: strengths of systems, and the ranks that the data can tell apart.

Davidson's model (1970, JASA 65:317): P(i beats j) : P(tie) : P(j beats i) =
π_i : ν·√(π_i·π_j) : π_j. It is a log-linear model of counts, with an effect for each pair, and
fitted as one by statsmodels. Elo is not offered: it depends on the order of the comparisons.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness.errors import DataError, MissingExtraError
from harness.stats import ranks, resampling
from harness.stats.estimates import cluster_codes, summed_by_cluster
from harness.stats.inference import Array
from harness_judges.rankings.preferences import Preference

RESAMPLES = 500
FEWEST_PROMPTS = 10
"""Prompts below which no interval is given, and every rank is possible."""
_DIGITS = 8  # of a strength that the fit is sure of
_PRIOR = 0.5
"""Added to each outcome of each pair that was compared, so that who never lost is not infinite."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One system.

    Attributes:
        system: Its name.
        best: The best rank that the data allow, from 1.
        worst: The worst.
        strength: log π, their mean 0.
        low: Of its 95 % interval; NaN where there is none.
        high: The same.
        wins: Preferences for it.
        ties: Between it and others.
        losses: Against it.
    """

    system: str
    best: int
    worst: int
    strength: float
    low: float
    high: float
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """The systems, the strongest first.

    Attributes:
        systems: Each with its ranks.
        prompts: How many prompts, which are what is resampled.
        tie_parameter: ν: 0 where there are no ties, 1 where a third of even pairs are.
        method: How, in words.
    """

    systems: tuple[Ranked, ...]
    prompts: int
    tie_parameter: float
    method: str


def rank(preferences: Sequence[Preference], resamples: int = RESAMPLES, seed: int = 0) -> Ranking:
    """Fits the model, and tells which ranks it allows at 95 %, for all systems at once.

    Prompts are resampled; see ``harness.stats.ranks`` for what tells systems apart.

    Raises:
        DataError: There are fewer than two systems, or some were never compared with the others.
        MissingExtraError: statsmodels is not installed.
    """
    names = list(dict.fromkeys(n for each in preferences for n in (each.first, each.second)))
    if len(names) < 2:
        raise DataError("there are no two systems to rank", expected="preferences between systems")
    pairs = _pairs(preferences, names)
    _check_connected(pairs, names)
    cells = _cells(preferences, names, pairs)
    units = summed_by_cluster(cells, cluster_codes([each.prompt for each in preferences]))
    model = _Model(len(names), pairs)
    strengths, ties = model.fit(cells.sum(axis=0))
    k, prompts = len(names), len(units)
    ends = np.full((2, k), np.nan)
    better = np.zeros((k, k), dtype=bool)  # better[i, j]: i is shown to be better than j
    method = f"Davidson; no interval below {FEWEST_PROMPTS} prompts"
    if prompts >= FEWEST_PROMPTS:
        sums = resampling.resampled_sums(units, resamples, seed)
        replicates = np.array([model.fit(each)[0] for each in sums])
        better = ranks.told_apart(strengths, replicates)
        ends = np.quantile(replicates, (0.025, 0.975), axis=0)
        method = f"Davidson, {resamples:,} resamples of {prompts:,} prompts, ranks by max-t"
    wins, tied, losses = _tally(cells.sum(axis=0), pairs, k)
    places = ranks.ranges(better)
    found = [
        Ranked(
            names[each],
            places[each][0],
            places[each][1],
            float(strengths[each]),
            float(ends[0, each]),
            float(ends[1, each]),
            *(int(counts[each]) for counts in (wins, tied, losses)),
        )
        for each in np.argsort(-strengths, kind="stable")
    ]
    return Ranking(tuple(found), prompts, ties, method)


def _pairs(preferences: Sequence[Preference], names: Sequence[str]) -> list[tuple[int, int]]:
    met = {frozenset((each.first, each.second)) for each in preferences}
    indices = combinations(range(len(names)), 2)
    return [(i, j) for i, j in indices if frozenset((names[i], names[j])) in met]


def _cells(
    preferences: Sequence[Preference], names: Sequence[str], pairs: Sequence[tuple[int, int]]
) -> Array:
    """A row a preference, with a 1 in its cell: (pair, first wins | tie | second wins)."""
    place = {pair: number for number, pair in enumerate(pairs)}
    index = {name: number for number, name in enumerate(names)}
    cells = np.zeros((len(preferences), 3 * len(pairs)))
    for row, each in enumerate(preferences):
        i, j, value = index[each.first], index[each.second], each.value
        if i > j:
            i, j, value = j, i, 1 - value
        outcome = 1 if 0 < value < 1 else 0 if value == 1 else 2
        cells[row, 3 * place[i, j] + outcome] = 1
    return cells


def _check_connected(pairs: Sequence[tuple[int, int]], names: Sequence[str]) -> None:
    """Refuses groups of systems between which nothing was compared.

    Raises:
        DataError: There are such groups.
    """
    group = list(range(len(names)))
    for i, j in pairs:
        group = [group[i] if each == group[j] else each for each in group]
    if len(set(group)) > 1:
        parts = [
            " and ".join(name for name, own in zip(names, group, strict=True) if own == each)
            for each in dict.fromkeys(group)
        ]
        raise DataError(
            f"nothing compares {'; '.join(parts)}",
            expected="preferences that connect all systems, if only through others",
        )


def _tally(
    counts: Array, pairs: Sequence[tuple[int, int]], systems: int
) -> tuple[Array, Array, Array]:
    wins, ties, losses = (np.zeros(systems) for _ in range(3))
    for (i, j), (first, tied, second) in zip(pairs, counts.reshape(-1, 3), strict=True):
        wins[i] += first
        losses[j] += first
        wins[j] += second
        losses[i] += second
        ties[[i, j]] += tied
    return wins, ties, losses


class _Model:
    """The log-linear model of counts of some pairs of systems."""

    def __init__(self, systems: int, pairs: Sequence[tuple[int, int]]) -> None:
        try:
            import statsmodels.api as sm
            from statsmodels.tools.sm_exceptions import PerfectSeparationWarning
        except ImportError as error:
            raise MissingExtraError("a ranking", "judges") from error
        self._api, self._systems = sm, systems
        self._separation = PerfectSeparationWarning
        design = np.zeros((3 * len(pairs), systems + len(pairs)))
        for place, (i, j) in enumerate(pairs):
            rows = design[3 * place : 3 * place + 3]
            rows[:, systems + place] = 1  # the pair's own effect
            rows[0, i] = rows[2, j] = 1
            rows[1, [i, j]] = 0.5
        ties = np.zeros(3 * len(pairs))
        ties[1::3] = 1
        design[:, 0] = ties
        self._design = design
        self._start: Array | None = None

    def fit(self, counts: Array) -> tuple[Array, float]:
        """Strengths with mean 0, and ν."""
        family = self._api.families.Poisson()
        # Of two systems the model fits exactly, which is warned of as perfect prediction.
        with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
            warnings.simplefilter("ignore", self._separation)
            model = self._api.GLM(counts + _PRIOR, self._design, family=family)
            found = model.fit(start_params=self._start).params
        if self._start is None:  # resamples are close to the data
            self._start = found
        strengths = np.array([0.0, *found[1 : self._systems]])
        # What the fit leaves of a difference that is none would rank systems that always tie.
        return np.round(strengths - strengths.mean(), _DIGITS) + 0.0, float(np.exp(found[0]))
