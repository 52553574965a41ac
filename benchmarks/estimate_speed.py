"""Processor time of estimates, beside sacrebleu's own bootstrap.

python benchmarks/estimate_speed.py
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sacrebleu.metrics import BLEU

from harness.authoring.metrics import Corpus, Mean
from harness.protocols import Metric
from harness.stats.resampling import infer_bootstrap
from harness.types import Score
from harness_tasks.metrics.translation import Sacrebleu


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """The result and the seconds of processor time it took."""
    started = time.process_time()
    result = function()
    return result, time.process_time() - started


def scored_samples(samples: int, clusters: int) -> list[tuple[Metric, list[Score]]]:
    """Ten metrics: means of 0/1 scores and of numbers, with clusters, and two corpus metrics."""
    rng = np.random.default_rng(0)
    names = [f"passage {index}" for index in rng.integers(0, clusters, samples)]
    rows: list[tuple[Metric, list[Score]]] = []
    for index in range(8):
        values = rng.random(samples) if index % 2 else (rng.random(samples) < 0.7).astype(float)
        metric = Mean(f"mean {index}")
        rows.append((metric, _rows(metric.name, values.tolist(), names)))
    for index in range(2):
        statistics = np.eye(4)[rng.integers(0, 4, samples)]
        metric = Corpus(f"corpus {index}", _macro_f1)
        rows.append(
            (metric, _rows(metric.name, [tuple(row) for row in statistics], [None] * samples))
        )
    return rows


def _rows(metric: str, values: list[Any], clusters: list[Any]) -> list[Score]:
    pairs = zip(values, clusters, strict=True)
    return [Score(str(i), metric, value, cluster=name) for i, (value, name) in enumerate(pairs)]


def _macro_f1(sums: Any) -> Any:
    tp, fp, fn, tn = sums.T
    return (2 * tp / (2 * tp + fp + fn) + 2 * tn / (2 * tn + fp + fn)) / 2


def sentences(count: int) -> tuple[list[str], list[str]]:
    """Hypotheses and references of 25 words that share about two thirds of them."""
    rng = random.Random(0)
    words = [f"word{index}" for index in range(2000)]
    references = [[rng.choice(words) for _ in range(25)] for _ in range(count)]
    hypotheses = [
        [word if rng.random() < 0.67 else rng.choice(words) for word in row] for row in references
    ]
    return [" ".join(row) for row in hypotheses], [" ".join(row) for row in references]


def main() -> None:
    """Prints the timings."""
    prepared = scored_samples(100_000, 20_000)
    _, seconds = timed(lambda: [metric.aggregate(rows) for metric, rows in prepared])
    print(f"100,000 samples, 10 metrics (8 clustered means, 2 corpus): {seconds:.2f} s")

    hypotheses, references = sentences(2000)
    bleu = BLEU()
    statistics = np.array(
        bleu._extract_corpus_statistics(hypotheses, [references]), dtype=np.float64
    )
    ours = next(metric for metric in Sacrebleu("13a").metrics if metric.name == "bleu")
    inference, seconds = timed(lambda: infer_bootstrap(statistics, ours.compute))
    low, high = inference.interval(0.95)
    print(f"1,000 BLEU resamples of 2,000 sentences, ours:      {seconds:.2f} s", end="")
    print(f"   {inference.value:.2f} ({low:.2f} to {high:.2f})")

    from sacrebleu.significance import _bootstrap_resample, estimate_ci

    (_, scores), seconds = timed(lambda: _bootstrap_resample(statistics.tolist(), bleu, 1000))
    mean, half = estimate_ci(np.array([each.score for each in scores]))
    print(f"1,000 BLEU resamples of 2,000 sentences, sacrebleu: {seconds:.2f} s", end="")
    print(f"   {mean:.2f} ({mean - half:.2f} to {mean + half:.2f})")


if __name__ == "__main__":
    main()
