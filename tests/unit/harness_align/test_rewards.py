"""Reward expressions, functions and their errors."""

from __future__ import annotations

import pytest

from harness import plugins
from harness.errors import DataError, ModelError, UnknownNameError, UsageError
from harness_align import reward_model, rewards
from harness_align.rewards import FunctionReward, TaskReward, Term, WeightedSum


@pytest.fixture
def functions(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "def length(prompts, texts):\n    return [len(text) for text in texts]\n"
        "def some(prompts, texts):\n    return [None if 'x' in text else 1 for text in texts]\n"
        "value = 3\n"
    )
    return path


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("task:sst2", [(1.0, "task:sst2")]),
        ("./reward model", [(1.0, "./reward model")]),
        (
            "0.7*task:squad.f1 + 0.3 * plugin:a.py:f",
            [(0.7, "task:squad.f1"), (0.3, "plugin:a.py:f")],
        ),
        ("-1e-1*plugin:m:f", [(-0.1, "plugin:m:f")]),
        ("path/with+plus", [(1.0, "path/with+plus")]),
    ],
)
def test_expressions_are_read(text, terms):
    assert rewards.parse(text) == tuple(Term(*term) for term in terms)


@pytest.mark.parametrize("text", ["", "task:", "0.5*", "1..2*task:a", "task:a + "])
def test_malformed_expressions_show_how_to_write_them(text):
    with pytest.raises(UsageError, match="reward") as caught:
        rewards.parse(text)
    assert "Expected" in str(caught.value)


def test_a_weighted_sum_is_none_where_a_part_is(functions):
    function = WeightedSum(
        f"2*plugin:{functions}:length + 0.5*plugin:{functions}:some", plugins.load()
    )
    assert function(["p", "p"], ["ab", "axb"], [{}, {}]) == [4.5, None]


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("absent.py:f", "cannot be imported"),
        ("no.such.module:f", "cannot be imported"),
        ("{file}:absent", "no function 'absent'"),
        ("{file}:value", "no function 'value'"),
        ("justaname", "names no function"),
    ],
)
def test_a_function_that_is_not_there_is_an_error(functions, address, says):
    with pytest.raises(UsageError, match=says):
        FunctionReward(address.format(file=functions))


def test_a_function_that_raises_is_an_error_with_its_reason(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text("def f(prompts, texts):\n    return texts[99]\n")
    with pytest.raises(UsageError, match="IndexError: list index out of range"):
        FunctionReward(f"{path}:f")(["p"], ["a"], [{}])


def test_a_task_or_metric_that_does_not_exist_lists_the_nearest():
    registry = plugins.load()
    with pytest.raises(UnknownNameError, match="sst2"):
        TaskReward("sst", registry)
    with pytest.raises(UnknownNameError, match="accuracy"):
        TaskReward("sst2.acuracy", registry)


@pytest.mark.parametrize("stored", ["{", "[1]", "1", "{}", "[" * 20000])
def test_a_row_whose_sample_was_damaged_is_bad_data(stored):
    reward = TaskReward("sst2", plugins.load())
    with pytest.raises(DataError):
        reward(["p"], ["positive"], [{"task": "sst2", "sample": stored}])


def test_a_folder_that_is_no_reward_model_is_an_error(tiny_model, tmp_path):
    with pytest.raises(ModelError, match="no reward model"):
        reward_model.ModelReward(str(tmp_path / "absent"))
    with pytest.raises(ModelError, match=r"score\.weight"):
        reward_model.ModelReward(str(tiny_model))


def test_the_lexicon_tells_good_from_bad():
    good, bad = rewards.lexicon_sentiment(["p", "p"], ["I love this.", "I hate this."])
    assert good is not None
    assert bad is not None
    assert good > 0 > bad


def test_a_reward_model_without_a_pad_token_scores_as_it_does_one_by_one(model_with):
    import torch
    from transformers import AutoConfig, LlamaForSequenceClassification

    from harness_align.reward_model import ModelReward

    folder = model_with(pad_token=None)
    config = AutoConfig.from_pretrained(folder, num_labels=1, pad_token_id=None)
    torch.manual_seed(0)
    LlamaForSequenceClassification(config).save_pretrained(folder)
    texts = [" yes", " no, that is another and a longer answer"]
    reward = ModelReward(str(folder))
    together = reward(["p", "p"], texts)
    assert together == [reward(["p"], [text])[0] for text in texts]
    assert together[0] != together[1]


def test_a_chat_template_that_writes_nothing_is_an_error(model_with):
    from transformers import AutoConfig, LlamaForSequenceClassification

    from harness.types import Message

    folder = model_with()
    config = AutoConfig.from_pretrained(folder, num_labels=1)
    LlamaForSequenceClassification(config).save_pretrained(folder)
    asked = (Message("user", "p"),)
    (folder / "chat_template.jinja").write_text("")
    with pytest.raises(ModelError, match="chat template"):
        reward_model.ModelReward(str(folder))([asked], ["a"])


def test_a_text_without_tokens_has_no_reward(model_with, monkeypatch):
    from transformers import AutoConfig, LlamaForSequenceClassification

    folder = model_with()
    config = AutoConfig.from_pretrained(folder, num_labels=1)
    LlamaForSequenceClassification(config).save_pretrained(folder)
    reward = reward_model.ModelReward(str(folder))
    monkeypatch.setattr(reward._encoder, "encode_many", lambda texts: dict.fromkeys(texts, ()))
    assert reward(["p", "q"], ["a", "b"]) == [None, None]


def test_a_name_that_is_neither_folder_nor_hub_id_is_no_reward_model():
    from harness.errors import ModelError
    from harness_align.reward_model import ModelReward

    with pytest.raises(ModelError, match="no reward model at"):
        ModelReward("./absent")
