"""Win rates, KL, lengths and diversity, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness_align.evaluation import measures


def test_ties_are_half_a_win_and_unknown_values_are_left_out():
    won = measures.wins([0.0, 1.0, 1.0, None], [1.0, 0.0, 1.0, 1.0])
    assert won == [1.0, 0.0, 0.5, None]
    estimate = measures.win_rate(won, ["a", "b", "c", "d"])
    assert (estimate.value, estimate.n) == (0.5, 3)


def test_answers_to_one_prompt_are_one_observation():
    alone = measures.win_rate([1.0, 0.0] * 20, [str(i) for i in range(40)])
    clustered = measures.win_rate([1.0] * 20 + [0.0] * 20, [str(i // 10) for i in range(40)])
    assert clustered.high - clustered.low > 2 * (alone.high - alone.low)


def test_wins_that_length_explains_vanish_at_equal_length():
    rng = np.random.default_rng(0)
    change = rng.normal(2.0, 1.0, 400)
    won = [float(rng.random() < 1 / (1 + math.exp(-2 * math.tanh(x)))) for x in change]
    prompts = [str(i) for i in range(400)]
    raw = measures.win_rate(won, prompts)
    controlled = measures.length_controlled_win_rate(won, change.tolist(), prompts)
    assert raw.low > 0.75
    assert controlled.value < raw.value - 0.1


def test_wins_that_length_does_not_explain_stay():
    rng = np.random.default_rng(1)
    change = rng.normal(0.0, 3.0, 400)
    won = [float(rng.random() < 0.8) for _ in change]
    prompts = [str(i) for i in range(400)]
    controlled = measures.length_controlled_win_rate(won, change.tolist(), prompts)
    assert controlled.low < 0.8 < controlled.high


def test_separable_wins_give_a_finite_rate():
    estimate = measures.length_controlled_win_rate([1.0] * 10, [1.0] * 10, list("abcdefghij"))
    assert 0.9 < estimate.value <= 1
    assert math.isfinite(estimate.low)


def test_divergence_is_weighted_by_tokens():
    estimate = measures.per_token([1.0, 3.0], [10, 10], ["a", "b"])
    assert estimate.value == pytest.approx(0.2)
    uneven = measures.per_token([1.0, 3.0], [10, 90], ["a", "b"])
    assert uneven.value == pytest.approx(0.04)


def test_divergence_of_equal_models_is_zero():
    estimate = measures.per_token([0.0] * 5, [3] * 5, list("abcde"))
    assert estimate.value == 0


def test_ratio_of_lengths():
    assert measures.ratio([4.0, 8.0], [2.0, 4.0], ["a", "b"]).value == 2


def test_distinct_words():
    assert measures.distinct(["a b a b"], 1) == 0.5
    assert measures.distinct(["a b a b"], 2) == pytest.approx(2 / 3)
    assert math.isnan(measures.distinct(["a"], 2))


def test_pairs_of_equal_length():
    assert measures.length_matched([100, 100, 0], [91, 89, 0]) == [True, False, True]


def test_what_is_not_known_is_null_in_json():
    import json

    from harness.authoring.io import serialization
    from harness.types import Estimate
    from harness_align.evaluation.held_out_changes import HeldOutChange, HeldOutEvaluation

    unknown = Estimate(math.nan, math.nan, math.nan, math.nan, 0, "none")
    effects = HeldOutEvaluation(
        (HeldOutChange("gap", unknown, "?"),), {"distinct-2": (math.nan, 0.5)}
    )
    content = json.loads(serialization.dumps(effects.to_json()))
    assert content["shares"]["distinct-2"] == [None, 0.5]
    assert content["estimates"]["gap"]["value"] is None


def test_one_changed_answer_of_a_hundred_is_no_shown_change():
    rewards = [0.0] * 100
    found = measures.change(rewards, [1.0, *rewards[1:]], [str(n) for n in range(100)])
    assert found.value == pytest.approx(0.01)
    assert found.low < 0.0 < found.high


def test_the_gap_of_two_rewards_is_in_the_bases_deviations():
    trained = {"a": (0.0, 4.0), "b": (2.0, 6.0), "only here": (0.0, 99.0)}  # deviation 1 over a, b
    held_out = {"a": (10.0, 0.0), "b": (30.0, 0.0)}  # deviation 10
    assert measures.gap(trained, held_out).value == pytest.approx(4.0 - -2.0)
    same = measures.gap(held_out, held_out)
    assert same.low <= 0.0 == same.value <= same.high
    assert measures.gap(trained, {}).n == 0
    unvaried = measures.gap({"a": (1.0, 3.0), "b": (1.0, 3.0)}, held_out)
    assert unvaried.value == pytest.approx(2.0 - -2.0)


def test_twenty_ties_are_no_certainty() -> None:
    found = measures.win_rate([0.5] * 20, [str(place) for place in range(20)])
    assert 0 < found.low < 0.45 < 0.55 < found.high < 1
    nearly = measures.win_rate([1.0] * 19 + [0.5], [str(place) for place in range(20)])
    assert nearly.high < 1.0001 and nearly.low < 0.9


def test_all_won_at_equal_length_leaves_room() -> None:
    names = [str(place) for place in range(20)]
    lengths = [float(place % 7 - 3) for place in range(20)]
    found = measures.length_controlled_win_rate([1.0] * 20, lengths, names)
    assert 0.6 < found.low < 0.97 and 0.98 < found.high <= 1
    few = measures.length_controlled_win_rate([1.0] * 9, lengths[:9], names[:9])
    assert math.isnan(few.low) and "below 10 prompts" in few.method
