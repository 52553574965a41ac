"""Gates against their promises, through the functions that judge real runs.

    python benchmarks/gate_promises.py [--gates 1000]

The limit was set beforehand: at the margin, with alpha = 5 %, at most 6 % of gates may block and
at most 6 % may pass, whatever is missing. Every line gives the share with 1.96 Monte-Carlo errors.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.gating import GateConfig, Rule, evaluate
from harness.gating.series import share
from harness.results.baseline import ScoredRun
from harness.results.score_table import ScoredSample
from harness.types import DataSource, Estimate, MetricResult, RunResult, ScoreValue, TaskResult
from harness.types import Unscored as Failure

Array = NDArray[np.float64]
ALPHA, MARGIN = 0.05, 0.05
LIMIT = ALPHA + 0.01


@dataclass(frozen=True, slots=True)
class Draw:
    """One simulated pair of runs: scores of shape (n,), NaN where the candidate failed.

    ``kept`` says which samples the candidate ran; ``clusters`` which belong together.
    """

    before: Array
    after: Array
    kept: NDArray[np.bool_] | None = None
    clusters: NDArray[np.intp] | None = None


Make = Callable[[np.random.Generator], Draw]


def run_of(scores: dict[str, Array], draw: Draw, kept: NDArray[np.bool_] | None) -> ScoredRun:
    """A scored run with these metrics of the task ``t``."""
    n = len(draw.before)
    samples = {}
    for i in range(n):
        if kept is not None and not kept[i]:
            continue
        values: dict[str, ScoreValue] = {
            name: Failure("failed") if math.isnan(column[i]) else float(column[i])
            for name, column in scores.items()
        }
        error = "failed" if any(isinstance(each, Failure) for each in values.values()) else None
        cluster = None if draw.clusters is None else str(draw.clusters[i])
        samples[f"s{i}"] = ScoredSample(f"s{i}", values, cluster, {}, error)
    metrics = {
        name: MetricResult(
            Estimate(float(np.nanmean(column)), 0.0, 0.0, 1.0, n, "mean"),
            kind="mean",
            bounds=(0.0, 1.0),
        )
        for name, column in scores.items()
    }
    task = TaskResult("t", "1", n, 0, DataSource("sample", "simulated"), "0", metrics)
    return ScoredRun(RunResult("r", "complete", {}, {"t": task}), {"t": samples})


def pairs(n: int, drop: float, discordance: float = 0.1) -> Make:
    """Independent pairs of 0/1 scores with that true drop."""

    def make(rng: np.random.Generator) -> Draw:
        kind = rng.random(n)
        lost, gained = (discordance + drop) / 2, (discordance - drop) / 2
        before = np.where(
            kind < lost, 1.0, np.where(kind < lost + gained, 0.0, rng.random(n) < 0.7)
        )
        after = np.where(kind < lost, 0.0, np.where(kind < lost + gained, 1.0, before))
        return Draw(before, after)

    return make


def failing(inner: Make, share_of_all: float, only_lost: bool) -> Make:
    """Failures at random, or as many only where the candidate lost what the baseline had right."""

    def make(rng: np.random.Generator) -> Draw:
        draw = inner(rng)
        chance = np.full(len(draw.after), share_of_all)
        if only_lost:
            lost = draw.after < draw.before
            chance = lost * share_of_all / max(1e-9, float(lost.mean()))
        after = np.where(rng.random(len(chance)) < chance, np.nan, draw.after)
        return Draw(draw.before, after)

    return make


def missing(inner: Make, share_of_all: float) -> Make:
    """A random part of the samples that the candidate did not run."""

    def make(rng: np.random.Generator) -> Draw:
        draw = inner(rng)
        return Draw(draw.before, draw.after, rng.random(len(draw.after)) >= share_of_all)

    return make


def collapsing(n: int, drop: float) -> Make:
    """F1-like scores that keep their value, but for a few that collapse to 0."""

    def make(rng: np.random.Generator) -> Draw:
        before = np.clip(rng.normal(0.9, 0.05, n), 0, 1)
        return Draw(before, np.where(rng.random(n) < drop / 0.9, 0.0, before))

    return make


def clustered(count: int, drop: float, sizes: str, agreement: float = 1.0) -> Make:
    """0/1 scores in clusters drawn with their sizes.

    ``agreement`` (the intraclass correlation) is the share of members that change as their cluster
    does; the others change each by itself.
    """

    def make(rng: np.random.Generator) -> Draw:
        drawn = {
            "equal": np.full(count, 5),
            "geometric": rng.geometric(0.2, count),
            "pareto": np.minimum(rng.pareto(1.5, count).astype(int) + 1, 50),
        }[sizes]
        clusters = np.repeat(np.arange(count), drawn)
        n = len(clusters)
        # Two members agree where both follow their cluster: the square root makes it a correlation.
        follows = rng.random(n) < math.sqrt(agreement)
        kind = np.where(follows, rng.random(count)[clusters], rng.random(n))
        lost, gained = 0.1 / 2 + drop / 2, 0.1 / 2 - drop / 2
        before = np.where(kind < lost, 1.0, np.where(kind < lost + gained, 0.0, 1.0))
        after = np.where(kind < lost, 0.0, 1.0)
        return Draw(before, after, None, clusters)

    return make


def outcomes(make: Make, config: GateConfig, gates: int, seed: int = 0) -> tuple[float, float]:
    """(share of gates that block, share that pass); one draw for each rule."""
    blocks = passes = 0
    for gate in range(gates):
        rng = np.random.default_rng([seed, gate])
        draws = [make(rng) for _ in config.rules]
        names = [rule.metric.partition(".")[2] for rule in config.rules]
        first = draws[0]
        baseline = run_of(dict(zip(names, (d.before for d in draws), strict=True)), first, None)
        candidate = run_of(
            dict(zip(names, (d.after for d in draws), strict=True)), first, first.kept
        )
        verdict = evaluate(config, candidate, baseline, {}, seed=gate).verdict
        blocks += verdict == "block"
        passes += verdict == "pass"
    return blocks / gates, passes / gates


def gate_of(rules: int = 1, mode: str = "fixed", **options: object) -> GateConfig:
    """A gate of that many ``max_drop`` rules at ``MARGIN``."""
    listed = tuple(Rule(f"t.m{i}", "max_drop", MARGIN) for i in range(rules))
    return GateConfig(listed, ALPHA, mode, **options)  # type: ignore[arg-type]


def cells() -> Iterator[tuple[str, Make, GateConfig]]:
    """(name, what is drawn at the margin, the gate)."""
    for n in (10, 20, 50, 200, 1000):
        yield f"0/1, n {n}", pairs(n, MARGIN), gate_of()
    for n in (20, 50, 200):
        yield f"rare collapse, n {n}", collapsing(n, MARGIN), gate_of()
    for only_lost in (False, True):
        where = "where it got worse" if only_lost else "at random"
        drawn = failing(pairs(400, MARGIN), 0.04, only_lost)
        yield f"4 % failed {where}", drawn, gate_of()
        yield f"4 % failed {where}, sequential", drawn, gate_of(mode="sequential")
    for mode in ("fixed", "sequential"):
        drawn = missing(pairs(400, MARGIN), 0.1)
        yield f"10 % not run, {mode}", drawn, gate_of(mode=mode)
        yield f"10 % not run, allowed, {mode}", drawn, gate_of(mode=mode, max_missing=0.2)
    for rules in (5, 25, 50):
        yield f"{rules} rules", pairs(200, MARGIN), gate_of(rules)
        yield f"{rules} rules, sequential", pairs(200, MARGIN), gate_of(rules, "sequential")
    for sizes in ("equal", "geometric", "pareto"):
        for count in (5, 10, 25, 100):
            for agreement in (0.0, 0.5, 0.9):
                name = f"{count} {sizes} clusters, agreement {agreement:g}"
                drawn = clustered(count, MARGIN, sizes, agreement)
                yield name, drawn, gate_of()
                yield f"{name}, sequential", drawn, gate_of(mode="sequential")


def power_cells() -> Iterator[tuple[str, Make, GateConfig]]:
    """(name, a drop of four margins in every rule or none in any, the gate)."""
    for rules in (1, 25, 50):
        for mode, n in (("fixed", 400), ("sequential", 400)):
            yield f"{rules} rules, {mode}, drop", pairs(n, 4 * MARGIN, 0.25), gate_of(rules, mode)
            yield f"{rules} rules, {mode}, harmless", pairs(n, 0.0, 0.04), gate_of(rules, mode)


def contradictions(make: Make, gates: int, seed: int = 0) -> tuple[int, int]:
    """How often one mode passes what the other blocks; and how often both decide alike.

    Both speak of what the samples were drawn from, and judge the same runs.
    """
    opposite = alike = 0
    for gate in range(gates):
        draw = make(np.random.default_rng([seed, gate]))
        before = run_of({"m0": draw.before}, draw, None)
        after = run_of({"m0": draw.after}, draw, draw.kept)
        found = [
            evaluate(gate_of(mode=mode), after, before, {}, seed=gate).verdict
            for mode in ("fixed", "sequential")
        ]
        opposite += set(found) == {"pass", "block"}
        alike += found[0] == found[1] != "inconclusive"
    return opposite, alike


def series_blocks(series: int, builds: int = 100, spread: int | None = None) -> float:
    """Share of series of ``builds`` changes at the margin with any block."""
    blocked = 0
    for one in range(series):
        for build in range(1, builds + 1):
            config = gate_of(block_alpha=share(ALPHA, build, spread) or 1e-12)
            block, _ = outcomes(pairs(100, MARGIN, 0.2), config, 1, seed=1000 * one + build)
            if block:
                blocked += 1
                break
    return blocked / series


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--gates", type=int, default=1000)
    parser.add_argument("--only", default="", help="cells whose name holds this text")
    asked = parser.parse_args()
    gates = asked.gates
    error = 196 * math.sqrt(ALPHA * (1 - ALPHA) / gates)
    print(f"{gates:,} gates each at a margin of {MARGIN:g}; ± {error:.1f} points at 5 %\n")
    for name, make, config in cells():
        if asked.only in name:
            show(name, make, config, max(100, gates // max(1, len(config.rules) // 5)))
    for name, make, config in power_cells():
        if asked.only in name:
            show(name, make, config, max(40, gates // max(5, len(config.rules))))
    for drop in (0.0, MARGIN, 3 * MARGIN):
        name = f"fixed and sequential, drop {drop:g}"
        if asked.only in name:
            opposite, alike = contradictions(pairs(200, drop, 0.2), gates)
            print(f"{name}: {opposite} opposite, {alike} alike of {gates:,}", flush=True)
    few = max(40, gates // 10)
    for spread in (None, 100):
        name = f"100 builds, builds = {spread}"
        if asked.only in name:
            print(f"{name}: any block {series_blocks(few, 100, spread):.1%} of {few}", flush=True)


def show(name: str, make: Make, config: GateConfig, count: int) -> None:
    """Prints a line of the table."""
    block, passed = outcomes(make, config, count)
    print(f"{name:<40} blocks {block:6.1%}  passes {passed:6.1%}  of {count:,}", flush=True)


if __name__ == "__main__":
    main()
