"""``chat``: reading conversations, holding them, and scoring turn by turn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DataError, UnknownNameError, UsageError
from harness.protocols import FollowUp, TaskOptions
from harness.types import MODEL, Ask, Completion, DataSource, Generate, Message, Round, Sample
from harness_tasks.conversations import rules
from harness_tasks.conversations.reading import turns_of
from harness_tasks.conversations.task import Chat, open_chat


def read(tmp_path: Path, *found: Mapping[str, Any]) -> list[Sample]:
    path = tmp_path / "chat.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in found), "utf-8")
    return list(chat().samples(DataSource("path", str(path), (str(path),))))


def chat(**values: str) -> Chat:
    task = open_chat(TaskOptions(values))
    assert isinstance(task, Chat)
    assert isinstance(task, FollowUp)
    return task


def hold(task: Chat, sample: Sample, answers: Sequence[str]) -> tuple[list[Any], dict[str, Any]]:
    """The prompts of a conversation, and its scores."""
    rounds: list[Round] = []
    (request,) = task.requests(sample, ())
    prompts = []
    asks = [Ask(MODEL, request)]
    for answer in answers:
        assert len(asks) == 1
        asked = asks[0].request
        assert isinstance(asked, Generate)
        prompts.append(asked.prompt)
        rounds.append(Round(tuple(asks), (Completion(answer),)))
        asks = list(task.follow_up(sample, rounds))
    assert asks == []
    return prompts, dict(task.score(sample, [Completion(answer) for answer in answers]))


TWO = {
    "id": "x",
    "system": "Be brief.",
    "turns": [
        {"user": "Capital of France?", "reference": "Paris", "rules": {"max_words": 2}},
        {"user": "Of Italy?", "reference": ["Rome", "Roma"], "rules": {"max_words": 2}},
    ],
}


def test_each_turn_sees_the_models_own_answers(tmp_path: Path) -> None:
    (sample,) = read(tmp_path, TWO)
    prompts, scores = hold(chat(), sample, ["paris", "It is Rome."])
    assert prompts[0] == (Message("system", "Be brief."), Message("user", "Capital of France?"))
    assert prompts[1] == (
        *prompts[0],
        Message("assistant", "paris"),
        Message("user", "Of Italy?"),
    )
    assert scores["exact_match"] == 0.5
    assert scores["f1"] == pytest.approx((1 + 0.5) / 2)
    assert (scores["rules"], scores["all_rules"]) == (0.5, 0.0)
    assert (scores["first_turn_rules"], scores["last_turn_rules"]) == (1.0, 0.0)
    assert scores["answer_words"] == 2.0
    assert hold(chat(), sample, ["Paris", "Roma"])[1]["all_rules"] == 1.0


def test_a_base_model_gets_text(tmp_path: Path) -> None:
    (sample,) = read(tmp_path, TWO)
    prompts, _ = hold(chat(style="text"), sample, [" Paris\n", "Rome"])
    assert prompts[1] == (
        "Be brief.\n\nUser: Capital of France?\nAssistant: Paris\nUser: Of Italy?\nAssistant:"
    )
    with pytest.raises(UnknownNameError, match="style"):
        chat(style="html")


def test_an_answer_that_was_begun_is_one_turn(tmp_path: Path) -> None:
    (sample,) = read(tmp_path, TWO)
    begun = (Message("user", "q"), Message("assistant", "It is"))
    round_ = Round((Ask(MODEL, Generate(begun)),), (Completion(" Paris"),))
    (ask,) = chat().follow_up(sample, [round_])
    assert isinstance(ask.request, Generate)
    assert ask.request.prompt[1:] == (
        Message("assistant", "It is Paris"),
        Message("user", "Of Italy?"),
    )


@pytest.mark.parametrize(
    "row",
    [
        {"turns": ["a", "b"], "reference": ["x"]},
        {"turns": [{"user": "a", "reference": "x"}, {"user": "b"}]},
        {"messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "x"},
            {"role": "user", "content": "b"},
        ]},
    ],
)  # fmt: skip
def test_forms_of_conversations(tmp_path: Path, row: Mapping[str, Any]) -> None:
    (sample,) = read(tmp_path, {**row, "question_id": 81})
    assert sample.id == "81"
    assert [(turn.user, turn.references) for turn in turns_of(sample)] == [("a", ("x",)), ("b", ())]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "neither 'turns' nor 'messages'"),
        ({"turns": []}, "there are no turns"),
        ({"turns": [""]}, "turn 1 is empty"),
        ({"turns": [3]}, "turn 1 has no text"),
        ({"turns": [{"user": "a", "rule": {}}]}, "the key 'rule'"),
        ({"turns": [{"user": "a", "reference": 3}]}, "the reference of turn 1 is no text"),
        ({"turns": [{"user": "a", "rules": []}]}, "the rules of turn 1 are no object"),
        ({"turns": [{"user": "a", "rules": {"contain": "x"}}]}, "the rule 'contain'"),
        ({"turns": [{"user": "a", "rules": {"contains": []}}]}, "contains is"),
        ({"turns": [{"user": "a", "rules": {"contains": ""}}]}, "contains is"),
        ({"turns": [{"user": "a", "rules": {"max_words": -1}}]}, "max_words is '-1'"),
        ({"turns": [{"user": "a", "rules": {"max_words": True}}]}, "max_words is 'True'"),
        ({"turns": [{"user": "a", "rules": {"json": "yes"}}]}, "json is 'yes'"),
        ({"turns": ["a"], "reference": ["x", "y"]}, "2 references and 1 turns"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, "of the role 'assistant'"),
        ({"messages": [{"role": "system", "content": "a"}]}, "no messages of the user"),
        ({"messages": [{"role": "user", "content": "a"}] * 2}, "message 2 is of the role 'user'"),
        ({"messages": [{"role": "user"}]}, "message 1 has no text"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, row: Mapping[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, TWO, row)
    assert "line 2" in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "value", "good", "bad"),
    [
        ("contains", ["a", "b"], "B and A", "a alone"),
        ("contains_any", ["a", "b"], "b", "c"),
        ("excludes", "refund", "no", "A Refund!"),
        ("equals", ["yes", "no"], " Yes\n", "yes."),
        ("starts_with", "dear", " Dear Ada", "My dear"),
        ("ends_with", ["done", "done."], "Blue, done.\n", "done it"),
        ("min_words", 2, "a b", "a"),
        ("max_words", 2, "a b", "a b c"),
        ("json", True, '{"a": [1]}', "{'a': 1}"),
        ("json", True, "1", "NaN"),
        ("json", False, "prose", "{}"),
    ],
)
def test_rules(rule: str, value: Any, good: str, bad: str) -> None:
    assert rules.fault(rule, value) is None
    assert rules.kept(good, {rule: value}) == [True]
    assert rules.kept(bad, {rule: value}) == [False]


def test_a_deep_answer_is_no_json() -> None:
    assert rules.kept("[" * 100_000, {"json": True}) == [False]


@given(st.text(), st.sampled_from(sorted(rules.KINDS)))
def test_any_answer_keeps_a_rule_or_not(answer: str, name: str) -> None:
    value = {"texts": "x", "count": 3, "flag": True}[rules.KINDS[name].takes]
    assert rules.kept(answer, {name: value}) in ([True], [False])


def test_solved_examples_are_refused(tmp_path: Path) -> None:
    (sample,) = read(tmp_path, TWO)
    with pytest.raises(UsageError, match="no solved examples"):
        chat().requests(sample, [sample])
    with pytest.raises(UsageError, match="no data set on the hub"):
        list(chat().samples(DataSource("hub", "hub")))


def test_what_has_no_reference_has_no_score_of_one(tmp_path: Path) -> None:
    (sample,) = read(tmp_path, {"turns": ["a", "b"]})
    _, scores = hold(chat(), sample, ["x", ""])
    assert scores == {"answer_words": 0.5}
