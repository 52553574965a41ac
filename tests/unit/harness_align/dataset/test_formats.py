"""Every form of training data is told by its columns; a row that is of no use is dropped."""

from __future__ import annotations

import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DataError, UnknownNameError
from harness.types import Message
from harness_align.dataset import formats, turns
from harness_align.dataset.training_rows import Row


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


ASKED = (Message("user", "q"),)
GOOD, BAD = (Message("assistant", "good"),), (Message("assistant", "bad"),)
BE_KIND = Message("system", "be kind")

FORMS = {
    "pairs of texts": (
        {"prompt": "q", "chosen": "good", "rejected": "bad"},
        Row(1, "q", "good", "bad"),
    ),
    "pairs whose prompt alone is messages": (
        {"prompt": [user("q")], "chosen": "good", "rejected": "bad"},
        Row(1, ASKED, GOOD, BAD),
    ),
    "pairs of answers in messages": (
        {"prompt": [user("q")], "chosen": [assistant("good")], "rejected": [assistant("bad")]},
        Row(1, ASKED, GOOD, BAD),
    ),
    "UltraFeedback: whole dialogues beside a prompt, and the chosen one again": (
        {
            "prompt": "q",
            "prompt_id": "77",
            "chosen": [user("q"), assistant("good")],
            "rejected": [user("q"), assistant("bad")],
            "messages": [user("q"), assistant("good")],
            "score_chosen": 8.5,
            "score_rejected": 4.0,
        },
        Row(
            1, ASKED, GOOD, BAD,
            facts={"prompt_id": "77", "score_chosen": 8.5, "score_rejected": 4.0},
        ),
    ),
    "pairs of dialogues in messages": (
        {"chosen": [user("q"), assistant("good")], "rejected": [user("q"), assistant("bad")]},
        Row(1, ASKED, GOOD, BAD),
    ),
    "pairs of dialogues in texts": (
        {
            "chosen": "\n\nHuman: q\n\nAssistant: good",
            "rejected": "\n\nHuman: q\n\nAssistant: bad",
        },
        Row(1, "\n\nHuman: q\n\nAssistant:", " good", " bad"),
    ),
    "whole texts that repeat their prompt": (
        {
            "prompt": "\n\nHuman: q\n\nAssistant:",
            "chosen": "\n\nHuman: q\n\nAssistant: good",
            "rejected": "\n\nHuman: q\n\nAssistant: bad",
        },
        Row(1, "\n\nHuman: q\n\nAssistant:", " good", " bad"),
    ),
    "a question for a prompt, and a system text": (
        {"system": "be kind", "question": "q", "chosen": "good", "rejected": "bad"},
        Row(1, (BE_KIND, *ASKED), GOOD, BAD),
    ),
    "a question for a prompt, and no system text": (
        {"system": "", "question": "q", "chosen": "good", "rejected": "bad"},
        Row(1, "q", "\n\ngood", "\n\nbad"),
    ),
    "ShareGPT": (
        {
            "id": "7",
            "conversations": [
                {"from": "system", "value": "be kind"},
                {"from": "human", "value": "q"},
                {"from": "gpt", "value": "good"},
            ],
        },
        Row(1, (BE_KIND, *ASKED), GOOD, facts={"id": "7"}),
    ),
    "ShareGPT pairs": (
        {
            "conversations": [{"from": "human", "value": "q"}],
            "chosen": {"from": "gpt", "value": "good"},
            "rejected": {"from": "gpt", "value": "bad"},
        },
        Row(1, ASKED, GOOD, BAD),
    ),
    "Alpaca": (
        {"instruction": "translate", "input": "q", "output": "good"},
        Row(1, "translate\n\nq", "\n\ngood"),
    ),
    "Alpaca without an input": (
        {"instruction": "q", "input": "", "output": "good"},
        Row(1, "q", "\n\ngood"),
    ),
    "Dolly": (
        {"instruction": "why", "context": "q", "response": "good", "category": "qa"},
        Row(1, "why\n\nq", "\n\ngood", facts={"category": "qa"}),
    ),
    "messages": ({"messages": [user("q"), assistant("good")]}, Row(1, ASKED, GOOD)),
    "messages in parts, and an empty system turn": (
        {
            "messages": [
                {"role": "system", "content": ""},
                user([{"type": "text", "text": "q"}]),
                assistant([{"type": "text", "text": "go"}, {"type": "text", "text": "od"}]),
            ]
        },
        Row(1, ASKED, GOOD),
    ),
    "messages with a tool call": (
        {
            "messages": [
                user("q"),
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "1", "function": {"name": "look", "arguments": '{"at": 3}'}}
                    ],
                },
                {"role": "tool", "tool_call_id": "1", "content": "seven"},
                assistant("good"),
            ],
            "tools": [{"type": "function", "function": {"name": "look"}}],
        },
        Row(
            1,
            (
                *ASKED,
                Message(
                    "assistant",
                    '<tool_call>\n{"name": "look", "arguments": {"at": 3}}\n</tool_call>',
                ),
                Message("tool", "seven"),
            ),
            GOOD,
        ),
    ),
    "prompts and completions": (
        {"prompt": "q", "completion": " good"},
        Row(1, "q", " good"),
    ),
    "prompts and completions that are messages": (
        {"prompt": [user("q")], "completion": [assistant("good")]},
        Row(1, ASKED, GOOD),
    ),
    "labels": (
        {"prompt": "q", "completion": "good", "label": True},
        Row(1, "q", "good", label=True),
    ),
    "labels in numbers": (
        {"prompt": "q", "completion": "good", "label": 0},
        Row(1, "q", "good", label=False),
    ),
    "messages with labels": (
        {"messages": [user("q"), assistant("good")], "label": "true"},
        Row(1, ASKED, GOOD, label=True),
    ),
    "a label that is another thing": (
        {"prompt": "q", "completion": "good", "label": "science"},
        Row(1, "q", "good"),
    ),
    "questions and answers": ({"question": "q", "answer": "good"}, Row(1, "q", "\n\ngood")),
    "texts": ({"text": "good"}, Row(1, "", "good")),
    "prompts": ({"prompt": "q", "source": "x"}, Row(1, "q", facts={"source": "x"})),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_told_by_its_columns(jsonl, name):
    given, wanted = FORMS[name]
    read = formats.read(jsonl([given]))
    assert read.rows == (wanted,)
    assert read.describe() == f"read as {read.format}: 1 rows"


