"""What chance alone raises is not taken for real, and nothing real is taken for chance."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from harness.stats.compare import simultaneous
from harness.stats.raised import debiased_range

FALSE, HELD = 0.06, 0.935
"""Set before anything is run: false gaps, and coverage from n = 50 on."""


@pytest.fixture(scope="module")
def simulation(root: Path) -> ModuleType:
    path = root / "benchmarks" / "raised_by_chance.py"
    specification = importlib.util.spec_from_file_location("raised_by_chance", path)
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules["raised_by_chance"] = module
    specification.loader.exec_module(module)
    return module


def check(simulation: ModuleType, name: str, repeats: int) -> None:
    draw = dict(simulation.cells())[name]
    found = simulation.outcome(draw, repeats)
    spread = 3 * math.sqrt(0.05 * 0.95 / repeats)
    assert found.held >= HELD - spread, name
    if "none" in name:
        assert found.above_zero <= FALSE + spread, name
        few = "2 groups" in name or "opposed" in name  # two say little of how they vary
        assert found.debiased <= (0.6 if few else 0.4) * found.plain, name


@pytest.mark.parametrize(
    "name",
    ["gap none, 10 groups, n 50", "gap .2, opposed, n 50", "spread none, 5 variants, n 50",
     "ECE none, n 200", "ECE overconfident, n 200"],
)  # fmt: skip
def test_in_short(simulation: ModuleType, name: str) -> None:
    check(simulation, name, 60)


@pytest.mark.slow
def test_in_full(simulation: ModuleType) -> None:
    for name, _ in simulation.cells():
        check(simulation, name, 500)


def test_all_pairs_hold_at_once() -> None:
    """Tukey's table: the studentized range of 3 and 10 groups at 5 % is 3.314 and 4.474."""
    from scipy.special import ndtri

    for groups, table in ((2, 2.772), (3, 3.314), (10, 4.474)):
        critical = -float(ndtri((1 - simultaneous(groups, 0.95)) / 2))
        assert critical * math.sqrt(2) == pytest.approx(table, abs=1e-3)


def test_a_range_far_above_its_noise_is_left_as_it_is() -> None:
    errors = np.random.default_rng(0).normal(size=(2000, 4))
    value, noise = debiased_range(np.array([0.0, 50.0, 50.0, 100.0]), errors)
    assert value == pytest.approx(100, abs=0.1)
    assert noise == pytest.approx(2.06, abs=0.05)  # the range of four normal draws
    assert debiased_range(np.array([0.0, 1.0, 1.0, 2.0]), errors)[0] < 0.1
    assert debiased_range(np.zeros(3), errors[:, :3])[0] == 0
