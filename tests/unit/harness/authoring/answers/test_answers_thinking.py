"""Thinking is set aside before stop strings are looked for and before anything is scored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.authoring.answers import thinking
from harness.authoring.answers.thinking import MARKS, completion, split
from harness.authoring.io import serialization
from harness.types import Completion, Failed, Logprob

WORDS = st.text("abc .\n", max_size=30)


@pytest.mark.parametrize(("opening", "closing"), MARKS)
@given(thought=WORDS, answer=st.text("xyz .", min_size=1).filter(str.strip))
def test_a_block_before_the_answer_is_set_aside(opening, closing, thought, answer):
    for text in (
        f"{opening}{thought}{closing}\n\n{answer}",
        f"\n{opening.upper()}\n{thought}\n{closing.upper()}{answer}",
        f"{thought}\n{closing}\n{answer}",  # the prompt opened the block
    ):
        done = completion(text, stop=("\n",), tokens=7)
        assert done == Completion(answer.lstrip(), "stop", 7, None, thought.strip())


@pytest.mark.parametrize(("opening", "_closing"), MARKS)
@given(thought=WORDS)
def test_an_unclosed_block_is_a_cut_off_answer(opening, _closing, thought):
    done = completion(f"{opening}{thought}", "stop", ("\n",))
    assert (done.text, done.finish_reason, done.thinking) == ("", "length", thought.strip())
    assert done.cut_off


@given(st.text("ab<>/think[]|\n"))
def test_text_without_marks_stays_as_it_is(text):
    parts = split(text)
    if not any(mark in text.lower() for pair in MARKS for mark in map(str.lower, pair)):
        assert (parts.thinking, parts.answer, parts.closed) == (None, text, True)


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("<think>a</think>one <think>b</think>two", "a\n\nb", "one two"),
        ("<think>is </think> a mark?</think>yes", "a mark?\n\nis", "yes"),
        ("<think></think>\n\nB", "", "B"),
        ("<think>x</think><answer>plums</answer>", "x", "plums"),
        ("the mark `<think>` opens", None, "the mark `<think>` opens"),
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
            "<|channel|>final<|message|>B<|return|>",
            "Hm.",
            "B",
        ),
        ("<|channel|>final<|message|>B", None, "B"),
        ("analysisWe look at it.assistantfinalB", "We look at it.", "B"),
        ("analysis of a poem", None, "analysis of a poem"),
    ],
)
def test_forms_of_thinking(text, thought, answer):
    parts = split(text)
    assert parts.closed
    assert (parts.thinking, parts.answer) == (thought, answer)


@pytest.mark.parametrize("text", ["<|channel|>analysis<|message|>We", "analysisWe look"])
def test_thinking_in_a_channel_that_never_ends(text):
    assert completion(text).cut_off


@pytest.mark.parametrize(
    ("text", "answer", "ended"),
    [
        ("\nplums", "\nplums", False),
        ("\n\nplums\nfigs", "\n\nplums", True),
        ("plums\n\nfigs", "plums", True),
        ("<think>\na\n\nb\n</think>\n\nplums\nmore", "plums", True),
        ("<think>\na\n\nb", "", False),
    ],
)
def test_a_line_end_ends_nothing_before_the_first_visible_character(text, answer, ended):
    stop = ("\n", "\n\n")
    assert completion(text, "length", stop).text == answer
    assert thinking.has_ended(text, stop) == ended


@given(st.text("ab \n", max_size=20), st.lists(st.text("a\n ", max_size=3), max_size=3))
def test_what_has_ended_is_what_is_cut(text, stop):
    assert thinking.has_ended(text, stop) == thinking.cut_at_stop(text, stop)[1]
    answer, stopped = thinking.cut_at_stop(text, stop)
    assert text.startswith(answer)
    assert stopped == (answer != text) or text == answer


def test_a_servers_own_thinking_is_kept_beside_that_in_the_text():
    done = completion("<think>b</think>yes", thinking="a")
    assert (done.text, done.thinking) == ("yes", "a\n\nb")
    assert completion("yes", thinking="a").thinking == "a"


def test_what_a_backend_left_in_its_text_is_set_aside_too():
    assert thinking.set_aside(Completion("<think>a</think>b", "stop", 9)) == Completion(
        "b", "stop", 9, None, "a"
    )
    for other in (Completion(" b\n", "length"), Logprob(-1.0, 1, True), Failed("no")):
        assert thinking.set_aside(other) is other


def test_an_answer_cut_by_a_server_inside_its_thinking_is_asked_again():
    assert thinking.needs_whole("<think>", "stop", ("\n",))
    assert thinking.needs_whole("", "stop", ("\n",))
    assert not thinking.needs_whole("yes", "stop", ("\n",))
    assert not thinking.needs_whole("", "stop", ())
    assert not thinking.needs_whole("<think>", "length", ("\n",))


@pytest.mark.parametrize(
    ("prompt", "mark"),
    [("<|assistant|>\n<think>\n", "<think>"), ("a<THINK>", "<THINK>"), ("<think>a", ""), ("", "")],
)
def test_a_prompt_that_opens_the_block(prompt, mark):
    assert thinking.opening_of(prompt) == mark


def test_thinking_survives_the_store_and_older_responses_load():
    done = Completion("b", "stop", 9, -1.0, "a")
    assert serialization.response_from_json(serialization.response_to_json(done)) == done
    old = {"type": "completion", "text": "b", "finish_reason": "stop", "tokens": 1, "logprob": None}
    assert serialization.response_from_json(old) == Completion("b", "stop", 1)
