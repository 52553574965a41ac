"""The order in which easy and hard pairs are drawn."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from harness_align.dataset import curriculum
from harness_align.dataset.training_rows import Row

EASY = [True] * 40 + [False] * 60


def share_easy(drawn):
    return sum(EASY[index] for index in drawn) / len(drawn)


def test_easy_pairs_come_first_and_hard_ones_last():
    drawn = curriculum.order(EASY, 4000, "easy_to_hard", seed=3)
    quarters = [share_easy(drawn[start : start + 1000]) for start in range(0, 4000, 1000)]
    for measured, expected in zip(quarters, (7 / 8, 5 / 8, 3 / 8, 1 / 8), strict=True):
        assert abs(measured - expected) < 0.05  # 3.2 standard errors of a share of 1,000
    assert EASY[drawn[0]]
    assert not EASY[drawn[-1]]


def test_the_reversed_ablation_turns_the_probabilities_round():
    drawn = curriculum.order(EASY, 4000, "hard_to_easy", seed=3)
    assert share_easy(drawn[:1000]) < 0.2 < 0.8 < share_easy(drawn[-1000:])


def test_the_shuffled_ablation_draws_the_same_pairs_in_another_order():
    ordered = curriculum.order(EASY, 400, "easy_to_hard", seed=3)
    shuffled = curriculum.order(EASY, 400, "shuffled", seed=3)
    assert sorted(ordered) == sorted(shuffled)
    assert ordered != shuffled
    assert abs(share_easy(shuffled[:200]) - share_easy(shuffled[200:])) < 0.15


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 90), st.integers(0, 9))
def test_draws_are_rows_used_evenly_and_repeatable(easy, draws, seed):
    drawn = curriculum.order(easy, draws, "easy_to_hard", seed)
    assert drawn == curriculum.order(easy, draws, "easy_to_hard", seed)
    assert len(drawn) == draws
    for side in (True, False):
        counts = [drawn.count(index) for index, value in enumerate(easy) if value == side]
        assert not counts or max(counts) - min(counts) <= 1


def test_a_wide_gap_of_scores_is_easy():
    rows = [Row(1, "p", facts={"difficulty": gap}) for gap in (0.1, 0.9, 0.5)]
    assert curriculum.is_easy(rows) == [False, True, False]
    assert curriculum.is_easy([Row(1, "p", facts={"difficulty": "hard"}), Row(2, "q")]) == [
        False,
        True,
    ]
