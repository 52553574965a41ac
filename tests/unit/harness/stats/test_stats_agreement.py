"""Coefficients of agreement: hand-worked examples, statsmodels, and what must always hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import agreement
from harness.stats.inference import Unknown

inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")

NO = None
# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C: four observers,
# twelve units, missing data.
KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NO, NO, NO],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NO, 3],
    [NO, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NO],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NO],
]
UNITS = [[each for each in unit if each is not None] for unit in zip(*KRIPPENDORFF, strict=True)]
RATINGS = st.lists(
    st.lists(st.integers(1, 4), min_size=3, max_size=3), min_size=4, max_size=30
).filter(lambda rows: len({each for row in rows for each in row}) > 1)


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_krippendorffs_own_example(level, published):
    assert round(agreement.krippendorff_alpha(UNITS, level).value, 3) == published


def test_kappa_by_hand():
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: p_o = .7, p_e = .5·.6 + .5·.4 = .5
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert agreement.cohen_kappa(first, second).value == pytest.approx(0.4)


@given(RATINGS)
def test_kappas_are_statsmodels(rows):
    table, _ = inter_rater.aggregate_raters(np.array(rows))
    expected = inter_rater.fleiss_kappa(table)
    assert agreement.fleiss_kappa(rows).value == pytest.approx(expected, abs=1e-9)
    first, second = [row[0] for row in rows], [row[1] for row in rows]
    names = sorted({*first, *second})
    if len(names) > 1 and not (len(set(first)) == 1 and set(first) == set(second)):
        counts = np.zeros((len(names), len(names)))
        for a, b in zip(first, second, strict=True):
            counts[names.index(a), names.index(b)] += 1
        for weights in (None, "linear", "quadratic"):
            wanted = inter_rater.cohens_kappa(counts, wt=weights, return_results=False)
            found = agreement.cohen_kappa(first, second, weights).value
            assert found == pytest.approx(float(wanted), abs=1e-9, nan_ok=True)


@given(RATINGS)
def test_alpha_of_two_raters_is_scotts_pi_but_for_small_samples(rows):
    # For nominal data without missing values α = 1 − (N−1)/N·(1 − π) (Krippendorff 2004).
    pairs = [row[:2] for row in rows]
    flat = [each for row in pairs for each in row]
    if len(set(flat)) < 2:
        return
    n = len(flat)
    agreed = sum(a == b for a, b in pairs) / len(pairs)
    expected = sum((flat.count(each) / n) ** 2 for each in set(flat))
    pi = (agreed - expected) / (1 - expected)
    found = agreement.krippendorff_alpha(pairs, "nominal").value
    assert found == pytest.approx(1 - (n - 1) / n * (1 - pi), abs=1e-9)


@given(RATINGS, st.permutations([1, 2, 3, 4]))
def test_names_of_categories_do_not_matter_and_order_of_raters_neither(rows, names):
    renamed = [[f"c{names[each - 1]}" for each in reversed(row)] for row in rows]
    for coefficient in (agreement.krippendorff_alpha, agreement.fleiss_kappa):
        assert coefficient(renamed).value == pytest.approx(coefficient(rows).value, abs=1e-9)


@given(RATINGS, st.floats(0.1, 9), st.floats(-5, 5))
def test_interval_alpha_has_no_unit(rows, scale, shift):
    moved = [[scale * each + shift for each in row] for row in rows]
    found = agreement.krippendorff_alpha(moved, "interval").value
    assert found == pytest.approx(agreement.krippendorff_alpha(rows, "interval").value, abs=1e-6)


def test_interval_and_ordinal_alpha_pair_by_pair():
    """Against the definition: mean disagreement of pairs, within items over among all."""
    rows = [[1, 2], [2, 2, 4], [3, 1], [4, 4, 4], [2, 3]]
    flat = [each for row in rows for each in row]
    for level in ("interval", "ordinal", "nominal"):
        order = sorted(set(flat))

        def distance(a, b, level=level, order=order):
            if level == "nominal":
                return float(a != b)
            if level == "interval":
                return (a - b) ** 2
            low, high = sorted((a, b))
            between = [each for each in order if low <= each <= high]
            ranks = sum(map(flat.count, between))
            return (ranks - (flat.count(low) + flat.count(high)) / 2) ** 2 if a != b else 0.0

        n = len(flat)
        within = sum(
            distance(row[i], row[j]) / (len(row) - 1)
            for row in rows
            for i in range(len(row))
            for j in range(len(row))
            if i != j
        )
        among = sum(distance(flat[i], flat[j]) for i in range(n) for j in range(n) if i != j) / (
            n - 1
        )
        assert agreement.krippendorff_alpha(rows, level).value == pytest.approx(1 - within / among)


def test_perfect_agreement_is_one_and_chance_is_near_zero():
    rng = np.random.default_rng(3)
    truth = rng.integers(1, 6, 2000).tolist()
    other = rng.integers(1, 6, 2000).tolist()
    same = [[each, each] for each in truth]
    assert agreement.cohen_kappa(truth, truth).value == pytest.approx(1)
    assert agreement.krippendorff_alpha(same, "ordinal").value == pytest.approx(1)
    assert abs(agreement.cohen_kappa(truth, other).value) < 0.05
    for level in agreement.LEVELS:
        rows = list(map(list, zip(truth, other, strict=True)))
        assert abs(agreement.krippendorff_alpha(rows, level).value) < 0.06


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: agreement.cohen_kappa([1, 1], [1, 1]), "one category"),
        (lambda: agreement.fleiss_kappa([[1, 1], [1, 1]]), "one category"),
        (lambda: agreement.fleiss_kappa([[1, 2], [1]]), "different numbers"),
        (lambda: agreement.fleiss_kappa([]), "no items"),
        (lambda: agreement.krippendorff_alpha([[1], [2]]), "no item has two ratings"),
        (lambda: agreement.krippendorff_alpha([[1, 1], [1]]), "one category"),
    ],
)
def test_what_cannot_be_told_is_said(made, why):
    found = made()
    assert math.isnan(found.value)
    inference = found.infer()
    assert isinstance(inference, Unknown) and why in inference.method


def test_one_item_has_a_value_and_no_interval():
    low, high = agreement.cohen_kappa([1, 2], [1, 2]).infer().interval(0.95)
    assert math.isnan(low) and math.isnan(high)  # nothing varies


def test_too_many_categories_are_refused_but_not_as_numbers():
    rows = [[each, each + 0.5] for each in range(100)]
    with pytest.raises(ValueError, match="no categories"):
        agreement.krippendorff_alpha(rows, "ordinal")
    assert agreement.krippendorff_alpha(rows, "interval").value > 0.99


def test_intervals_of_items_hold_the_population_value():
    """Two raters who agree with 80 % on a fair binary scale: κ = .6."""
    rng = np.random.default_rng(0)
    held = []
    for trial in range(200):
        first = rng.integers(0, 2, 120)
        second = np.where(rng.random(120) < 0.8, first, 1 - first)
        inference = agreement.cohen_kappa(first.tolist(), second.tolist()).infer(seed=trial)
        low, high = inference.interval(0.95)
        held.append(low <= 0.6 <= high)
    assert 0.91 <= np.mean(held) <= 0.99


def test_sensitivity_and_specificity():
    of_ones, of_zeros = agreement.sensitivity_and_specificity([1, 1, 0, 0, 1], [1, 1, 1, 0, 0])
    assert (sum(of_ones), len(of_ones)) == (2, 3)
    assert (sum(of_zeros), len(of_zeros)) == (1, 2)
