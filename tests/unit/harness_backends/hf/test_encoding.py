"""The rules that turn text into token ids."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.authoring.chat.encoding import (
    Encoder,
    EncodingError,
    Prefix,
    Scored,
    rolling_windows,
    scored_window,
    split_boundary,
)
from harness.errors import ModelError
from harness.types import Generate, Loglikelihood, Message, RollingLoglikelihood, Sampling

TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
tokens = st.lists(st.integers(2, 90), max_size=60).map(tuple)


@given(st.text(max_size=30), st.text(max_size=10))
def test_boundary_moves_all_trailing_white_space(context: str, continuation: str) -> None:
    left, right = split_boundary(context, continuation)
    assert left + right == context + continuation
    assert left == left.rstrip()
    assert right.endswith(continuation)


@settings(deadline=None)
@given(tokens, st.integers(2, 20))
def test_rolling_windows_score_every_token_once(ids: tuple[int, ...], max_length: int) -> None:
    windows = list(rolling_windows(ids, 1, max_length))
    scored = [token for window in windows for token in window.tokens[-window.targets :]]
    assert tuple(scored) == ids
    padded = (1, *ids)
    end = 0
    for window in windows:
        assert 0 < window.targets < len(window.tokens) <= max_length + 1
        end += window.targets
        assert padded[end + 1 - len(window.tokens) : end + 1] == window.tokens
    for window in windows[1:]:  # filled with context that was scored already
        assert len(window.tokens) == max_length + 1


@given(tokens.filter(bool), tokens.filter(bool), st.integers(2, 50))
def test_scored_window_keeps_the_end(
    context: tuple[int, ...], continuation: tuple[int, ...], max_length: int
) -> None:
    if len(continuation) > max_length:
        with pytest.raises(EncodingError, match=f"{len(continuation)} tokens"):
            scored_window(context, continuation, max_length)
        return
    window = scored_window(context, continuation, max_length)
    whole = context + continuation
    assert window.tokens == whole[-(max_length + 1) :]
    assert window.targets == len(continuation) < len(window.tokens)
    assert window.truncated == (len(whole) > max_length + 1)


def one_by_one(tokenizer: Any, context: str, continuation: str) -> tuple[list[int], list[int]]:
    """The field's rule, written out for one pair."""
    spaces = len(context) - len(context.rstrip())
    if spaces:
        context, continuation = context[:-spaces], context[-spaces:] + continuation
    whole, before = tokenizer.encode(context + continuation), tokenizer.encode(context)
    return before, whole[len(before) :]


texts = st.text(alphabet="the qu\n.sea é", min_size=1, max_size=20)


@settings(deadline=None, max_examples=60)
@given(pairs=st.lists(st.tuples(texts.filter(str.strip), texts), min_size=1, max_size=6))
def test_batches_encode_as_single_pairs(tokenizer: Any, pairs: list[tuple[str, str]]) -> None:
    encoder = Encoder(tokenizer, 128, chat=False)
    encoded = encoder.loglikelihoods([Loglikelihood(*pair) for pair in pairs])
    for pair, scored in zip(pairs, encoded, strict=True):
        before, after = one_by_one(tokenizer, *pair)
        if after:
            assert scored == Scored((*before, *after), len(after))
        else:
            assert isinstance(scored, EncodingError)


def test_empty_context_is_bos(tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, 128, chat=False)
    bare = tokenizer.encode("the sea", add_special_tokens=False)
    (scored,) = encoder.loglikelihoods([Loglikelihood("", "the sea")])
    assert scored == Scored((0, *bare), len(bare))
    # A text that brings its own BOS: that one is the context.
    (same,) = encoder.loglikelihoods([Loglikelihood("", "<s>the sea")])
    assert same == scored


def test_bos_is_never_doubled(tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, 128, chat=False)
    plain, marked = encoder.prompts(
        [Generate("the sea", Sampling(5)), Generate("<s>the sea", Sampling(5))]
    )
    assert plain == marked
    assert isinstance(plain, Prefix)
    assert plain.tokens.count(0) == 1


