"""A reliability diagram's rows by hand."""

from __future__ import annotations

import pytest

from harness.authoring.measures import calibration
from harness.types import Classify, ClassProbs, Completion, Failed, Generate, Sample, SampleRecord


def record(number: int, yes: float, truth: str, probe: str | None = None) -> SampleRecord:
    sample = Sample(str(number), "x", (truth,))
    asked = (Classify("x", ("yes", "no")),)
    return SampleRecord(sample, asked, (ClassProbs((yes, 1 - yes)),), {}, probe)


def test_bins_by_hand() -> None:
    records = [
        record(1, 0.95, "yes"),
        record(2, 0.90, "no"),
        record(3, 0.30, "no"),  # 0.7 for no: right
        record(4, 0.65, "no"),
        record(5, 1.00, "yes"),
        record(6, 0.99, "yes", probe="typos"),  # a variant does not count
    ]
    sure, surest = calibration.reliability(
        filter(None, map(calibration.confidence, records)), bins=5
    )[-2:]
    assert (sure.low, sure.high) == pytest.approx((0.6, 0.8))
    assert sure.count == 2
    assert sure.confidence == pytest.approx(0.675)
    assert sure.accuracy.value == 0.5
    assert (surest.high, surest.count) == (1.0, 3)
    assert surest.accuracy.value == pytest.approx(2 / 3)
    error = sum(b.count / 5 * abs(b.accuracy.value - b.confidence) for b in (sure, surest))
    assert error == pytest.approx(2 / 5 * 0.175 + 3 / 5 * (0.95 - 2 / 3))


def test_what_has_no_probabilities_does_not_count() -> None:
    text = SampleRecord(Sample("1", "x", ("y",)), (Generate("x"),), (Completion("y"),), {})
    failed = SampleRecord(Sample("2", "x", ("y",)), (Generate("x"),), (Failed("no"),), {})
    many = SampleRecord(
        Sample("3", "x", ("yes", "no")),
        (Classify("x", ("yes", "no")),),
        (ClassProbs((0.5, 0.5)),),
        {},
    )
    assert [calibration.confidence(each) for each in (text, failed, many)] == [None] * 3
