"""Readers of training data, and what they say about rows they cannot use."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DataError
from harness.types import Message
from harness_align import data
from harness_align.data import Row, Rows


def test_reads_preference_texts_and_keeps_further_columns(jsonl):
    path = jsonl([{"prompt": "p", "chosen": "a", "rejected": "b", "difficulty": "hard"}])
    rows = data.read(path)
    assert rows.kind == "preference"
    assert rows.rows == (Row(1, "p", "a", "b", facts={"difficulty": "hard"}),)


def test_reads_conversations_with_text_or_message_answers(jsonl):
    turns = [{"role": "user", "content": "hi"}]
    path = jsonl(
        [
            {"prompt": turns, "chosen": "a", "rejected": "b"},
            {
                "prompt": turns,
                "chosen": [{"role": "assistant", "content": "a"}],
                "rejected": [{"role": "assistant", "content": "c"}],
            },
        ]
    )
    first, second = data.read(path).rows
    assert first.prompt == (Message("user", "hi"),)
    assert first.chosen == second.chosen == (Message("assistant", "a"),)


def test_splits_dialogues_at_their_last_shared_assistant_turn(jsonl):
    start = "\n\nHuman: one\n\nAssistant: two\n\nHuman: three\n\nAssistant:"
    path = jsonl([{"chosen": start + " four", "rejected": start + " five"}])
    (row,) = data.read(path).rows
    assert (row.prompt, row.chosen, row.rejected) == (start, " four", " five")


def test_splits_dialogues_that_part_before_the_last_turn(jsonl):
    start = "\n\nHuman: one\n\nAssistant:"
    path = jsonl(
        [{"chosen": start + " yes\n\nHuman: ok\n\nAssistant: good", "rejected": start + " no"}]
    )
    (row,) = data.read(path).rows
    assert row.prompt == start
    assert row.chosen == " yes\n\nHuman: ok\n\nAssistant: good"


def test_splits_message_dialogues(jsonl):
    def dialogue(answer):
        return [{"role": "user", "content": "q"}, {"role": "assistant", "content": answer}]

    (row,) = data.read(jsonl([{"chosen": dialogue("a"), "rejected": dialogue("b")}])).rows
    assert row.prompt == (Message("user", "q"),)
    assert row.rejected == (Message("assistant", "b"),)


def test_reads_the_last_message_as_the_answer(jsonl):
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    rows = data.read(jsonl([{"messages": turns}]))
    assert rows.kind == "completion"
    assert rows.rows[0].chosen == (Message("assistant", "a"),)


def test_reads_gzipped_files(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"prompt": "p"}\n'))
    assert data.read(path).rows == (Row(1, "p"),)


def test_a_cut_gzip_file_is_named(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"prompt": "p"}\n' * 1000)[:-12])
    with pytest.raises(DataError, match=r"rows\.jsonl\.gz"):
        data.read(path)


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ({"question": "q"}, "question"),
        ({"prompt": "p"}, "began as preference"),
        ({"prompt": "p", "chosen": "a", "rejected": 3}, "'rejected' is int"),
        ({"prompt": "p", "chosen": [], "rejected": "b"}, "message list"),
        ({"prompt": [{"role": "user"}], "chosen": "a", "rejected": "b"}, "list of messages"),
        ({"prompt": [], "chosen": "a", "rejected": "b"}, "mixed"),
        ({"chosen": "a", "rejected": "b"}, "no `prompt`"),
    ],
)
def test_an_unusable_row_is_named_with_its_line(jsonl, second, says):
    path = jsonl([{"prompt": "p", "chosen": "a", "rejected": "b"}, second])
    with pytest.raises(DataError, match="line 2") as caught:
        data.read(path)
    assert says in str(caught.value)
    assert "Expected" in str(caught.value)


def test_an_empty_file_is_an_error(jsonl):
    with pytest.raises(DataError, match="no rows"):
        data.read(jsonl([]))


def test_a_method_gets_the_first_kind_that_the_rows_can_be():
    pairs = Rows("preference", (Row(1, "p", "a", "b"),), "x")
    labelled = data.choose(pairs, ("label",), "kto")
    assert [(row.chosen, row.label) for row in labelled.rows] == [("a", True), ("b", False)]
    assert data.choose(pairs, ("prompt", "preference"), "rlhf").kind == "preference"
    with pytest.raises(DataError, match="--method dpo cannot train on prompt rows"):
        data.choose(Rows("prompt", (Row(1, "p"),), "x"), ("preference",), "dpo")


TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=20))
def test_what_is_written_is_read_back(tmp_path_factory, triples):
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    rows = Rows("preference", tuple(Row(i, *t) for i, t in enumerate(triples, 1)), str(path))
    assert data.read(data.write(path, rows)) == rows


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from("abcdefghijklm"), min_size=1, max_size=60), st.floats(0, 1))
def test_no_prompt_is_on_both_sides_of_a_split(prompts, share):
    rows = Rows("prompt", tuple(Row(i, prompt) for i, prompt in enumerate(prompts)), "x")
    train, development = data.split(rows, share, seed=1)
    assert not set(data.prompts(train)) & set(data.prompts(development))
    assert len(train) + len(development) == len(rows)


@pytest.mark.shared
def test_reads_hh_rlhf(shared):
    rows = data.read(shared / "data/hh_rlhf/harmless-base_test.jsonl.gz")
    assert len(rows) == 2312
    assert all(str(row.prompt).endswith("\n\nAssistant:") for row in rows.rows)
    first = rows.rows[0]
    assert str(first.chosen).startswith(" No, sorry!")


def test_path_objects_are_not_needed_to_exist(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        data.read(Path(tmp_path / "absent.jsonl"))