def test_prompts_are_cut_on_the_left_to_leave_room(tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, 16, chat=False)
    text = "one two three four five six seven eight nine ten"
    whole = tuple(tokenizer.encode(text))
    short, none = encoder.prompts([Generate(text, Sampling(6)), Generate(text, Sampling(16))])
    assert short == Prefix(whole[-10:], True)
    assert isinstance(none, EncodingError)
    assert "max_tokens 16" in str(none)


@pytest.mark.parametrize("text", ["the sea", "<s>the sea"])
def test_rolling_feeds_one_bos_and_does_not_score_it(tokenizer: Any, text: str) -> None:
    encoder = Encoder(tokenizer, 128, chat=False)
    (windows,) = encoder.rolling([RollingLoglikelihood(text)])
    ids = tokenizer.encode("the sea", add_special_tokens=False)
    assert windows == (Scored((0, *ids), len(ids)),)


@pytest.fixture
def closing_tokenizer(tokenizer: Any) -> Any:
    """As it is saved by a training with ``add_eos_token``: an end behind every text."""
    import copy

    from tokenizers import processors

    closing = copy.deepcopy(tokenizer)
    closing.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    assert closing.encode("the sea")[-1] == 1
    return closing


REQUESTS = [
    Loglikelihood("the sea", " is old"),
    Loglikelihood("", "the sea"),
    Loglikelihood("<s>the sea", " is"),
]


def test_a_tokenizer_that_closes_texts_asks_the_same(
    tokenizer: Any, closing_tokenizer: Any
) -> None:
    plain, closing = (Encoder(each, 128, chat=False) for each in (tokenizer, closing_tokenizer))
    assert closing.loglikelihoods(REQUESTS) == plain.loglikelihoods(REQUESTS)
    texts = [RollingLoglikelihood("the sea")]
    assert closing.rolling(texts) == plain.rolling(texts)
    prompts = [Generate("the sea", Sampling(5)), Generate("", Sampling(5))]
    assert closing.prompts(prompts) == plain.prompts(prompts)


def test_an_encoders_input_ends_once_as_its_tokenizer_ends_it(closing_tokenizer: Any) -> None:
    encoder = Encoder(closing_tokenizer, 128, chat=False, ends=True)
    encoded = encoder.encode_many(["the sea", "<s>the sea", "the sea</s>"])
    assert set(encoded.values()) == {tuple(closing_tokenizer.encode("the sea"))}


@settings(deadline=None, max_examples=60)
@given(text=st.text(alphabet="the qu\n.sea é", max_size=20), marks=st.sampled_from(["", "<s>"]))
def test_a_beginning_of_several_tokens_is_written_once(
    tokenizer: Any, text: str, marks: str
) -> None:
    import copy

    from tokenizers import processors

    odd = copy.deepcopy(tokenizer)
    odd.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="</s> <s> $A", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    start = "</s>" + marks if marks else ""
    encoded = Encoder(odd, 128, chat=False).encode_many([start + text])[start + text]
    assert encoded[:2] == (1, 0)
    assert not {0, 1} & set(encoded[2:])


def test_empty_continuation_scores_nothing(tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, 128, chat=False)
    (scored,) = encoder.loglikelihoods([Loglikelihood("the sea", "")])
    assert isinstance(scored, Scored)
    assert scored.targets == 0


@pytest.fixture
def chat_tokenizer(tokenizer: Any) -> Any:
    import copy

    chat = copy.deepcopy(tokenizer)
    chat.chat_template = TEMPLATE
    return chat


@pytest.mark.parametrize("template", [TEMPLATE, "{{ bos_token }}" + TEMPLATE])
def test_a_template_that_writes_bos_gets_no_second_one(chat_tokenizer: Any, template: str) -> None:
    chat_tokenizer.chat_template = template
    encoder = Encoder(chat_tokenizer, 128, chat=True)
    (prompt,) = encoder.prompts([Generate("the sea", Sampling(5))])
    (scored,) = encoder.loglikelihoods([Loglikelihood("the sea", " old")])
    for encoded in (prompt, scored):
        assert not isinstance(encoded, EncodingError)
        assert encoded.tokens[0] == 0
        assert encoded.tokens.count(0) == 1


