"""What a judge's answer says; what cannot be read is no grade."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness_judges.judging.parsing import FIRST, SECOND, TIE, preference, score, yes_or_no


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A", FIRST),
        ("**B**", SECOND),
        ("Output (a)", FIRST),
        ("Output (b) is better.", SECOND),
        ("Answer B", SECOND),
        ("Response 2 is better", SECOND),
        ("[[A]]", FIRST),
        ("[[C]]", TIE),
        ("My final verdict is: [[B]]", SECOND),
        ("Output (a) is better at first sight, but (b) is complete. Therefore, Output (b) is "
         "better.", SECOND),
        ('{"reason": "A is better written", "preference": "B"}', SECOND),
        ('```json\n{"winner": "tie"}\n```', TIE),
        ('{"preference": "A"} and then {"preference": "B"}', SECOND),
        ("It's a tie.", TIE),
        ("Both outputs are equally good.", TIE),
        ("tie", TIE),
        ("A is not better.", TIE),
        ("", None),
        ("I cannot compare these.", None),
        ("I'm sorry, but as an AI I can't judge.", None),
        ("A or B", None),
        ("Both have merits: A is short, B is long.", None),
        ('{"preference": "Z"}', None),
        ('{"preference": ["A"]}', None),
        ("[[7]]", None),
    ],
)  # fmt: skip
def test_preferences(text, found):
    assert preference(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("4", 4),
        (" **5** ", 5),
        ("4/5", 4),
        ("Score: 3", 3),
        ("The score is 2 out of 5.", 2),
        ("Rating: [[4]]", 4),
        ("Clear and short, 3 paragraphs. Score: 4", 4),
        ("Score: 2. On reflection, score: 3", 3),
        ('{"score": 5, "reason": "1 error"}', 5),
        ('{"score": "4"}', 4),
        ("10", None),
        ("0", None),
        ("Score: 6", None),
        ("3.5", None),
        ("Score: 4/10", None),
        ('{"score": true}', None),
        ('{"score": NaN}', None),
        ('{"score": 1e400}', None),
        ("It has 3 errors.", None),
        ("The answer is 4", 4),
        ("The answer is 1" + "0" * 400, None),
        ("Score: 1" + "0" * 400, None),
        ("good", None),
        ("", None),
    ],
)
def test_scores_from_1_to_5(text, found):
    assert score(text, 1, 5) == found


def test_scales_with_halves():
    assert score("3.5", 1, 5, whole=False) == 3.5


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Yes", True),
        ("no.", False),
        ("Yes, because it resolves the request.", True),
        ("No, it does not.", False),
        ('{"met": true}', True),
        ('{"verdict": "not met"}', False),
        ("The answer is no", False),
        ("[[Yes]]", True),
        ("It depends.", None),
        ("yes and no", None),
        ("", None),
        ("As an AI, I cannot say.", None),
    ],
)
def test_yes_or_no(text, found):
    assert yes_or_no(text) is found


@given(st.text(max_size=400))
def test_any_text_is_read_or_not(text):
    assert preference(text) in (None, FIRST, SECOND, TIE)
    found = score(text, 1, 5)
    assert found is None or 1 <= found <= 5
    assert yes_or_no(text) in (None, True, False)


@given(st.text(alphabet='{}[]"AB:(,)1 isbetr', max_size=300))
def test_any_brackets_too(text):
    assert preference(text) in (None, FIRST, SECOND, TIE)


def test_a_loop_is_read_in_bounded_time():
    for text in ("{" * 100_000, "[[" * 100_000, "Output (a) is " * 50_000, "score " * 60_000):
        assert preference(text) is None
        assert score(text, 1, 5) is None
        assert yes_or_no(text) is None
