"""Rows of training data: as other kinds, written, split."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DataError
from harness_align.dataset import formats, training_rows
from harness_align.dataset.training_rows import Row, Rows


def test_a_method_gets_the_first_kind_that_the_rows_can_be():
    pairs = Rows("preference", (Row(1, "p", "a", "b"),), "x")
    labelled = training_rows.choose(pairs, ("label",), "kto")
    assert [(row.chosen, row.label) for row in labelled.rows] == [("a", True), ("b", False)]
    assert training_rows.choose(pairs, ("prompt", "preference"), "rlhf").kind == "preference"
    assert [row.chosen for row in training_rows.convert(labelled, "completion").rows] == ["a"]
    with pytest.raises(DataError, match="--method dpo cannot train on prompt rows"):
        training_rows.choose(Rows("prompt", (Row(1, "p"),), "x"), ("preference",), "dpo")


TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=20))
def test_what_is_written_is_read_back(tmp_path_factory, triples):
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    rows = Rows("preference", tuple(Row(i, *t) for i, t in enumerate(triples, 1)), str(path))
    assert formats.read(training_rows.write(path, rows)) == rows


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from("abcdefghijklm"), min_size=1, max_size=60), st.floats(0, 1))
def test_no_prompt_is_on_both_sides_of_a_split(prompts, share):
    rows = Rows("prompt", tuple(Row(i, prompt) for i, prompt in enumerate(prompts)), "x")
    train, development = training_rows.split(rows, share, seed=1)
    assert not set(training_rows.prompts(train)) & set(training_rows.prompts(development))
    assert len(train) + len(development) == len(rows)
