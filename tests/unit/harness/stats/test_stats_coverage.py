"""Intervals hold the truth as often as they say; the benchmark repeats this at full length."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

REPEATS = 1000
SPREAD = 0.0207  # three standard errors of a share of 95 % among 1,000


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    path = Path(__file__).parents[4] / "benchmarks" / "coverage.py"
    specification = importlib.util.spec_from_file_location("interval_coverage", path)
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules["interval_coverage"] = module
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name",
    [
        "share, n 50 (Wilson)",
        "F1-like scores, n 50",
        "paired 0/1, n 50 (exact)",
        "paired F1-like, n 50",
        "macro F1, n 50 (bootstrap)",
        "macro F1 pairs, n 50 (bootstrap)",
        "perplexity, n 50 (bootstrap)",
        "0/1, 50 equal clusters",
        "0/1, 50 uneven clusters",
        "numbers, 50 equal clusters",
        "numbers, 50 uneven clusters",
        "paired 0/1, 50 uneven clusters",
    ],
)
def test_coverage_is_at_least_a_point_below_nominal(simulation: ModuleType, name: str) -> None:
    setting = next(each for each in simulation.settings() if each.name == name)
    assert simulation.coverage(setting, REPEATS) >= 0.95 - 0.015 - SPREAD
