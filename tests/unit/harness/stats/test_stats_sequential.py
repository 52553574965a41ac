"""The betting tests keep their promises, in simulation and by construction."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats.sequential import Bettor, SequentialTest, confidence_sequence


@pytest.fixture(scope="module")
def simulation(root: Path) -> ModuleType:
    return load(root / "benchmarks" / "sequential_gate.py")


def load(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    return module


def by_hand(values: list[float], m: float, population: int | None) -> list[float]:
    """The capital after each value, in plain numbers, as the formulas are written down."""
    capital, seen, capitals = 1.0, [], []
    spread = 0.25
    for index, x in enumerate(values, start=1):
        bound = m
        if population is not None:
            bound = (population * m - sum(seen)) / (population - index + 1)
        mean = (0.5 + sum(seen)) / index
        g = mean - bound
        bet = min(max(g / (spread / index + g * g), 0.0), 0.5 / bound)
        capital *= 1 + bet * (x - bound)
        seen.append(x)
        spread += (x - (0.5 + sum(seen)) / (index + 1)) ** 2
        capitals.append(capital)
    return capitals


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=30),
    st.floats(0.2, 0.6),
    st.booleans(),
)
def test_the_capital_is_the_formulas(values: list[float], m: float, finite: bool) -> None:
    population = len(values) + 200 if finite else None
    bettor = Bettor(m, 0.05, population)
    for value, expected in zip(values, by_hand(values, m, population), strict=True):
        bettor.update(value)
        assert np.exp(bettor._log_capital) == pytest.approx(expected, rel=1e-9)


def test_rejection_is_for_good() -> None:
    bettor = Bettor(0.5, 0.05)
    for value in [1.0] * 30 + [0.0] * 200:
        bettor.update(value)
    assert bettor.rejected


@pytest.mark.parametrize("discordance", [0.04, 0.1, 0.3])
@pytest.mark.parametrize("replace", [True, False])
def test_false_alarms_at_the_margin_stay_below_alpha(
    simulation: ModuleType, discordance: float, replace: bool
) -> None:
    differences = simulation.benchmark_differences(400, 0.02, discordance)
    draw = simulation.drawn if replace else simulation.permuted
    outcome = simulation.gate(draw(differences, 3000, 7), 0.02, 0.05, None if replace else 400)
    # Three standard errors of a share of 5 % above it would still be 6.2 %.
    assert outcome.block <= 0.05
    assert outcome.passed <= 0.05


def test_a_peeked_at_z_test_alarms_several_times_as_often(simulation: ModuleType) -> None:
    differences = simulation.benchmark_differences(1000, 0.02, 0.1)
    assert simulation.peeking(simulation.drawn(differences, 2000, 5), 0.02, 0.05) > 0.2


@pytest.mark.parametrize(
    ("drop", "verdict", "samples"),
    [(0.08, "block", 170), (0.06, "block", 300), (0.04, "block", 570), (0.0, "pass", 600)],
)
def test_samples_needed(simulation: ModuleType, drop: float, verdict: str, samples: int) -> None:
    differences = simulation.benchmark_differences(1000, drop, 0.1)
    outcome = simulation.gate(simulation.permuted(differences, 1500, 3), 0.02, 0.05, 1000)
    assert (outcome.block if verdict == "block" else outcome.passed) > 0.99
    assert outcome.samples == pytest.approx(samples, rel=0.07)


def test_at_the_exact_margin_nothing_is_saved(simulation: ModuleType) -> None:
    differences = simulation.benchmark_differences(1000, 0.02, 0.1)
    outcome = simulation.gate(simulation.permuted(differences, 500, 3), 0.02, 0.05, 1000)
    assert outcome.samples > 930


def test_equal_runs_never_block(simulation: ModuleType) -> None:
    outcome = simulation.gate(np.zeros((1, 400)), 0.02, 0.05, 400)
    assert outcome.block == 0
    assert outcome.passed == 1


def test_false_alarms_of_an_unchanged_model_stay_below_alpha(simulation: ModuleType) -> None:
    differences = simulation.benchmark_differences(300, 0.0, 0.2)
    outcome = simulation.gate(simulation.drawn(differences, 2000, 9), 0.0, 0.05, None)
    assert outcome.block <= 0.05


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=60), st.floats(0, 0.4))
def test_the_whole_benchmark_decides_unless_it_lies_on_the_margin(
    values: list[float], margin: float
) -> None:
    test = SequentialTest.of_difference(margin, 1e-9, len(values))
    for value in values:
        test.update(value)
    gap = sum(values) / len(values) + margin
    expected = None if abs(gap) < 1e-9 else "pass" if gap > 0 else "block"
    assert test.decision == expected


@settings(deadline=None, max_examples=60)
@given(st.permutations([-1.0] * 3 + [1.0] * 2 + [0.0] * 45))
def test_rounding_at_the_margin_decides_nothing(values: list[float]) -> None:
    test = SequentialTest.of_difference(0.02, 1e-9, 50)  # the mean is −1/50, the margin itself
    for value in values:
        test.update(value)
    assert test.decision is None


def test_a_mirrored_benchmark_gives_the_mirrored_decision() -> None:
    values = np.random.default_rng(1).choice([-1.0, 0.0, 0.0, 1.0], 200)
    values[:120] -= 0.0
    forward, backward = (
        SequentialTest(0.0, 0.05, None, -1, 1),
        SequentialTest(0.0, 0.05, None, -1, 1),
    )
    for value in [*values, *[1.0] * 60]:
        decision = forward.update(value)
        mirrored = backward.update(-value)
        assert (decision, mirrored) in {(None, None), ("pass", "block"), ("block", "pass")}
    assert forward.decision == "pass"


def test_what_is_unknown_speaks_for_neither_side() -> None:
    test = SequentialTest.of_difference(0.1, 0.05, 300)
    for _ in range(300):
        test.update(-1.0, 1.0)
    assert test.decision is None
    known, partly = (SequentialTest.of_difference(0.1, 0.05, 300) for _ in range(2))
    taken = []
    for test, ends in ((known, (0.0, 0.0)), (partly, (-0.2, 0.2))):
        seen = 0
        while test.decision is None and seen < 300:
            seen += 1
            test.update(*(ends if seen % 10 == 0 else (0.0, 0.0)))
        taken.append(seen)
    assert known.decision == "pass"
    assert taken[1] > taken[0]


def test_an_impossible_bound_is_decided_at_once() -> None:
    assert SequentialTest(1.2, 0.05, 10).update(1.0) == "block"
    assert SequentialTest(-0.1, 0.05, 10).update(0.0) == "pass"


def test_more_values_than_the_population_are_refused() -> None:
    test = SequentialTest(0.5, 0.05, 2)
    test.update(1.0)
    test.update(0.0)
    with pytest.raises(ValueError, match="population of 2"):
        test.update(1.0)


def test_confidence_sequences_hold_the_mean_at_every_look() -> None:
    rng = np.random.default_rng(4)
    missed = 0
    for _ in range(40):
        population = rng.beta(1, 2, 120)
        values = rng.permutation(population).tolist()
        for seen in (10, 40, 80):
            low, high = confidence_sequence(values[:seen], values[:seen], 0.05, 120)
            if not low <= population.mean() <= high:
                missed += 1
                break
    assert missed <= 6  # 10 % are allowed: four of forty, and chance


def test_the_sequence_shrinks_to_the_mean_of_the_whole_benchmark() -> None:
    values = np.random.default_rng(4).beta(1, 2, 80).tolist()
    low, high = confidence_sequence(values, values, 0.05, 80)
    assert low <= np.mean(values) <= high
    assert high - low < 0.002
    assert confidence_sequence([0.5], [0.5], 0.05, None, -1.0, 1.0) == (-1.0, 1.0)