@pytest.mark.parametrize("form", formats.FORMATS, ids=lambda form: form.name)
def test_every_form_can_be_named(jsonl, form):
    """By its own columns alone, each is told from the others."""
    said = [user("q"), assistant("good")]
    values = {form.turns: said, form.label: 1} if form.turns else {form.label: 1}
    values |= {name: [assistant("a")] if form.turns else "a" for name in (form.chosen,)}
    values |= {name: [assistant("b")] if form.turns else "b" for name in (form.rejected,)}
    values |= {form.prompt: "q"}
    if form.name == "dialogues":
        values = {side: [user("q"), assistant(side)] for side in ("chosen", "rejected")}
    if form.turns and form.rejected:
        values[form.turns] = said[:1]
    row = {name: value for name, value in values.items() if name}
    found = formats.read(jsonl([row]))
    assert (found.format, found.kind) == (form.title, form.kind)
    assert formats.read(jsonl([row]), form.name).rows == found.rows


def test_messages_in_a_table_are_read(tmp_path):
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["messages"])
        writer.writerow([json.dumps([user("q"), assistant("good")])])
    assert formats.read(path).rows == (Row(2, ASKED, GOOD),)


USELESS = {
    "the user's turn at the end": (
        {"messages": [user("q"), assistant("a"), user("q")]},
        "that end with the turn of the user",
    ),
    "no answer": ({"messages": [user("q")]}, "without an answer"),
    "no turns": ({"messages": []}, "without an answer"),
    "null": ({"messages": None}, "whose 'messages' is empty"),
    "an unknown role": ({"messages": [{"role": "sage", "content": "q"}]}, "unknown role 'sage'"),
    "a picture": (
        {"messages": [user([{"type": "image_url", "image_url": {"url": "u"}}]), assistant("a")]},
        "no text (image_url)",
    ),
    "no content": ({"messages": [user("q"), {"role": "assistant"}]}, "has no content"),
    "no role": ({"messages": [{"content": "q"}]}, "a turn without 'role' or 'from'"),
    "texts for turns": ({"messages": ["q", "a"]}, "no list of messages"),
    "other columns": ({"question": "q"}, "without 'messages'"),
}


@pytest.mark.parametrize("name", USELESS)
def test_a_row_of_no_use_is_dropped_and_named(jsonl, name):
    useless, why = USELESS[name]
    good = [{"messages": [user(f"q{n}"), assistant("a")]} for n in range(5)]
    read = formats.read(jsonl([*good[:2], useless, *good[2:]]))
    assert [row.line for row in read.rows] == [1, 2, 4, 5, 6]
    assert read.describe().startswith("read as messages, 1 of 6 rows dropped: 1 ")
    assert why in read.describe()
    assert "(line 3)" in read.describe()


@pytest.mark.parametrize(
    ("rejected", "why"),
    [(None, "whose 'rejected' is empty"), ([], "whose 'rejected' is empty"),
     (True, "'rejected' is bool")],
)  # fmt: skip
def test_a_pair_without_a_side_is_dropped(jsonl, rejected, why):
    good = [{"prompt": f"q{n}", "chosen": "a", "rejected": "b"} for n in range(3)]
    read = formats.read(jsonl([*good, {"prompt": "q", "chosen": "a", "rejected": rejected}]))
    assert len(read) == 3
    assert why in read.describe()


