"""What a gate will do where no formula covers the metric: it is run on draws from a run's samples.

Each simulated gate draws as many samples as are planned, whole clusters together, from those of the
baseline, and judges them by the tests that gates use. A harmless change is what a repeated run of
the same model does to the drawn samples, in either direction with the same chance; without one, a
share of them gets the scores of other samples of the run. A true drop moves the bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.authoring.metrics import MetricRef, ScoreColumn, score_values, values_of
from harness.comparison import measure
from harness.comparison.measure import CannotCompare, MetricsOfTask, PairedMetric, Pairs
from harness.comparison.metric_kinds import MeanScores, MetricRows, OwnCode, SummedRows
from harness.gating.config import DROPS, GateConfig, Rule
from harness.gating.judging import check_share, level_p_values
from harness.gating.names import direction, ideal_of
from harness.gating.power import Chances, Power, alphas
from harness.protocols import bounds_of
from harness.results.baseline import ScoredRun
from harness.stats.inference import Array, Inference, decisive

GATES_OF_MEANS = 200
GATES_OF_SUMS = 60
_TRIED = 1000
"""Random pairs of samples, which show how often two have different scores."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is drawn from.

    Attributes:
        how: How rows become the metric's value.
        before: The baseline's rows.
        after: A repeated run's of the same samples; None where there is none.
    """

    how: MetricRows
    before: ScoreColumn
    after: ScoreColumn | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        """What the metric can be; infinite where that is not known."""
        how = self.how
        declared = bounds_of(how.metric if isinstance(how, OwnCode | SummedRows) else how)
        if declared is None and isinstance(self.how, MeanScores):
            values = values_of(self.before)
            declared = (0.0, 1.0) if values.min() >= 0 and values.max() <= 1 else None
        return declared or (-math.inf, math.inf)

    @property
    def gates(self) -> int:
        """How many are simulated."""
        return GATES_OF_MEANS if isinstance(self.how, MeanScores) else GATES_OF_SUMS

    def draw(self, n: int, discordance: float, rng: np.random.Generator) -> Pairs:
        """About ``n`` samples before and after a harmless change, which ``discordance`` have."""
        places, clusters = self._places(n, rng)
        old = score_values(self.before)
        before = [old[place] for place in places]
        if self.after is None:
            others = rng.integers(0, len(old), len(places))
            moved = rng.random(len(places)) < discordance / max(discordance, self._differing(rng))
            after = [
                old[other] if there else value
                for there, other, value in zip(moved, others, before, strict=True)
            ]
        else:
            new = score_values(self.after)
            after = [new[place] for place in places]
            swapped = rng.random(len(places)) < 0.5
            pairs = zip(before, after, swapped, strict=True)
            before, after = map(list, zip(*((b, a) if s else (a, b) for b, a, s in pairs),
                                          strict=True))  # fmt: skip
        ids = [str(number) for number in range(len(places))]
        name = self.before.metric
        return Pairs(
            ScoreColumn(name, ids, before, clusters), ScoreColumn(name, ids, after, clusters)
        )

    def _places(self, n: int, rng: np.random.Generator) -> tuple[list[int], list[str] | None]:
        names = self.before.clusters
        if names is None or all(name is None for name in names):
            return rng.integers(0, len(self.before), n).tolist(), None
        members: dict[object, list[int]] = {}
        for place, name in enumerate(names):
            members.setdefault(place if name is None else name, []).append(place)
        groups = list(members.values())
        chosen = rng.integers(0, len(groups), max(2, round(len(groups) * n / len(names))))
        places = [
            (place, str(unit)) for unit, group in enumerate(chosen) for place in groups[group]
        ]
        drawn, clusters = zip(*places, strict=True)
        return list(drawn), list(clusters)

    def _differing(self, rng: np.random.Generator) -> float:
        """How often two samples of the run have different scores."""
        old = score_values(self.before)
        pairs = rng.integers(0, len(old), (_TRIED, 2)).tolist()
        return max(1 / _TRIED, float(np.mean([old[one] != old[other] for one, other in pairs])))


def resampled_power(
    config: GateConfig,
    rule: Rule,
    n: int,
    discordance: float,
    source: Source,
    higher_is_better: bool | None,
    ideal: float | None,
    seed: int = 0,
) -> Power:
    """Simulates the gate's verdicts on one rule.

    Args:
        config: The gate; its other blocking rules make this one less sensitive.
        rule: One of its rules.
        n: Samples.
        discordance: Share of samples whose score a harmless change moves, in [0, 1]; of no matter
            where ``source`` has a repeated run, or the rule is on the metric itself.
        source: What is drawn from.
        higher_is_better: The metric's direction.
        ideal: What a drop is a move away from, where it is.
        seed: Of the simulation.

    Raises:
        CannotCompare: The rule has no power that could be stated; the message says why.
    """
    value = source.how.value(source.before)
    alpha, block_alpha = alphas(config)
    sign = -1.0 if higher_is_better is False or ideal is not None else 1.0
    level = rule.kind not in DROPS
    up = _worse_is_up(rule, value) if level else sign < 0
    shifts = _shifts(rule, value, source.bounds, up) if ideal is None else ()
    if rule.kind == "max_relative_drop":
        check_share(rule, source.how.level(source.before))
    rng = np.random.default_rng(seed)
    counts = np.zeros((len(shifts) + 1, 2))
    widths, values = [], []
    for _ in range(source.gates):
        inference = _inference(rule, source, source.draw(n, discordance, rng), sign, ideal)
        low, high = inference.interval(1 - 2 * alpha)
        widths.append((high - low) / 2)
        values.append(inference.value)
        for place, shift in enumerate((0.0, *shifts)):
            p_block, p_pass = _p_values(rule, inference, sign, shift, value)
            counts[place] += p_block <= block_alpha, p_block > block_alpha and p_pass <= alpha
    chances = [
        Chances(passes, max(0.0, 1 - passes - blocks), blocks)
        for blocks, passes in (counts / source.gates).tolist()
    ]
    named = [f"a candidate at {_moved(rule, value, shift):.3g}" if level
             else f"a true drop of {shift:.3g}" for shift in shifts]  # fmt: skip
    needed, margin = _needed(rule, n, value, np.array(widths), np.array(values))
    return Power(
        rule, n, chances[0], tuple(zip(named, chances[1:], strict=True)), needed, margin,
        "a candidate like the baseline" if level else "a harmless change", source.gates,
    )  # fmt: skip


def source_of(ref: MetricRef, runs: Sequence[ScoredRun | None], metrics: MetricsOfTask) -> Source:
    """What a simulation draws from: the baseline, and a repeated run where there is one.

    Raises:
        CannotCompare: There is nothing to draw from.
    """
    baseline, repeat = runs
    if ref.is_probe_measure:
        raise CannotCompare("a probe's measure is one number a run")
    if baseline is None:
        raise CannotCompare("it takes a run to draw samples from: give --baseline")
    other = repeat or baseline
    found = measure.pair_metric(baseline, other, ref.task, ref.metric, metrics)
    if isinstance(found.metric, OwnCode):
        raise CannotCompare("only the metric's own code can compute it, a few times a second")
    after = found.pairs.candidate if repeat is not None else None
    return Source(found.metric, found.pairs.baseline, after)


def directions(
    rule: Rule, runs: Sequence[ScoredRun | None], metrics: MetricsOfTask
) -> tuple[bool | None, float | None]:
    """The metric's direction, and what a drop of it is a move away from."""
    present = [run for run in runs if run is not None]
    ideal = ideal_of(rule, present, metrics) if rule.kind in DROPS else None
    return direction(rule.metric, present, metrics), ideal


