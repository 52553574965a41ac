"""Resampling agrees with plain loops, with scipy and with sacrebleu."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.significance import PairedTest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from harness.authoring.metrics import ratio
from harness.stats import compare, resampling
from harness.stats.compare import (
    approximate_randomization,
    holm,
    minimum_detectable_effect,
    paired_bootstrap,
    resamples_needed,
)
from harness.stats.inference import Resampled, StudentT, Unknown
from harness.stats.resampling import bootstrap, infer_bootstrap, resampled_sums

Array = NDArray[np.float64]


def mean_of(sums: Array) -> Array:
    return np.asarray(sums[:, 0] / sums[:, 1])


def counted(values: Array) -> Array:
    return np.stack([values, np.ones(len(values))], axis=1)


def bleu_of(sums: Array) -> Array:
    metric = BLEU()
    return np.array([metric._compute_score_from_stats(row).score for row in sums])


@pytest.fixture(scope="module")
def systems() -> tuple[list[str], list[str], list[str]]:
    rng = np.random.default_rng(5)
    words = np.array([f"w{index}" for index in range(40)])
    references = words[rng.integers(0, 40, (120, 14))]

    def system(noise: float) -> list[str]:
        replaced = rng.random(references.shape) < noise
        return [
            " ".join(row)
            for row in np.where(replaced, words[rng.integers(0, 40, references.shape)], references)
        ]

    return [" ".join(row) for row in references], system(0.30), system(0.34)


def statistics_of(hypotheses: list[str], references: list[str]) -> Array:
    return np.array(BLEU()._extract_corpus_statistics(hypotheses, [references]), dtype=float)


def test_resampled_sums_are_those_of_the_drawn_rows() -> None:
    values = np.random.default_rng(0).random((7, 3))
    rng = np.random.default_rng(11)
    expected = [values[rng.integers(0, 7, 7)].sum(axis=0) for _ in range(5)]
    assert np.allclose(resampled_sums(values, 5, 11), expected)


def test_chunks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random((50, 2))
    whole = resampled_sums(values, 100, 3)
    monkeypatch.setattr(resampling, "_CHUNK", 70)
    assert np.allclose(whole, resampled_sums(values, 100, 3))


def test_the_bootstrap_of_a_mean_agrees_with_scipys() -> None:
    values = np.random.default_rng(1).gamma(2, 1, 2500)  # many: no unseen sample is added
    ours = bootstrap(counted(values), mean_of, resamples=4000)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(2)
    )
    assert ours.value == pytest.approx(values.mean())
    assert ours.stderr == pytest.approx(theirs.standard_error, rel=0.05)
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.01)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.01)
    assert bootstrap(counted(values), mean_of) == bootstrap(counted(values), mean_of)


def test_whole_clusters_are_drawn() -> None:
    rng = np.random.default_rng(2)
    level = np.repeat(rng.random(40), 10)
    clusters = [str(index // 10) for index in range(400)]
    alone = bootstrap(counted(level), mean_of)
    together = bootstrap(counted(level), mean_of, clusters)
    assert together.stderr > 2.5 * alone.stderr
    assert "40 clusters" in together.method


def test_undefined_resamples_are_counted_and_too_many_give_no_interval() -> None:
    rare = np.zeros((200, 2))
    rare[:3, 0] = 1
    rare[:5, 1] = 1  # share among five: undefined where none of the five is drawn

    def share(sums: Array) -> Array:
        with np.errstate(invalid="ignore"):
            return np.asarray(sums[:, 0] / sums[:, 1])

    few = infer_bootstrap(rare, share)
    assert isinstance(few, Resampled)
    assert "resamples undefined" in few.method
    rare[2:5, 1] = 0
    rare[2, 0] = 0
    many = infer_bootstrap(rare, share)
    assert isinstance(many, Unknown)
    assert many.value == 1
    assert "undefined" in many.method


@pytest.mark.parametrize("n", [10, 60, 3000])
def test_statistics_that_never_vary_prove_nothing(n: int) -> None:
    assert isinstance(infer_bootstrap(np.ones((n, 2)), mean_of), Unknown)


def test_pairs_that_are_all_equal_still_leave_room() -> None:
    values = counted(np.random.default_rng(3).random(80))
    inference, _ = paired_bootstrap(values, values, mean_of)
    low, high = inference.interval(0.95)
    # One unseen pair at its worst weighs 3.7/80 with 97.5 %.
    assert -0.06 < low < -0.02 < 0.02 < high < 0.06


def test_an_unseen_positive_keeps_a_rare_class_open() -> None:
    # Both systems find 5 of 6 positives among 120: none was lost, one in six could be.
    rows = np.array([[1.0, 0, 0, 0]] * 5 + [[0, 0, 1.0, 0]] + [[0, 0, 0, 1.0]] * 114)

    def recall(sums: Array) -> Array:
        return ratio(sums[:, 0], sums[:, 0] + sums[:, 2])

    inference, _ = paired_bootstrap(rows, rows, recall)
    assert inference.interval(0.9)[0] < -0.2
    assert inference.above(-0.1) > 0.05


def test_chance_is_taken_off_what_it_raises() -> None:
    class Size:
        def __call__(self, sums: Array) -> Array:
            return np.maximum(0.0, self.plain(sums) - self.noise(sums))

        def plain(self, sums: Array) -> Array:
            return np.abs(sums[:, 0] / sums[:, 1])

        def noise(self, sums: Array) -> Array:
            return np.sqrt(2 / np.pi / sums[:, 1])

    rng = np.random.default_rng(0)
    shown = [
        infer_bootstrap(counted(rng.normal(size=100)), Size(), seed=seed).above(0.0) <= 0.05
        for seed in range(100)
    ]
    assert sum(shown) <= 10
    found = bootstrap(counted(rng.normal(size=100)), Size())
    assert found.low == 0 <= found.value < found.high
    assert isinstance(infer_bootstrap(counted(rng.normal(size=19)), Size()), Unknown)
    assert infer_bootstrap(counted(rng.normal(1, 1, size=100)), Size()).above(0.3) < 0.05


def test_enough_resamples_leave_many_rules_decidable() -> None:
    assert resamples_needed(1, 0.05) == 1000
    assert resamples_needed(46, 0.05) == 18_400
    assert 46 / (resamples_needed(46, 0.05) + 1) <= 0.05 / 20


def test_paired_bootstrap_is_sacrebleus(systems: tuple[list[str], list[str], list[str]]) -> None:
    references, one, other = systems
    test = PairedTest(
        [("a", one), ("b", other)], {"bleu": BLEU()}, [references], test_type="bs", n_samples=1000
    )
    _, scores = test()
    theirs = next(value for key, value in scores.items() if key != "System")[1]
    before, after = statistics_of(one, references), statistics_of(other, references)
    inference, p_value = paired_bootstrap(before, after, bleu_of, seed=12345)
    expected = bleu_of(np.stack([before.sum(axis=0), after.sum(axis=0)]))
    assert inference.value == pytest.approx(expected[1] - expected[0])
    assert expected[1] == pytest.approx(theirs.score)
    # The same seed draws the same resamples, so the p-values are the same number.
    assert p_value == pytest.approx(theirs.p_value, abs=0.002)


def test_randomization_is_sacrebleus(systems: tuple[list[str], list[str], list[str]]) -> None:
    references, one, other = systems
    test = PairedTest(
        [("a", one), ("b", other)], {"bleu": BLEU()}, [references], test_type="ar", n_samples=2000
    )
    _, scores = test()
    theirs = next(value for key, value in scores.items() if key != "System")[1].p_value
    before, after = statistics_of(one, references), statistics_of(other, references)
    ours = approximate_randomization(before, after, bleu_of, trials=2000)
    spread = math.sqrt(2 * theirs * (1 - theirs) / 2000)
    assert ours == pytest.approx(theirs, abs=4 * spread + 0.001)


def test_equal_systems_are_not_called_different() -> None:
    values = counted(np.random.default_rng(3).random(80))
    inference, p_value = paired_bootstrap(values, values, mean_of)
    assert inference.value == 0
    assert p_value == 1
    assert approximate_randomization(values, values, mean_of, trials=200) == 1


def test_randomization_is_exact_for_the_mean_difference() -> None:
    before = np.zeros(8)
    after = np.array([1.0, 1, 1, 1, 1, 1, 1, -1])
    p_value = approximate_randomization(counted(before), counted(after), mean_of, trials=20_000)
    # |sum of signs| ≥ 6 of 8: 2·(1 + 8) of 256 sign patterns.
    assert p_value == pytest.approx(18 / 256, abs=0.006)


def test_whole_clusters_are_swapped() -> None:
    before = np.zeros(40)
    after = np.ones(40)
    clusters = [str(index // 10) for index in range(40)]
    p_value = approximate_randomization(
        counted(before), counted(after), mean_of, clusters, trials=4000
    )
    assert p_value == pytest.approx(2 / 16, abs=0.02)  # four clusters: 16 patterns, 2 as extreme


@settings(deadline=None, max_examples=12)  # statsmodels takes 0.2 s for each
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_statsmodels(p_values: list[float]) -> None:
    expected = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(list(expected), abs=1e-12)


def test_holm_of_nothing_is_nothing() -> None:
    assert holm([]) == []


def test_the_detectable_effect_is_detected_four_times_in_five() -> None:
    effect = minimum_detectable_effect(StudentT(0.0, 0.01, math.inf, ""))
    assert effect == pytest.approx((1.959964 + 0.841621) * 0.01, rel=1e-5)
    estimates_drawn = np.random.default_rng(0).normal(-effect, 0.01, 20_000)
    found = np.abs(estimates_drawn / 0.01) > 1.959964
    assert found.mean() == pytest.approx(0.8, abs=0.01)


def test_the_detectable_effect_is_not_zero_where_nothing_differs() -> None:
    zeros = np.zeros(100)
    assert minimum_detectable_effect(compare.infer_paired(zeros, zeros)) > 0.02