def test_dialogues_that_share_no_question_are_dropped(jsonl):
    given = [
        {"chosen": [user(one), assistant("a")], "rejected": [user(other), assistant("b")]}
        for one, other in (("q", "q"), ("q", "r"))
    ]
    read = formats.read(jsonl(given))
    assert [row.line for row in read.rows] == [1]
    assert "share no beginning" in read.describe()


def test_a_label_that_says_nothing_drops_its_row(jsonl):
    rows = [{"prompt": "q", "completion": f"a{n}", "label": n % 2} for n in range(4)]
    read = formats.read(jsonl([*rows, {"prompt": "q", "completion": "a", "label": "perhaps"}]))
    assert [row.label for row in read.rows] == [False, True, False, True]
    assert "without a label" in read.describe()


def test_a_file_of_no_use_is_refused_with_reasons_and_forms(jsonl):
    with pytest.raises(DataError, match=r"2 of 2 rows dropped: 2 without an answer") as caught:
        formats.read(jsonl([{"messages": [user("q")]}, {"messages": [user("r")]}]))
    assert "alpaca (instruction, output)" in str(caught.value)
    with pytest.raises(DataError, match="line 1: the columns are thesis, verdict") as caught:
        formats.read(jsonl([{"thesis": "q", "verdict": "a"}]))
    assert "sharegpt (conversations)" in str(caught.value)
    with pytest.raises(DataError, match="no rows"):
        formats.read(jsonl([]))


def test_columns_can_be_mapped_and_the_form_named(jsonl):
    path = jsonl([{"thesis": "q", "verdict": "good"}, {"thesis": "r"}])
    read = formats.read(path, columns="prompt:thesis,completion:verdict")
    assert read.rows[0] == Row(1, "q", "good", facts={"thesis": "q", "verdict": "good"})
    assert "1 without 'completion' (line 2)" in read.describe()
    with pytest.raises(DataError, match="no column 'absent'"):
        formats.read(path, columns="prompt:absent")
    both = jsonl([{"prompt": "q", "completion": "a", "text": "whole"}], "both.jsonl")
    assert formats.read(both, "text").rows[0].chosen == "whole"
    with pytest.raises(UnknownNameError, match="alpaca"):
        formats.read(path, "alpacca")


def test_some_rows_with_turns_make_all_conversations(jsonl):
    given = [
        {"system": system, "question": "q", "chosen": "good", "rejected": "bad"}
        for system in ("be kind", "")
    ]
    read = formats.read(jsonl(given))
    assert [row.prompt for row in read.rows] == [(BE_KIND, *ASKED), ASKED]
    assert {row.chosen for row in read.rows} == {GOOD}


def test_dialogues_that_part_early_are_cut_at_the_last_shared_question(jsonl):
    start = "\n\nHuman: one\n\nAssistant:"
    (row,) = formats.read(
        jsonl(
            [{"chosen": start + " yes\n\nHuman: ok\n\nAssistant: good", "rejected": start + " no"}]
        )
    ).rows
    assert (row.prompt, row.rejected) == (start, " no")
    long, short = (
        [user("q"), assistant("a"), user("r"), assistant("b")],
        [user("q"), assistant("a")],
    )
    other = [*short, user("s"), assistant("c")]
    (row,) = formats.read(jsonl([{"chosen": long, "rejected": other}])).rows
    assert row.prompt == ASKED
    assert row.chosen == (
        Message("assistant", "a"), Message("user", "r"), Message("assistant", "b"),
    )  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab \n", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "from", "value", "tool_calls", "type", "text"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)
TURNS = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool"])},
        optional={"content": JSON, "tool_calls": JSON, "function_call": JSON},
    ),
    max_size=2,
)


@settings(deadline=None, max_examples=200)
@given(JSON | TURNS)
def test_any_value_is_turns_or_unusable(value):
    try:
        found = turns.conversation(value)
    except turns.Unusable as reason:
        assert str(reason)
    else:
        assert all(isinstance(turn.content, str) for turn in found)


COLUMNS = sorted({column for form in formats.FORMATS for column in form.needed})


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.dictionaries(st.sampled_from(COLUMNS), JSON, min_size=1), min_size=1, max_size=4)
)
def test_any_rows_are_read_or_refused_with_a_reason(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("any") / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    try:
        read = formats.read(path)
    except DataError as error:
        assert "Expected" in str(error)
    else:
        dropped = {line for lines in read.dropped.values() for line in lines}
        assert len(read) + len(dropped) == read.total == len(rows)


@pytest.mark.shared
def test_reads_hh_rlhf(shared):
    rows = formats.read(shared / "data/hh_rlhf/harmless-base_test.jsonl.gz")
    assert len(rows) == 2312
    assert all(str(row.prompt).endswith("\n\nAssistant:") for row in rows.rows)
    first = rows.rows[0]
    assert str(first.chosen).startswith(" No, sorry!")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.jsonl"):
        formats.read(tmp_path / "absent.jsonl")
