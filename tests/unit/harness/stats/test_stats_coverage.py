"""Intervals hold the truth as often as they say; the benchmark repeats this at full length."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

REPEATS = 250
SPREAD = 3 * (0.95 * 0.05 / REPEATS) ** 0.5  # three standard errors of a share of 95 %
LEAST, MOST = 0.935, 0.06
"""Set before anything is run: what 95 % intervals must hold, what 5 % tests may be wrong."""


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    path = Path(__file__).parents[4] / "benchmarks" / "coverage.py"
    specification = importlib.util.spec_from_file_location("interval_coverage", path)
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules["interval_coverage"] = module
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path.parent)  # it draws its data in modules beside it
        specification.loader.exec_module(module)
    return module


def keeps(simulation: ModuleType, name: str, repeats: int, spread: float) -> None:
    setting = next(each for each in simulation.settings() if each.name == name)
    found = simulation.outcome(setting, repeats)
    assert found.held >= LEAST - spread
    if "Wilson" not in name:  # which describes; verdicts rest on the exact test
        assert max(found.below, found.above) <= MOST + spread


@pytest.mark.parametrize(
    "name",
    [
        "share, n 50 (Wilson)",
        "exact share near 1, n 10",
        "F1-like scores, n 50",
        "paired 0/1, few differ, n 10",
        "paired F1-like, n 50",
        "rare collapse, n 50",
        "rare collapse 0-100, n 200",
        "win rate with ties, n 20",
        "macro F1 pairs, n 50 (bootstrap)",
        "perplexity, n 50 (bootstrap)",
        "MCC pairs, 5%, n 200",
        "ECE, calibrated, n 50",
        "ECE pairs, one overconfident, n 200",
        "BLEU-like pairs, n 50 (bootstrap)",
        "lognormal, n 50",
        "0/1, 10 pareto clusters",
        "numbers, 50 uneven clusters",
        "paired 0/1, 25 equal clusters",
    ],
)
def test_intervals_hold_and_bounds_are_kept(simulation: ModuleType, name: str) -> None:
    keeps(simulation, name, REPEATS, SPREAD)


NOT_PROMISED = ("share, n 50", "share, n 200")
"""Wilson is jagged in n; verdicts rest on the exact interval."""


@pytest.mark.slow
def test_every_setting_keeps_its_promise(simulation: ModuleType) -> None:
    for setting in simulation.settings():
        if not setting.name.startswith(NOT_PROMISED):
            keeps(simulation, setting.name, 1000, 0.0207)


def test_students_t_would_fail_where_these_hold() -> None:
    """A rare collapse among fifty: what the limits above are there to catch."""
    import numpy as np
    from scipy import stats

    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        before = rng.beta(5, 2, 50)
        noise = rng.normal(0, 0.005, 50)
        after = np.where(rng.random(50) < 0.04, 0.0, np.clip(before + noise, 0, 1))
        test = stats.ttest_1samp(after - before, -0.04 * 5 / 7, alternative="greater")
        wrong += test.pvalue <= 0.05
    assert wrong / 400 > 0.1