def _inference(
    rule: Rule, source: Source, pairs: Pairs, sign: float, ideal: float | None
) -> Inference:
    if rule.kind not in DROPS:
        return decisive(source.how.level(pairs.candidate))
    paired = PairedMetric(rule.metric, pairs, source.how)
    if ideal is not None:
        return paired.distance_change(ideal)
    if rule.kind == "max_relative_drop":
        return paired.less_than_share(1 - sign * rule.value)
    return paired.difference()


def _p_values(
    rule: Rule, inference: Inference, sign: float, shift: float, value: float
) -> tuple[float, float]:
    """For blocking and for passing, where the metric is ``shift`` worse than what was drawn."""
    if rule.kind not in DROPS:
        away = _moved(rule, value, shift) - value
        return level_p_values(replace(rule, value=rule.value - away), inference)
    margin = rule.value if rule.kind == "max_drop" else 0.0
    bound = sign * (shift - margin)
    if sign > 0:
        return inference.below(bound), inference.above(bound)
    return inference.above(bound), inference.below(bound)


def _gap(rule: Rule, value: float) -> float:
    """How far the metric may worsen from ``value`` before the rule is broken; else negative."""
    if rule.kind == "max_relative_drop":
        return rule.value * abs(value)
    if rule.kind == "max_drop":
        return rule.value
    if rule.kind == "target":
        return rule.tolerance - abs(value - rule.value)
    return value - rule.value if rule.kind == "min" else rule.value - value


def _shifts(rule: Rule, value: float, bounds: tuple[float, float], up: bool) -> tuple[float, ...]:
    """How much worse the metric is simulated to be: beyond the margin, within what it can be."""
    gap = _gap(rule, value)
    room = bounds[1] - value if up else value - bounds[0]
    if gap <= 0 or room <= gap:
        return ()
    if rule.kind in DROPS:
        return tuple(shift for shift in (2 * gap, 4 * gap) if shift <= room)
    return (gap + min(gap, (room - gap) / 2),)


def _worse_is_up(rule: Rule, value: float) -> bool:
    """Whether a rule on the metric itself is broken by a rise of it from ``value``."""
    return rule.kind == "max" or (rule.kind == "target" and value >= rule.value)


def _moved(rule: Rule, value: float, shift: float) -> float:
    """The metric's value when it is ``shift`` nearer to, or beyond, the rule's bound."""
    return value + shift if _worse_is_up(rule, value) else value - shift


def _needed(
    rule: Rule, n: int, value: float, widths: Array, values: Array
) -> tuple[int | None, float | None]:
    """(samples at which it passes in 80 %, the margin at which n samples do).

    Interval and error shrink with √n; None where too often there is no interval, or no n would do.
    """
    judged = np.isfinite(widths)
    if judged.mean() < 0.8:
        return None, None
    reach = float(np.mean(widths[judged]) + 0.84 * np.std(values[judged]))
    gap = _gap(rule, value)
    needed = max(2, math.ceil(n * (reach / gap) ** 2)) if gap > 0 else None
    return needed, reach / abs(value) if rule.kind == "max_relative_drop" else reach
