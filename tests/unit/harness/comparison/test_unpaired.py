"""Metrics of which only values and errors are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.comparison import unpaired
from harness.comparison.unpaired import UnpairedMetric
from harness.stats import estimates
from harness.stats.compare import two_sided
from harness.types import DataSource, Estimate, MetricResult, TaskResult

NAN = math.nan


def normal(value: float, stderr: float) -> Estimate:
    return Estimate(value, stderr, value - 1.96 * stderr, value + 1.96 * stderr, 500, "published")


def task(estimate: Estimate, kind: str) -> TaskResult:
    result = MetricResult(estimate, kind=kind)  # type: ignore[arg-type]
    return TaskResult("quiz", "1", 500, 0, DataSource("path", "x"), "0" * 64, {"acc": result})


def test_it_is_the_z_test_of_two_independent_values() -> None:
    found = UnpairedMetric("quiz.acc", normal(0.5, 0.03), normal(0.6, 0.04)).difference()
    assert found.value == pytest.approx(0.1)
    assert found.stderr == pytest.approx(0.05)
    assert found.interval(0.95) == pytest.approx((0.002, 0.198), abs=1e-3)
    assert two_sided(found) == pytest.approx(0.0455, abs=1e-3)


def test_it_is_not_surer_than_the_pairs() -> None:
    rng = np.random.default_rng(1)
    before = (rng.random(300) < 0.6).astype(float)
    after = np.where(rng.random(300) < 0.1, 1 - before, before)
    both = UnpairedMetric("m", estimates.mean(before), estimates.mean(after)).difference()
    from harness.stats.compare import infer_paired

    pairs = infer_paired(before, after)
    assert both.value == pytest.approx(pairs.value)
    widths = [high - low for low, high in (both.interval(0.95), pairs.interval(0.95))]
    assert widths[0] > 1.5 * widths[1]


def test_it_holds_its_level() -> None:
    """Of two equal models one is called better in at most 5 % of the runs, near 0 as well."""
    rng = np.random.default_rng(2)
    for share, n in ((0.5, 200), (0.02, 100), (0.97, 60)):
        wrong = 0
        for hits in rng.binomial(n, share, (600, 2)):
            means = [estimates.mean(np.repeat([0.0, 1.0], [n - hit, hit])) for hit in hits]
            wrong += two_sided(UnpairedMetric("m", *means).difference()) <= 0.05
        assert wrong / 600 < 0.07


def test_without_an_error_nothing_is_shown() -> None:
    bare = Estimate(0.9, NAN, NAN, NAN, 500, "published")
    found = UnpairedMetric("m", normal(0.5, 0.01), bare).difference()
    assert found.value == pytest.approx(0.4)
    assert math.isnan(found.interval(0.95)[0])
    assert two_sided(found) == 1.0
    certain = Estimate(0.9, 0.0, 0.9, 0.9, 500, "published")
    assert two_sided(UnpairedMetric("m", certain, certain).difference()) == 1.0


def test_it_applies_only_where_a_value_was_published() -> None:
    own, theirs = task(normal(0.5, 0.03), "mean"), task(normal(0.5, 0.03), "published")
    assert unpaired.applies((own, theirs), "acc")
    assert unpaired.applies((theirs, own), "acc")
    assert not unpaired.applies((own, own), "acc")
    assert not unpaired.applies((theirs, theirs), "f1")


def test_less_than_a_share_and_distances() -> None:
    metric = UnpairedMetric("m", normal(0.5, 0.01), normal(0.4, 0.01))
    left = metric.less_than_share(0.9)
    assert left.value == pytest.approx(0.4 - 0.45)
    assert left.below(0.0) < 0.001
    away = metric.distance_change(0.5)
    assert away.value == pytest.approx(0.1)
