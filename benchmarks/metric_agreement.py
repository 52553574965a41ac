"""Coverage of the intervals of ``harness metric-eval``: correlations of normal and 0/1 labels.

    python benchmarks/metric_agreement.py [--times 300]

Prints, for each n and true correlation, how many of the 95 % intervals hold the truth.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter

import numpy as np

from harness.stats.correlation import AreaUnderCurve, Kendall, Pearson
from harness.stats.weighted import infer_weighted


def truths(rho: float) -> dict[str, float]:
    """Of a bivariate normal distribution with correlation ``rho``, y also cut at its median."""
    return {
        "pearson": rho,
        "spearman": 6 / math.pi * math.asin(rho / 2),
        "kendall": 2 / math.pi * math.asin(rho),
        "point-biserial": rho * math.sqrt(2 / math.pi),
        "auroc": 0.5 + 2 * math.asin(rho / math.sqrt(2)) / math.pi,
    }


def main() -> None:
    """Simulates and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=300)
    times = parser.parse_args().times
    print(f"Monte Carlo: standard error {math.sqrt(0.95 * 0.05 / times):.3f} at a share of 0.95")
    for n in (20, 25, 50, 100, 300):
        for rho in (0.0, 0.5, 0.9):
            hits: Counter[str] = Counter()
            for seed in range(times):
                rng = np.random.default_rng([seed, n])
                x = rng.normal(size=n)
                y = rho * x + math.sqrt(1 - rho * rho) * rng.normal(size=n)
                computes = {
                    "pearson": Pearson(x, y),
                    "spearman": Pearson(x, y, ranked=True),
                    "kendall": Kendall(x, y),
                    "point-biserial": Pearson(x, (y > 0).astype(np.float64)),
                    "auroc": AreaUnderCurve(x, y > 0),
                }
                for name, compute in computes.items():
                    low, high = infer_weighted(compute, n, resamples=500).interval(0.95)
                    hits[name] += low <= truths(rho)[name] <= high
            told = "  ".join(f"{name} {hits[name] / times:.3f}" for name in truths(rho))
            print(f"n {n:3d}  rho {rho:.1f}  {told}", flush=True)


if __name__ == "__main__":
    main()
