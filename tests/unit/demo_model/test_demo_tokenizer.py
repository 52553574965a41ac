"""The tokenizer loses nothing, and writes an answer with the same tokens wherever it stands."""

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from demo_model.corpus import Document
from demo_model.encoding import encode, render
from demo_model.examples import Example
from demo_model.tokenizer import SPECIAL_TOKENS, train_tokenizer
from harness_backends.demo import weights_folder

EXAMPLE = Example("qa", "Background: Anna lives in Porto.\n\nQuestion: Where?\n\nAnswer:", "Porto")


@pytest.fixture(scope="module")
def shipped():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(weights_folder()))


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁<")))
@hypothesis_settings(deadline=None, max_examples=200)
def test_every_text_comes_back(shipped, text):
    tokens = shipped(text).input_ids
    assert tokens[0] == shipped.bos_token_id
    assert shipped.decode(tokens, skip_special_tokens=True) == text


def test_the_shipped_one_is_what_the_script_trains(shipped):
    trained = train_tokenizer(0, 1024)
    assert trained.get_vocab() == shipped.get_vocab()
    text = "Mögen Sie Käse?\n\nAnswer: 漢 Porto"
    assert trained(text).input_ids == shipped(text).input_ids
    assert trained.chat_template == shipped.chat_template


def test_an_answer_has_the_same_tokens_everywhere(shipped):
    def tail(text):
        return shipped(text).input_ids[-1]

    chat = shipped.apply_chat_template(
        [{"role": "user", "content": EXAMPLE.prompt}], tokenize=False, add_generation_prompt=True
    )
    assert tail("Answer: Porto") == tail(f"{chat}Porto") == tail("She lives in Porto")


def test_training_sees_what_the_chat_template_writes(shipped):
    text, _ = render(Document((EXAMPLE,), chat=True))
    messages = [
        {"role": "user", "content": EXAMPLE.prompt},
        {"role": "assistant", "content": EXAMPLE.answer},
    ]
    whole = shipped.apply_chat_template(messages, tokenize=False)
    assert whole == shipped.bos_token + text
    (row,) = encode(shipped, [Document((EXAMPLE,), chat=True)], 1024)
    assert row.tokens == shipped(whole, add_special_tokens=False).input_ids


@pytest.mark.parametrize("chat", [False, True])
def test_only_answers_and_their_ends_carry_loss(shipped, chat):
    follow_up = Example("qa", "Question: Who?\n\nAnswer:", "Anna")
    (row,) = encode(shipped, [Document((EXAMPLE, follow_up), chat=chat)], 1024)
    weighed = [token for token, weight in zip(row.tokens, row.weights, strict=True) if weight]
    end = "<|end|>" if chat else "\n"
    assert shipped.convert_ids_to_tokens(weighed) == ["▁Porto", "\n", "▁Anna", end]


def test_plain_texts_carry_loss_throughout(shipped):
    (row,) = encode(shipped, [Document((Example("story", "", "A day."),), chat=False)], 1024)
    assert row.weights[0] == 0 and all(row.weights[1:])
    assert row.tokens[-1] == shipped.eos_token_id


def test_too_long_documents_are_left_out(shipped):
    assert encode(shipped, [Document((EXAMPLE,), chat=False)], 5) == []


def test_special_tokens_are_single(shipped):
    for token in SPECIAL_TOKENS:
        assert len(shipped(token, add_special_tokens=False).input_ids) == 1
