"""Stop strings and EOS."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.authoring.answers.thinking import cut_at_stop
from harness_backends.hf.stopping import StopRules

stops = st.lists(st.text(alphabet="ab.\né", max_size=3), max_size=3)


@given(st.text(alphabet="ab.\né", max_size=20), stops)
def test_cut_is_the_text_before_the_first_stop(text: str, stop: list[str]) -> None:
    cut, found = cut_at_stop(text, stop)
    assert text.startswith(cut)
    start = len(text) - len(text.lstrip())  # white space alone ends nothing before this
    places = [
        place
        for term in stop
        for place in range(0 if term.strip() else start, len(text))
        if term and text.startswith(term, place)
    ]
    assert found == bool(places)
    if found:
        assert len(cut) == min(places)
    else:
        assert cut == text


@settings(deadline=None)
@given(ids=st.lists(st.integers(2, 319), min_size=1, max_size=12), stop=stops)
def test_watching_finds_what_the_rule_says(tokenizer: Any, ids: list[int], stop: list[str]) -> None:
    rules = StopRules(tokenizer, frozenset({1}))
    first = next(
        (n for n in range(1, len(ids) + 1) if cut_at_stop(rules.text(ids[:n]), stop)[1]), None
    )
    watched = next((n for n in range(1, len(ids) + 1) if rules.finished(ids[:n], stop)), None)
    assert watched == first


THOUGHT = "\n\nIt is. ### No.\n\nYes."


@pytest.fixture(scope="module")
def thinker(tokenizer: Any) -> Any:
    """The tokenizer with special tokens that mark thinking, and two for channels."""
    thinker = copy.deepcopy(tokenizer)
    marks = ["[THINK]", "[/THINK]", "<|channel|>", "<|message|>", "<|end|>", "<|other|>"]
    thinker.add_special_tokens({"additional_special_tokens": marks})
    return thinker


@pytest.mark.parametrize(
    ("prompt", "said", "answer"),
    [
        ("Q", f"[THINK]{THOUGHT}[/THINK]\n\nthe sea\nand", "the sea"),
        ("Q[THINK]\n", f"{THOUGHT}[/THINK]\n\nthe sea\nand", "the sea"),
        ("Q<think>\n", f"{THOUGHT}</think>\n\nthe sea\nand", "the sea"),
        (
            "Q",
            f"<|channel|>analysis<|message|>{THOUGHT}<|end|>"
            "<|channel|>final<|message|>the sea\nand",
            "the sea",
        ),
        ("Q", "\n\nthe sea\nand", "\n\nthe sea"),
        ("Q", "<|other|>the sea\nand", "the sea"),
    ],
)
def test_no_stop_string_fires_inside_the_thinking(
    thinker: Any, prompt: str, said: str, answer: str
) -> None:
    rules = StopRules(thinker, frozenset({1}))
    opening = rules.opening(thinker.encode(prompt, add_special_tokens=False))
    ids = thinker.encode(said, add_special_tokens=False)
    stop = ("\n", "###")
    ended = next(n for n in range(1, len(ids) + 1) if rules.finished(ids[:n], stop, opening))
    done = rules.completion(ids[:ended], stop, -1.0, opening)
    assert (done.text, done.finish_reason, done.tokens) == (answer, "stop", ended)
    assert done.thinking == (
        THOUGHT.strip() if "THINK" in prompt.upper() + said.upper() or "analysis" in said else None
    )
    cut = rules.completion(ids[:6], stop, -1.0, opening)
    if done.thinking:
        assert (cut.text, cut.finish_reason) == ("", "length")


def test_eos_ends_and_leaves_no_text(tokenizer: Any) -> None:
    rules = StopRules(tokenizer, frozenset({1}))
    ids = tokenizer.encode("the sea", add_special_tokens=False)
    assert not rules.finished(ids, ("!",))
    assert rules.finished([*ids, 1], ())
    done = rules.completion([*ids, 1], (), -1.5)
    assert (done.text, done.finish_reason, done.tokens) == ("the sea", "stop", len(ids) + 1)
    assert rules.completion(ids, (), -1.5).finish_reason == "length"
    assert rules.completion(ids, ("sea",), -1.5).text == "the "