def test_chat_wraps_prompts_and_contexts(chat_tokenizer: Any) -> None:
    encoder = Encoder(chat_tokenizer, 128, chat=True)
    wrapped = "<user>the sea<assistant>"
    (prompt,) = encoder.prompts([Generate("the sea", Sampling(5))])
    assert isinstance(prompt, Prefix)
    assert prompt.tokens == tuple(chat_tokenizer.encode(wrapped))
    (scored,) = encoder.loglikelihoods([Loglikelihood("the sea", " old")])
    before, after = one_by_one(chat_tokenizer, wrapped, "old")
    assert scored == Scored((*before, *after), len(after))


def test_chat_leaves_empty_contexts_and_rolling_alone(chat_tokenizer: Any) -> None:
    with_chat, without = (Encoder(chat_tokenizer, 128, chat=chat) for chat in (True, False))
    empty = [Loglikelihood("", " the sea")]
    assert with_chat.loglikelihoods(empty) == without.loglikelihoods(empty)
    text = [RollingLoglikelihood("the sea")]
    assert with_chat.rolling(text) == without.rolling(text)


def test_messages_use_the_template_even_when_switched_off(chat_tokenizer: Any) -> None:
    encoder = Encoder(chat_tokenizer, 128, chat=False)
    turns = (Message("system", "be brief"), Message("user", "the sea"))
    assert encoder.render(turns) == "<system>be brief<user>the sea<assistant>"


def test_a_template_that_refuses_is_an_error_with_a_way_out(chat_tokenizer: Any) -> None:
    chat_tokenizer.chat_template = "{{ raise_exception('no system turns') }}"
    with pytest.raises(ModelError, match="no system turns") as raised:
        Encoder(chat_tokenizer, 128, chat=True).render("the sea")
    assert "chat_template=off" in str(raised.value)


def test_each_form_of_conversation_is_rendered_before_the_first_answer(chat_tokenizer: Any) -> None:
    chat_tokenizer.chat_template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system turns') }}{% endif %}"
    )
    encoder = Encoder(chat_tokenizer, 128, chat=True)
    user, system = Message("user", "the sea"), Message("system", "be brief")
    fine = [Generate((user,)), Generate("the sea"), Loglikelihood("", " the sea")]
    encoder.check_turns([*fine, RollingLoglikelihood("the sea")])
    with pytest.raises(ModelError, match=r"turns: system, user.*no system turns"):
        encoder.check_turns([*fine, Loglikelihood((system, user), " the sea")])


def test_messages_without_a_template_are_an_error(tokenizer: Any) -> None:
    with pytest.raises(ModelError, match="chat template"):
        Encoder(tokenizer, 128, chat=False).render((Message("user", "the sea"),))


def test_a_conversation_may_end_where_the_answer_has_begun(chat_tokenizer) -> None:
    encoder = Encoder(chat_tokenizer, 128, chat=False)
    turns = (Message("user", "a"), Message("assistant", "It is"))
    assert encoder.render(turns) == "<user>a<assistant>It is"
    assert encoder.pair(Loglikelihood(turns, " b")) == ("<user>a<assistant>It is", " b")
    assert encoder.pair(Loglikelihood(turns[:1], " b")) == ("<user>a<assistant>", "b")


TURNED = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.mark.parametrize("begun", ["The answer is", "  The answer is ", "The answer is: <user>"])
def test_an_assistants_last_turn_is_gone_on_with(chat_tokenizer: Any, begun: str) -> None:
    chat_tokenizer.chat_template = TURNED
    encoder = Encoder(chat_tokenizer, 128, chat=False)
    turns = (Message("user", "Why?"), Message("assistant", begun))
    assert encoder.render(turns) == f"<user>Why?<end><assistant>{begun.strip()}"
    answered = Loglikelihood(turns, " A")
    assert encoder.pair(answered) == (f"<user>Why?<end><assistant>{begun.strip()}", " A")
    asked = Loglikelihood((Message("user", "Why?"),), " A")
    assert encoder.pair(asked) == ("<user>Why?<end><assistant>", "A")


def test_a_template_that_changes_the_begun_answer_is_named(chat_tokenizer: Any) -> None:
    chat_tokenizer.chat_template = "{% for m in messages %}{{ m.content | upper }}{% endfor %}"
    encoder = Encoder(chat_tokenizer, 128, chat=False)
    with pytest.raises(ModelError, match="does not write the assistant's words"):
        encoder.render((Message("user", "Why?"), Message("assistant", "Since")))
