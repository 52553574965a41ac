"""Demographic parity and equalized odds by hand."""

from __future__ import annotations

import math

import pytest

from harness.types import Classify, ClassProbs, Completion, Failed, Generate, Sample, SampleRecord
from harness_probes import group_fairness


def record(number: int, group: str, truth: str, predicted: str, labels=("no", "yes")):
    chances = tuple(0.9 if label == predicted else 0.1 / (len(labels) - 1) for label in labels)
    sample = Sample(str(number), "x", (truth,), groups={"sex": group})
    return SampleRecord(sample, (Classify("x", labels),), (ClassProbs(chances),), {"acc": 1.0})


def table(group: str, hits: int, misses: int, false: int, right: int) -> list[SampleRecord]:
    """Records of one group from its confusion table."""
    kinds = [("yes", "yes")] * hits + [("yes", "no")] * misses
    kinds += [("no", "yes")] * false + [("no", "no")] * right
    return [record(number, group, *kind) for number, kind in enumerate(kinds)]


def test_a_worked_example() -> None:
    # a: called yes 12 of 20, true positives 8 of 10, false 4 of 10.
    # b: called yes  6 of 20, true positives 5 of 10, false 1 of 10.
    records = table("a", 8, 2, 4, 6) + table("b", 5, 5, 1, 9)
    found = group_fairness.measures("sex", records)
    parity, odds = found["demographic_parity"], found["equalized_odds"]
    assert parity["difference@yes"].value == pytest.approx(0.3)
    assert parity["ratio@yes"].value == pytest.approx(0.5)
    assert parity["difference@no"].value == pytest.approx(0.3)
    assert parity["ratio@no"].value == pytest.approx(8 / 14)
    assert odds["difference@yes"].value == pytest.approx(0.3)  # of true and of false positives
    assert odds["ratio@yes"].value == pytest.approx(0.25)  # 0.1/0.4 of false positives
    for of_name in found.values():
        for estimate in of_name.values():
            assert estimate.n == 40
            assert estimate.low <= estimate.high


def test_intervals_are_those_of_the_gap_between_groups() -> None:
    records = table("a", 8, 2, 4, 6) + table("b", 5, 5, 1, 9)
    found = group_fairness.measures("sex", records)
    parity = found["demographic_parity"]["difference@yes"]
    # Newcombe's interval of 12/20 − 6/20: Wilson's are [0.3866, 0.7812] and [0.1455, 0.5190].
    low = 0.3 - math.hypot(0.6 - 0.3866, 0.5190 - 0.3)
    high = 0.3 + math.hypot(0.7812 - 0.6, 0.3 - 0.1455)
    assert low < 0  # so the gap's own interval begins at 0
    assert (parity.low, parity.high) == pytest.approx((0, high), abs=1e-3)
    odds = found["equalized_odds"]["difference@yes"]
    assert odds.low == 0
    assert odds.high > high, "fewer samples a rate, and two rates"


def test_equal_groups_are_not_proved_equal() -> None:
    records = table("a", 10, 0, 0, 10) + table("b", 10, 0, 0, 10)
    odds = group_fairness.measures("sex", records)["equalized_odds"]
    assert (odds["difference@yes"].value, odds["difference@yes"].low) == (0, 0)
    assert odds["difference@yes"].high > 0.2
    assert odds["ratio@yes"].value == 1
    assert odds["ratio@yes"].low < 0.8


def test_a_group_without_positives_makes_no_gap_of_one() -> None:
    records = table("a", 8, 2, 4, 6) + table("b", 5, 5, 1, 9) + table("none", 0, 0, 1, 19)
    odds = group_fairness.measures("sex", records)["equalized_odds"]["difference@yes"]
    assert odds.value == pytest.approx(0.3)
    assert "without none" in odds.method
    assert odds.n == 40
    few = group_fairness.measures("sex", [*records, *table("few", 9, 0, 1, 19)])
    assert "without few, none" in few["equalized_odds"]["difference@yes"].method
    only = table("a", 8, 2, 4, 6) + table("none", 0, 0, 1, 19)
    assert "equalized_odds" not in group_fairness.measures("sex", only)


def test_small_groups_and_failed_samples_are_left_out() -> None:
    records = table("a", 8, 2, 4, 6) + table("b", 5, 5, 1, 9) + table("tiny", 0, 3, 0, 1)
    failed = SampleRecord(
        Sample("f", "x", ("yes",), groups={"sex": "a"}), (Generate("x"),), (Failed("no"),), {}
    )
    found = group_fairness.measures("sex", [*records, failed])
    assert found["demographic_parity"]["difference@yes"].value == pytest.approx(0.3)


def test_what_is_no_classification_gives_nothing() -> None:
    text = [
        SampleRecord(
            Sample(str(i), "x", ("y",), groups={"sex": "ab"[i % 2]}),
            (Generate("x"),),
            (Completion("y"),),
            {"f1": 1.0},
        )
        for i in range(40)
    ]
    assert group_fairness.measures("sex", text) == {}
    mixed = table("a", 8, 2, 4, 6)
    mixed += [record(i, "b", "red", "red", ("red", "blue")) for i in range(20)]
    assert group_fairness.measures("sex", mixed) == {}
    assert group_fairness.measures("sex", []) == {}


def test_three_labels_are_each_held_against_the_others() -> None:
    labels = ("low", "mid", "high")
    records = [
        record(i, group, labels[i % 3], labels[(i + (group == "b")) % 3], labels)
        for group in "ab"
        for i in range(30)
    ]
    found = group_fairness.measures("sex", records)
    assert found["demographic_parity"]["difference@mid"].value == pytest.approx(0)
    assert found["equalized_odds"]["difference@mid"].value == pytest.approx(1)
    assert math.isfinite(found["equalized_odds"]["difference@mid"].high)
