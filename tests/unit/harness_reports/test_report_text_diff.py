from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness_reports.records import text_diff
from harness_reports.records.text_diff import Pieces, difference

TEXTS = st.text(st.sampled_from("ab \n.é_"), max_size=30)


def text(pieces: Pieces) -> str:
    return "".join(part for _, part in pieces)


def kept(pieces: Pieces) -> str:
    return "".join("".join(part.split()) for changed, part in pieces if not changed)


@pytest.mark.parametrize(
    ("before", "after", "old", "new"),
    [
        ("the red box", "the blue box", ["red"], ["blue"]),
        ("a red box", "a box", ["red"], []),
        ("Basel", "Geneva", ["Basel"], ["Geneva"]),
        ("Basel", "Basel.", [], ["."]),
        ("", "Basel", [], ["Basel"]),
        ("two  words", "two\nwords", [], []),
        ("one two three", "one 2 three four", ["two"], ["2", "four"]),
    ],
)
def test_only_the_words_that_differ_are_marked(
    before: str, after: str, old: list[str], new: list[str]
) -> None:
    found = difference(before, after)
    assert [part.strip() for changed, part in found.before if changed] == old
    assert [part.strip() for changed, part in found.after if changed] == new


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_nothing_is_lost_and_what_is_unmarked_is_common(before: str, after: str) -> None:
    found = difference(before, after)
    assert (text(found.before), text(found.after)) == (before, after)
    assert kept(found.before) == kept(found.after)
    assert all(part for pieces in (found.before, found.after) for _, part in pieces)


def test_long_texts_keep_their_common_start_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_diff, "ALIGNED", 2)
    found = difference("start a b c end", "start c b a end")
    assert found.before == ((False, "start "), (True, "a b c"), (False, " end"))
    assert found.after == ((False, "start "), (True, "c b a"), (False, " end"))
