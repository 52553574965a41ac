"""Intervals and p-values agree with each other, with scipy and with statsmodels."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.proportion import proportion_confint

from harness.stats import estimates
from harness.stats.bounded import BoundedMean, Units
from harness.stats.compare import infer_paired, mcnemar, two_sided
from harness.stats.estimates import infer_mean
from harness.stats.inference import Resampled, Share, StudentT, Unknown, decisive, wilson
from harness.stats.resampling import infer_bootstrap
from harness.types import Estimate

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
    rows = [*pairs, (2.0, 3.5), (2.0, 2.1)] * 700
    before, after = (np.array(each) for each in zip(*rows, strict=True))
    inference = infer_paired(before, after)
    if not isinstance(inference, StudentT):
        return  # one unseen pair could count for more than the spread of these
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


@settings(deadline=None)
@given(st.integers(1, 300), st.floats(0, 1), st.floats(0.5, 0.999))
def test_the_exact_interval_of_a_share_is_clopper_and_pearsons(
    n: int, share: float, confidence: float
) -> None:
    count = round(share * n)
    exact = decisive(infer_mean([1.0] * count + [0.0] * (n - count)))
    expected = stats.binomtest(count, n).proportion_ci(confidence, method="exact")
    assert exact.interval(confidence) == pytest.approx(tuple(expected), abs=1e-5)
    for bound in (0.1, 0.5, 0.97):
        below = stats.binomtest(count, n, bound, alternative="less").pvalue
        assert exact.below(bound) == pytest.approx(below, rel=1e-3, abs=1e-9)


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 200), st.floats(0.6, 0.99))
def test_paired_shares_get_mcnemars_test_and_the_interval_that_inverts_it(
    gained: int, lost: int, same: int, confidence: float
) -> None:
    n = gained + lost + same
    if n == 0:
        return
    before = np.array([0.0] * gained + [1.0] * lost + [1.0] * same)
    after = np.array([1.0] * gained + [0.0] * lost + [1.0] * same)
    inference = infer_paired(before, after)
    assert two_sided(inference) == pytest.approx(mcnemar(gained, lost), abs=1e-6)
    low, high = inference.interval(confidence)
    assert -1 <= low <= inference.value <= high <= 1
    assert low < high  # even where no pair differs
    mirrored = infer_paired(after, before).interval(confidence)
    assert mirrored == pytest.approx((-high, -low), abs=1e-6)


def bounded(
    totals: NDArray[np.float64],
    bounds: tuple[float, float],
    sizes: NDArray[np.float64] | None = None,
) -> BoundedMean:
    units = Units.of(totals, sizes)
    return BoundedMean(units.mean, 0.0, units, bounds, "")


def _several() -> list[StudentT | Share | Resampled | BoundedMean]:
    replicates = np.sort(np.random.default_rng(0).normal(0.4, 0.1, 1000))
    return [
        StudentT(0.4, 0.1, 12, ""),
        StudentT(0.4, 0.1, NORMAL, ""),
        Share(0.4, 0.05, 90, NORMAL, ""),
        Share(0.4, 0.05, 80.5, 14, ""),
        bounded(np.repeat([-1.0, 0.0, 1.0], [8, 32, 40]), (-1, 1)),
        bounded(np.random.default_rng(0).beta(2, 2, 150), (-1, 1)),
        bounded(np.array([3.0, 1.0, 0.0, 2.5]), (0, 1), np.array([4.0, 2.0, 3.0, 4.0])),
        Resampled(0.4, replicates, 60, ""),
    ]


@pytest.mark.parametrize("inference", _several(), ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_a_test_rejects_exactly_what_the_interval_leaves_out(
    inference: StudentT | Share | Resampled | BoundedMean, alpha: float
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
    values = [1.0] * 150 + [0.0] * 150
    alone = infer_mean(values)
    together = infer_mean(values, [str(index // 5) for index in range(300)])
    assert isinstance(together, Share)
    # Clusters agree wholly: sixty clusters are worth about sixty samples.
    assert together.size == pytest.approx(59, abs=0.1)
    assert np.diff(together.interval(0.95)) > 2 * np.diff(alone.interval(0.95))


def test_independent_clusters_change_nothing() -> None:
    values = np.random.default_rng(0).random(40)
    alone = estimates.mean(values)
    assert estimates.mean(values, [None] * 40) == alone
    assert estimates.mean(values, [str(index) for index in range(40)]) == alone


def test_an_interval_does_not_leave_what_a_mean_can_be() -> None:
    for values in ([0.0, 0.0, 0.0, 0.9], [0.3, 0.3, 0.3, 0.3]):
        found = estimates.mean(values, bounds=(0.0, 1.0))
        assert 0 <= found.low < found.value < found.high < 1
        assert found.high - found.low > 0.5  # four values say little, even if they agree
    change = infer_paired([0.2, 0.3, 0.9], [0.1, 0.35, 0.2])
    low, high = change.interval(0.99)
    assert -1 < low < -0.85 and 0.6 < high < 1


def test_one_pair_that_differs_a_little_proves_nothing_more_than_none() -> None:
    before = np.full(50, 0.6)
    after = np.where(np.arange(50) == 7, 0.61, before)
    none, one = infer_paired(before, before), infer_paired(before, after)
    assert none.interval(0.9) == pytest.approx(one.interval(0.9), abs=1e-3)
    # A collapse of one in fifty is as likely as not to be unseen among fifty.
    assert one.above(-0.02) > 0.3


def test_scores_without_known_bounds_are_held_by_what_both_runs_scored() -> None:
    before = np.random.default_rng(0).uniform(20, 90, 50)
    inference = infer_paired(before, before + 0.01)
    width = before.max() + 0.01 - before.min()
    # 0.05^(1/50) of the weight is on what was seen.
    assert inference.interval(0.9)[0] == pytest.approx(
        0.01 - width * (1 - 0.05 ** (1 / 50)), rel=0.01
    )


def test_large_samples_get_students_t() -> None:
    values = np.random.default_rng(0).random(6000)
    inference = infer_mean(values)
    assert isinstance(inference, StudentT)
    error = values.std(ddof=1) / math.sqrt(6000)
    expected = stats.t.interval(0.95, 5999, values.mean(), error)
    assert inference.interval(0.95) == pytest.approx(expected)
    low, high = bounded(values, (0.0, 1.0)).interval(0.95)
    assert (low, high) == pytest.approx(expected, abs=0.1 * error)


def test_few_or_unequal_clusters_leave_little() -> None:
    sizes = [200, *[2] * 60]
    clusters = [str(index) for index, size in enumerate(sizes) for _ in range(size)]
    values = np.random.default_rng(0).random(len(clusters)) * 40
    _, freedom, _ = estimates.clustered_error(values, clusters)
    assert freedom == 1  # the large cluster is all that counts
    assert estimates.effective_clusters(np.full(30, 4.0)) == pytest.approx(30)


def test_equal_values_without_bounds_have_no_interval() -> None:
    assert isinstance(infer_mean([7.0] * 5), Unknown)
    assert isinstance(infer_mean([7.0] * 500), Unknown)
    assert isinstance(infer_paired([7.0] * 5, [7.0] * 5), Unknown)


def test_heavy_tails_are_held_by_the_values_seen() -> None:
    rng = np.random.default_rng(3)
    truth, missed = math.exp(0.5), {"t": 0, "held": 0}
    for _ in range(300):
        values = rng.lognormal(0, 1, 50)
        inference = infer_mean(values)
        low, high = stats.t.interval(0.95, 49, values.mean(), values.std(ddof=1) / math.sqrt(50))
        missed["t"] += not low <= truth <= high
        missed["held"] += min(inference.below(truth), inference.above(truth)) < 0.025
    assert missed["held"] < 0.09 * 300 < missed["t"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_named(value: float) -> None:
    for inference in (
        infer_mean([0.5, value, 0.1]),
        infer_mean([0.5, value, 0.1], ["a", "a", "b"]),
        infer_paired([0.5, value, 0.1], [0.5, 0.2, 0.1]),
    ):
        assert isinstance(inference, Unknown)
        assert math.isnan(inference.value)
        assert f"value 2 of {'6' if 'paired' in inference.method else '3'} is" in inference.method


def test_a_reported_share_keeps_its_exact_test() -> None:
    none = estimates.from_estimate(estimates.mean([0.0] * 10))
    exact = decisive(none)
    assert exact.below(0.01) == pytest.approx(0.99**10, abs=1e-6)  # 0 of 10 shows nothing
    labelled = replace(estimates.mean([0.0] * 10), method="changed predictions; mean, Wilson")
    assert decisive(estimates.from_estimate(labelled)).below(0.01) > 0.9


def test_a_reported_interval_stays_as_it_was() -> None:
    reported = estimates.mean([0.1, 0.9, 0.4, 0.4, 0.6])
    rebuilt = estimates.from_estimate(reported)
    assert rebuilt.interval(0.95) == pytest.approx((reported.low, reported.high))
    assert rebuilt.above(reported.low) == pytest.approx(0.025)
    assert rebuilt.below(reported.high) == pytest.approx(0.025)
    other = estimates.mean([0.1, 0.9, 0.4, 0.4, 0.6], confidence=0.8)
    assert estimates.from_estimate(other).below(other.high) == pytest.approx(0.1)
    unknown = Estimate(0.3, 0.0, 0.3, 0.3, 9, "anything")
    assert isinstance(estimates.from_estimate(unknown), Unknown)
