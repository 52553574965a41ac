"""Tests call equal systems different no more often than they say."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

REPEATS = 600
SPREAD = 0.027  # three standard errors of a share of 5 % among 600


@pytest.fixture(scope="module")
def simulation(root: Path) -> ModuleType:
    path = root / "benchmarks" / "false_alarms.py"
    specification = importlib.util.spec_from_file_location("false_alarms", path)
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules["false_alarms"] = module
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name",
    [
        "A/A, 0/1: exact McNemar",
        "A/A, numbers: paired t",
        "A/A, 0/1 in clusters: score test",
        "A/A, macro F1: randomization",
        "gate at the margin, 0/1",
        "gate at the margin, numbers",
    ],
)
def test_false_alarms_stay_below_alpha(simulation: ModuleType, name: str) -> None:
    test = next(each for each in simulation.tests() if each.name == name)
    assert simulation.false_alarms(test, REPEATS) <= 0.05 + SPREAD
