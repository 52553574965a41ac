"""Accuracy and calibration of choices, worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.authoring.measures.predictions import softmax
from harness_tasks.metrics.choices import BINS, binned, brier, calibration_error, values


def test_length_normalized_accuracies_can_disagree() -> None:
    # sums prefer the short choice; per character and per byte the long ones do
    texts = ["ab", "abcdefgh", "ßßßß"]
    totals = [-2.0, -4.0, -3.0]
    got = [values(totals, texts, right) for right in range(3)]
    assert [row["acc"] for row in got] == [1, 0, 0]
    assert [row["acc_norm"] for row in got] == [0, 1, 0]  # −1, −0.5, −0.75
    assert [row["acc_bytes"] for row in got] == [0, 0, 1]  # −1, −0.5, −0.375


def test_the_first_of_equal_sums_is_the_answer() -> None:
    assert values([-1.0, -1.0], ["x", "y"], 0)["acc"] == 1
    assert values([-1.0, -1.0], ["x", "y"], 1)["acc"] == 0


def test_brier_by_hand() -> None:
    totals = [math.log(0.7), math.log(0.2), math.log(0.1)]
    assert brier(softmax(totals), 0) == pytest.approx(0.3**2 + 0.2**2 + 0.1**2)
    assert values(totals, ["a", "b", "c"], 1)["brier"] == pytest.approx(0.7**2 + 0.8**2 + 0.1**2)


@settings(deadline=None)
@given(st.lists(st.floats(-1e4, 0) | st.just(-math.inf), min_size=1, max_size=6))
def test_softmax_sums_to_one_whatever_the_sums(totals: list[float]) -> None:
    probabilities = softmax(totals)
    assert sum(probabilities) == pytest.approx(1)
    assert all(0 <= p <= 1 for p in probabilities)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 1), st.booleans()), min_size=1, max_size=40))
def test_the_plain_calibration_error_equals_its_definition(
    answers: list[tuple[float, bool]],
) -> None:
    expected = 0.0
    for bin_ in range(BINS):
        inside = [
            (confidence, hit)
            for confidence, hit in answers
            if bin_ / BINS < confidence <= (bin_ + 1) / BINS
        ]
        if inside:
            accuracy = np.mean([hit for _, hit in inside])
            confidence = np.mean([confidence for confidence, _ in inside])
            expected += len(inside) / len(answers) * abs(accuracy - confidence)
    rows = binned(np.array(answers, dtype=np.float64))
    sums = rows.sum(axis=0, keepdims=True)
    assert calibration_error.plain(sums)[0] == pytest.approx(expected, abs=1e-9)
    assert 0 <= calibration_error(sums)[0] <= expected + 1e-9


def test_what_chance_adds_is_taken_off_a_calibration_error() -> None:
    # 100 answers of 0.8 in one bin, 90 right: gap 0.1, error √(0.8·0.2/100) = 0.04, so that the
    # debiased mean square 0.01 − 0.0016 leaves 0.84 of the gap, and E|N(0.084, 0.04²)| = 0.0846.
    rows = binned(np.stack([np.full(100, 0.8), np.arange(100) < 90], axis=1))
    assert calibration_error(rows.sum(axis=0, keepdims=True))[0] == pytest.approx(0.0994, abs=2e-4)


def test_calibration_error_of_a_sure_and_wrong_answer_is_one() -> None:
    assert calibration_error(binned(np.array([[1.0, 0.0]])))[0] == 1
    assert math.isnan(calibration_error(np.zeros((1, 3 * BINS)))[0])


def test_a_sample_s_value_is_short_and_its_earlier_form_is_still_read() -> None:
    stored = values([math.log(0.7), math.log(0.3)], ["a", "b"], 1)["ece"]
    assert stored == (pytest.approx(0.7), 0.0)
    statistics = binned(np.array([stored]))
    assert statistics.shape == (1, 3 * BINS)
    # A confidence of 0.7 falls into the eleventh of 15 bins, (10/15, 11/15].
    assert list(statistics[0, 30:33]) == pytest.approx([1.0, 0.7, 0.0])
    assert statistics.sum() == pytest.approx(1.7)
    assert np.array_equal(binned(statistics), statistics)
