"""Intervals and p-values agree with each other, with scipy and with statsmodels."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.proportion import proportion_confint

from harness.stats import estimates
from harness.stats.compare import infer_paired, mcnemar, two_sided
from harness.stats.estimates import infer_bootstrap, infer_mean
from harness.stats.inference import PairedShares, Resampled, Share, StudentT, Unknown, wilson

NORMAL = math.inf
numbers = st.lists(st.floats(-5, 5, allow_subnormal=False), min_size=3, max_size=40)


@settings(deadline=None)
@given(st.integers(1, 500), st.floats(0, 1), st.floats(0.5, 0.999))
def test_wilson_is_statsmodels(n: int, share: float, confidence: float) -> None:
    count = round(share * n)
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    expected = proportion_confint(count, n, 1 - confidence, method="wilson")
    assert wilson(count / n, n, z) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(numbers)
def test_the_mean_of_numbers_is_scipys_t_test(values: list[float]) -> None:
    values = [*values, 7.25]  # not all equal, not all 0 or 1
    inference = infer_mean(values)
    expected = stats.ttest_1samp(values, 0.4)
    low, high = expected.confidence_interval(0.9)
    assert inference.interval(0.9) == pytest.approx((low, high), abs=1e-9)
    assert two_sided(inference, 0.4) == pytest.approx(expected.pvalue, abs=1e-9)
    assert inference.below(0.4) == pytest.approx(
        stats.ttest_1samp(values, 0.4, alternative="less").pvalue, abs=1e-9
    )


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=3, max_size=30))
def test_paired_numbers_are_scipys_paired_t_test(pairs: list[tuple[float, float]]) -> None:
    before, after = (np.array(each) for each in zip(*[*pairs, (2.0, 3.5), (2.0, 2.1)], strict=True))
    inference = infer_paired(before, after)
    expected = stats.ttest_rel(after, before)
    assert inference.interval(0.95) == pytest.approx(
        tuple(expected.confidence_interval(0.95)), abs=1e-8
    )
    assert two_sided(inference) == pytest.approx(expected.pvalue, abs=1e-8)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.floats(-3, 3)), min_size=4, max_size=60))
def test_clustered_errors_are_statsmodels(rows: list[tuple[int, float]]) -> None:
    rows = [*rows, (0, 0.25), (1, 0.5), (1, 2.0)]
    clusters = [str(cluster) for cluster, _ in rows]
    values = np.array([value for _, value in rows])
    fitted = OLS(values, np.ones(len(values))).fit()
    n = len(values)
    robust = fitted.get_robustcov_results("cluster", groups=np.array([c for c, _ in rows]))
    # statsmodels also multiplies by (n − 1)/(n − 1 parameter) = 1: the same correction.
    stderr, freedom, count = estimates.clustered_error(values, clusters)
    assert stderr == pytest.approx(float(robust.bse[0]), rel=1e-7, abs=1e-12)
    assert count == len(set(clusters))
    assert 1 <= freedom <= n


def test_freedom_is_one_less_than_equal_clusters() -> None:
    rng = np.random.default_rng(0)
    clusters = [str(index // 4) for index in range(80)]
    _, freedom, count = estimates.clustered_error(rng.random(80), clusters)
    assert count == 20
    assert freedom == pytest.approx(19)


def test_one_large_cluster_leaves_little_freedom() -> None:
    clusters = ["large"] * 90 + [str(index) for index in range(10)]
    agreeing = np.array([0.8] * 90 + [0.1, 0.3] * 5)
    _, freedom, count = estimates.clustered_error(agreeing, clusters)
    assert count == 11
    assert freedom < 3


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_statsmodels(gained: int, lost: int) -> None:
    expected = reference_mcnemar([[5, gained], [lost, 9]], exact=True).pvalue
    assert mcnemar(gained, lost) == pytest.approx(min(1.0, expected), abs=1e-12)


@pytest.mark.parametrize(
    ("gained", "lost", "n", "confidence", "expected"),
    [
        # Airway hyper-responsiveness: Fagerland, Lydersen & Laake 2014, Stat. Med. 33:2850.
        (1, 7, 21, 0.95, (-0.517, -0.026)),
        # What the R package PropCIs gives for scoreci.mp(25, 28, 618, 0.90).
        (28, 25, 618, 0.90, (-0.0148, 0.0247)),
    ],
)
def test_tango_gives_the_published_intervals(
    gained: int, lost: int, n: int, confidence: float, expected: tuple[float, float]
) -> None:
    interval = PairedShares(gained, lost, n, NORMAL, "").interval(confidence)
    assert interval == pytest.approx(expected, abs=6e-4)


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 200), st.floats(0.6, 0.99))
def test_tango_bounds_solve_their_own_score_test(
    gained: int, lost: int, same: int, confidence: float
) -> None:
    n = gained + lost + same
    if n == 0:
        return
    inference = PairedShares(gained, lost, n, NORMAL, "")
    low, high = inference.interval(confidence)
    tail = (1 - confidence) / 2
    assert -1 <= low <= inference.value <= high <= 1
    assert low < high  # even where no pair differs
    if low > -1 + 1e-6:
        assert inference.above(low) == pytest.approx(tail, abs=1e-4)
    if high < 1 - 1e-6:
        assert inference.below(high) == pytest.approx(tail, abs=1e-4)
    mirrored = PairedShares(lost, gained, n, NORMAL, "").interval(confidence)
    assert mirrored == pytest.approx((-high, -low), abs=1e-9)


def _several() -> list[StudentT | Share | Resampled | PairedShares]:
    replicates = np.sort(np.random.default_rng(0).normal(0.4, 0.1, 1000))
    return [
        StudentT(0.4, 0.1, 12, ""),
        StudentT(0.4, 0.1, NORMAL, ""),
        Share(0.4, 0.05, 90, NORMAL, ""),
        Share(0.4, 0.05, 80.5, 14, ""),
        PairedShares(40, 8, 80, NORMAL, ""),
        PairedShares(40.5, 8.25, 80.2, 11, ""),
        Resampled(0.4, replicates, 60, ""),
    ]


@pytest.mark.parametrize("inference", _several(), ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_a_test_rejects_exactly_what_the_interval_leaves_out(
    inference: StudentT | Share | Resampled | PairedShares, alpha: float
) -> None:
    low, high = inference.interval(1 - 2 * alpha)
    # A bootstrap's levels are steps of one replicate.
    step = 0.04 if isinstance(inference, Resampled) else 1e-6
    assert inference.above(low - step) < alpha < inference.above(low + step)
    assert inference.below(high + step) < alpha < inference.below(high - step)


@pytest.mark.parametrize("inference", _several(), ids=lambda each: type(each).__name__)
def test_p_values_rise_with_the_bound(inference: StudentT | Share | Resampled) -> None:
    bounds = np.linspace(-1.2, 1.2, 60)
    below = [inference.below(bound) for bound in bounds]
    above = [inference.above(bound) for bound in bounds]
    assert below == sorted(below, reverse=True)
    assert above == sorted(above)
    assert all(0 <= each <= 1 for each in below + above)


def test_too_little_data_proves_nothing() -> None:
    for inference in (
        infer_mean([]),
        infer_mean([0.3]),
        infer_mean([0.5, 0.7], ["a", "a"]),
        infer_paired([], []),
        infer_paired([0.2], [0.9]),
        infer_bootstrap(np.ones((1, 1)), lambda sums: sums[:, 0]),
        infer_bootstrap(np.ones((0, 1)), lambda sums: sums[:, 0]),
    ):
        assert isinstance(inference, Unknown)
        assert inference.below(99) == inference.above(-99) == 1.0
        assert all(math.isnan(bound) for bound in inference.interval(0.95))


def test_three_equal_answers_are_no_proof() -> None:
    low, high = infer_paired([1.0, 0.5, 0.0], [1.0, 0.5, 0.0]).interval(0.95)
    assert low < -0.5 and high > 0.5
    low, high = infer_mean([1.0, 1.0, 1.0]).interval(0.95)
    assert low < 0.6 and high == 1


def test_clusters_widen_the_interval_of_a_share() -> None:
    values = [1.0] * 50 + [0.0] * 50
    alone = infer_mean(values)
    together = infer_mean(values, [str(index // 5) for index in range(100)])
    assert isinstance(together, Share)
    # Clusters agree wholly: twenty clusters are worth about twenty samples.
    assert together.size == pytest.approx(19, abs=0.1)
    assert np.diff(together.interval(0.95)) > 2 * np.diff(alone.interval(0.95))


def test_independent_clusters_change_nothing() -> None:
    values = np.random.default_rng(0).random(40)
    assert infer_mean(values, [None] * 40) == infer_mean(values)
    assert infer_mean(values, [str(index) for index in range(40)]) == infer_mean(values)


def test_an_interval_does_not_leave_what_a_mean_can_be() -> None:
    values = [0.0, 0.0, 0.0, 0.9]
    free = estimates.mean(values)
    bounded = estimates.mean(values, bounds=(0.0, 1.0))
    assert free.low < 0 < free.high
    assert (bounded.low, bounded.high) == (0.0, free.high)
    # What a gate asks does not change: the same p-values on both sides.
    one, other = infer_mean(values), infer_mean(values, bounds=(0.0, 1.0))
    assert one.above(0.1) == other.above(0.1)
    assert one.below(0.8) == other.below(0.8)
