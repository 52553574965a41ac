"""Worked examples of what a probe's variants say against the originals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.authoring import paired
from harness.authoring.metrics import Corpus, Mean
from harness.types import Estimate, Score


def rows(values: dict[str, list[float] | float], probe: str | None = None) -> list[Score]:
    return [
        Score(name, "m", value, probe, number)
        for name, of_one in values.items()
        for number, value in enumerate(of_one if isinstance(of_one, list) else [of_one])
    ]


ORIGINAL = rows({"a": 1.0, "b": 1.0, "c": 0.0, "d": 1.0, "alone": 1.0})
VARIANTS = rows({"a": [1.0, 0.0], "b": [1.0, 1.0], "c": [1.0, 0.0], "d": [0.0, 0.0]}, "p")


def test_a_worked_example() -> None:
    found = paired.measures(Mean("m"), ORIGINAL, VARIANTS)
    # Means of the variants: a ½, b 1, c ½, d 0; `alone` has no variant and does not count.
    assert found["score"].value == pytest.approx(2 / 4)
    assert found["mean_change"].value == pytest.approx((2 - 3) / 4)
    # Worst of original and variants: a 0, b 1, c 0, d 0.
    assert found["worst_case"].value == pytest.approx(1 / 4)
    # Shares of flipped variants: a ½, b 0, c ½, d 1.
    assert found["flip_rate"].value == pytest.approx(2 / 4)
    assert {estimate.n for estimate in found.values()} == {4}
    # Changes −½, 0, ½, −1 have mean −¼ and standard error √(1.25/3)/2; four say next to nothing.
    changes = np.array([-0.5, 0, 0.5, -1])
    error = math.sqrt(((changes - changes.mean()) ** 2).sum() / 3 / 4)
    assert found["mean_change"].stderr == pytest.approx(error)
    assert -1 < found["mean_change"].low < -0.75 < 0.4 < found["mean_change"].high < 1


def test_the_worst_is_the_greatest_where_lower_is_better() -> None:
    found = paired.measures(Mean("m", higher_is_better=False), ORIGINAL, VARIANTS)
    assert found["worst_case"].value == 1.0  # every sample has a 1 somewhere
    assert "worst_case" not in paired.measures(Mean("m", None), ORIGINAL, VARIANTS)


def test_labels_split_the_measures() -> None:
    found = paired.measures(Mean("m"), ORIGINAL, VARIANTS, ("weak", "strong"))
    assert found["score@weak"].value == pytest.approx(3 / 4)
    assert found["mean_change@strong"].value == pytest.approx(-2 / 4)
    assert found["flip_rate@strong"].value == pytest.approx(2 / 4)
    assert "worst_case@weak" not in found


def test_flips_are_of_right_and_wrong_alone() -> None:
    found = paired.measures(Mean("m"), rows({"a": 0.5, "b": 0.7}), rows({"a": 0.4, "b": 0.9}))
    assert set(found) == {"score", "mean_change", "worst_case"}
    assert found["mean_change"].value == pytest.approx(0.05)


def test_a_flip_is_another_prediction_where_there_is_one() -> None:
    # Four samples, two variants each; the right option is A. Of b, one wrong option gave way to
    # another: no score changed, yet the prediction did.
    chosen = {"a": "A AA", "b": "B CB", "c": "A BA", "d": "B AA"}
    original, variants = [], []
    for name, (first, _, *others) in ((name, list(text)) for name, text in chosen.items()):
        original.append(Score(name, "m", float(first == "A"), prediction=first))
        variants += [
            Score(name, "m", float(other == "A"), "p", number, prediction=other)
            for number, other in enumerate(others)
        ]
    found = paired.measures(Mean("m"), original, variants)["flip_rate"]
    assert found.value == pytest.approx((0 + 1 / 2 + 1 / 2 + 2 / 2) / 4)
    assert found.method.startswith(paired.PREDICTIONS)
    # One score without a prediction: only right and wrong can be compared.
    variants[0] = Score("a", "m", 1.0, "p", 0)
    found = paired.measures(Mean("m"), original, variants)["flip_rate"]
    assert found.value == pytest.approx((0 + 0 + 1 / 2 + 2 / 2) / 4)
    assert found.method.startswith(paired.CORRECTNESS)


def test_a_flip_rate_has_wilsons_interval() -> None:
    original = rows({str(i): 1.0 for i in range(10)})
    found = paired.measures(Mean("m"), original, rows({str(i): float(i > 1) for i in range(10)}))
    flip = found["flip_rate"]
    assert (flip.value, flip.n) == (0.2, 10)
    assert (flip.low, flip.high) == pytest.approx((0.0567, 0.5098), abs=1e-4)  # Wilson, 2 of 10


def test_equal_answers_are_no_proof_that_nothing_changes() -> None:
    few = paired.measures(Mean("m"), rows({"a": 1.0, "b": 0.0}), rows({"a": 1.0, "b": 0.0}))
    assert few["mean_change"].value == 0
    assert few["mean_change"].low < -0.3
    assert few["mean_change"].high > 0.3


def test_clusters_widen_the_interval() -> None:
    original = [Score(str(i), "m", 1.0, cluster=str(i // 5)) for i in range(40)]
    variants = [Score(str(i), "m", float(i // 5 % 2)) for i in range(40)]
    clustered = paired.measures(Mean("m"), original, variants)["mean_change"]
    alone = [Score(row.sample_id, "m", row.value) for row in original]
    plain = paired.measures(Mean("m"), alone, variants)["mean_change"]
    assert clustered.value == plain.value == -0.5
    assert clustered.high - clustered.low > plain.high - plain.low


def ratio(sums: np.ndarray) -> np.ndarray:
    return sums[:, 0] / sums[:, 1]


def test_corpus_metrics_are_bootstrapped_in_pairs() -> None:
    original = [Score(str(i), "m", (1.0, 2.0)) for i in range(20)]
    variants = [Score(str(i), "m", (float(i % 2), 2.0)) for i in range(20)]
    found = paired.measures(Corpus("m", ratio), original, variants)
    assert set(found) == {"score", "mean_change"}
    assert found["score"].value == pytest.approx(0.25)
    assert found["mean_change"].value == pytest.approx(-0.25)
    assert found["mean_change"].low < -0.25 < found["mean_change"].high < 0


class Middle:
    """A metric that can only be aggregated as a whole."""

    name, higher_is_better = "m", True

    def aggregate(self, rows):
        middle = sorted(len(row.value) for row in rows)[len(rows) // 2]
        return Estimate(float(middle), math.nan, math.nan, math.nan, len(rows), "median")


def test_any_other_metric_gets_a_value_without_interval() -> None:
    original = [Score(str(i), "m", ("x",) * i) for i in range(5)]
    variants = [Score(str(i), "m", ("x",) * (i + 1)) for i in range(5)]
    found = paired.measures(Middle(), original, variants)
    assert found["mean_change"].value == 1
    assert math.isnan(found["mean_change"].low)
    assert found["mean_change"].n == 5


def test_nothing_in_common_gives_no_measures() -> None:
    assert paired.measures(Mean("m"), rows({"a": 1.0}), rows({"b": 1.0})) == {}
    assert paired.measures(Mean("m"), [], []) == {}


def test_the_worst_group_is_named_and_pays_for_being_chosen() -> None:
    original = rows({str(i): 1.0 for i in range(30)})
    variants = rows({str(i): [float(i % 3 > 0), float(i % 2)] for i in range(30)})
    found = paired.worst_group(Mean("m"), original, variants, ("young", "old"))["worst_group"]
    assert found.value == pytest.approx(-0.5)
    assert found.method.startswith("old of 2")
    plain = paired.measures(Mean("m"), original, variants, ("young", "old"))["mean_change@old"]
    assert found.high - found.low > plain.high - plain.low
    lower = Mean("m", higher_is_better=False)
    best = paired.worst_group(lower, original, variants, ("young", "old"))["worst_group"]
    assert best.method.startswith(
        "young of 2"
    )  # both fall; where lower is better, young gains less


def test_the_spread_is_of_samples_that_have_every_variant() -> None:
    original = rows({"a": 1.0, "b": 1.0, "c": 0.0, "d": 0.0, "e": 0.0})
    variants = rows({"a": [1.0, 0.0], "b": [1.0, 0.0], "c": [1.0, 0.0], "d": [0.0, 0.0]})
    variants.append(Score("e", "m", 1.0, variant=0))
    found = paired.spread(Mean("m"), original, variants)["spread"]
    assert found.n == 4
    assert 0.7 < found.value < 3 / 4 - 0  # ½ originally, ¾ and 0; chance adds a little
    assert found.method.endswith("debiased, 0.75 with what chance adds")


@settings(deadline=None, max_examples=60)
@given(st.data(), st.booleans())
def test_measures_hold_together(data, higher) -> None:
    bit = st.sampled_from([0.0, 1.0])
    count = data.draw(st.integers(1, 12))
    original = rows({str(i): data.draw(bit) for i in range(count)})
    variants = rows({str(i): data.draw(st.lists(bit, max_size=3)) for i in range(count)})
    found = paired.measures(Mean("m", higher), original, variants)
    if not variants:
        assert found == {}
        return
    before = np.mean(
        [row.value for row in original if row.sample_id in {each.sample_id for each in variants}]
    )
    assert found["score"].value - before == pytest.approx(found["mean_change"].value)
    assert abs(found["mean_change"].value) <= found["flip_rate"].value + 1e-12
    worse = (
        found["worst_case"].value - min(before, found["score"].value)
        if higher
        else (max(before, found["score"].value) - found["worst_case"].value)
    )
    assert worse <= 1e-12
    for value in found.values():
        assert math.isnan(value.low) or value.low - 1e-9 <= value.value <= value.high + 1e-9
