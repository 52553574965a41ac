"""Stop strings and EOS."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness_backends.hf.stopping import StopRules, cut_at_stop

stops = st.lists(st.text(alphabet="ab.\né", max_size=3), max_size=3)


@given(st.text(alphabet="ab.\né", max_size=20), stops)
def test_cut_is_the_text_before_the_first_stop(text: str, stop: list[str]) -> None:
    cut, found = cut_at_stop(text, stop)
    assert text.startswith(cut)
    terms = [term for term in stop if term]
    assert found == any(term in text for term in terms)
    if found:
        assert any(text.startswith(term, len(cut)) for term in terms)
        assert not any(0 <= text.find(term) < len(cut) for term in terms)
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


def test_eos_ends_and_leaves_no_text(tokenizer: Any) -> None:
    rules = StopRules(tokenizer, frozenset({1}))
    ids = tokenizer.encode("the sea", add_special_tokens=False)
    assert not rules.finished(ids, ("!",))
    assert rules.finished([*ids, 1], ())
    done = rules.completion([*ids, 1], (), -1.5)
    assert (done.text, done.finish_reason, done.tokens) == ("the sea", "stop", len(ids) + 1)
    assert rules.completion(ids, (), -1.5).finish_reason == "length"
    assert rules.completion(ids, ("sea",), -1.5).text == "the "
