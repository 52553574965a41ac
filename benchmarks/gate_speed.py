"""How long comparing and judging large runs take, on one processor, and how much memory.

    python benchmarks/gate_speed.py

The runs are in memory: reading them from a run folder is not timed.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.authoring.metrics import Corpus, Mean
from harness.gating import evaluate, parse_gate
from harness.protocols import Metric
from harness.results.baseline import ScoredRun
from harness.results.score_table import ScoredSample
from harness.stats.compare import infer_paired, two_sided
from harness.stats.estimates import mean
from harness.types import DataSource, MetricResult, RunResult, TaskResult


def _macro_f1(sums: Any) -> Any:
    tp, fp, fn, tn = sums.T
    return (2 * tp / (2 * tp + fp + fn) + 2 * tn / (2 * tn + fp + fn)) / 2


def metrics(count: int) -> list[Metric]:
    """Four in five are means, of 0/1 scores and of numbers; the others corpus metrics."""
    return [
        Corpus(f"m{index}", _macro_f1) if index % 5 == 4 else Mean(f"m{index}")
        for index in range(count)
    ]


def run(name: str, samples: int, count: int, clusters: int | None, seed: int) -> ScoredRun:
    """A run of one task; a tenth of the scores are its own, the others shared by all seeds."""
    shared, own = np.random.default_rng(0), np.random.default_rng([1, seed])
    chosen = metrics(count)
    columns: list[list[Any]] = []
    for index, metric in enumerate(chosen):
        if isinstance(metric, Corpus):
            cells = shared.integers(0, 4, samples)
            cells = np.where(own.random(samples) < 0.1, own.integers(0, 4, samples), cells)
            columns.append([tuple(row) for row in np.eye(4)[cells].tolist()])
            continue
        values, other = shared.random(samples), own.random(samples)
        values = np.where(own.random(samples) < 0.1, other, values)
        columns.append((values if index % 2 else (values < 0.7).astype(float)).tolist())
    names = [metric.name for metric in chosen]
    scored = {
        str(row): ScoredSample(
            str(row),
            dict(zip(names, values, strict=True)),
            None if clusters is None else f"passage {row % clusters}",
        )
        for row, values in enumerate(zip(*columns, strict=True))
    }
    results = {
        metric.name: MetricResult(
            mean([0.0, 1.0]), True, kind="corpus" if isinstance(metric, Corpus) else "mean"
        )
        for metric in chosen
    }
    task = TaskResult("t", "1", samples, 0, DataSource("path", "t", ()), "d" * 64, results)
    return ScoredRun(RunResult(name, "complete", {}, {"t": task}), {"t": scored})


def timed(what: str, function: Callable[[], Any]) -> Any:
    """Prints the processor time of a call and the process's largest memory so far."""
    started = time.process_time()
    result = function()
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{what:64} {seconds:6.2f} s   {peak:6,} MB", flush=True)
    return result


def gate(samples: int, count: int, clusters: int | None) -> None:
    """Judges a drop of every metric."""
    before, after = (run(name, samples, count, clusters, seed) for seed, name in enumerate("ab"))
    rules = [{"metric": f"t.m{index}", "max_drop": 0.02} for index in range(count)]
    config = parse_gate({"rule": rules})
    over = "" if clusters is None else f", {clusters:,} clusters"
    timed(
        f"gate, {samples:,} samples, {count} rules{over}",
        lambda: evaluate(config, after, before, {"t": metrics(count)}),
    )


def pairs(count: int) -> None:
    """Tests paired arrays."""
    rng = np.random.default_rng(0)
    before = rng.random(count)
    after = np.where(rng.random(count) < 0.1, rng.random(count), before)
    timed(f"paired test, {count:,} numbers", lambda: two_sided(infer_paired(before, after)))
    right, left = (before < 0.7).astype(float), (after < 0.7).astype(float)
    timed(f"paired test, {count:,} 0/1 scores", lambda: two_sided(infer_paired(right, left)))


def main() -> None:
    """Prints the timings."""
    pairs(1_000_000)
    gate(100_000, 10, None)
    gate(100_000, 10, 20_000)
    gate(1_000_000, 1, None)


if __name__ == "__main__":
    main()
