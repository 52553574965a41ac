"""Every trainer trains, on a tiny model; what cannot be trained says why; resuming is exact."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from harness.errors import (
    DataError,
    HarnessError,
    ModelError,
    RunFailedError,
    UnknownNameError,
    UsageError,
)
from harness_align import event_log
from harness_align.event_log import EventLog
from harness_align.spec import AlignSpec
from harness_align.training import run

# The trainers' own deprecation warnings are not ours to answer for.
pytestmark = pytest.mark.filterwarnings("ignore")

REWARD = """
def last_letter(prompts, completions):
    return [ord(text[-1]) % 7 / 7 if text else 0.0 for text in completions]

def constant(prompts, completions):
    return [1.0] * len(completions)

def per_prompt(prompts, completions):
    return [float(len(prompt)) for prompt in prompts]

def at_first(prompts, completions, calls=[]):
    calls.append(1)
    return [float(ord(text[-1:] or "a")) if len(calls) < 4 else 1.0 for text in completions]

def nothing(prompts, completions):
    return [None] * len(completions)

def infinite(prompts, completions):
    return [1.0] * (len(completions) - 1)
"""


@pytest.fixture
def spec(tiny_model, jsonl, pairs, tmp_path):
    return AlignSpec(
        "dpo",
        str(tiny_model),
        str(jsonl(pairs)),
        str(tmp_path / "out"),
        steps=4,
        batch_size=2,
        generations=2,
        max_length=64,
        max_new_tokens=6,
        save_every=2,
    )


@pytest.fixture
def reward(tmp_path):
    path = tmp_path / "my_rewards.py"
    path.write_text(REWARD)
    return f"plugin:{path}:"


def trained(spec):
    log = EventLog.of(run.Path(spec.out))
    folder = run.train(spec, log)
    return folder, dict(event_log.steps(log.read()[0]))


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def equal(one, other):
    import torch

    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    "method", ["sft", "dpo", "slic", "simpo", "contrastive", "kto", "orpo", "rloo", "grpo"]
)
def test_every_method_moves_the_weights_and_logs_every_step(spec, reward, method):
    spec = replace(spec, method=method, rewards=reward + "last_letter", learning_rate=1e-3)
    folder, logs = trained(spec)
    assert list(logs) == [1, 2, 3, 4]
    assert all("loss" in each for each in logs.values())
    assert not equal(weights(folder), weights(run.Path(spec.model)))
    if method in ("rloo", "grpo"):
        assert {"reward", "kl", "frac_reward_zero_std"} <= set(logs[4])
    if method in ("dpo", "slic", "simpo", "contrastive"):
        assert logs[4]["rewards/margins"] > logs[1]["rewards/margins"]


def test_a_reward_model_learns_its_pairs_and_can_be_a_reward(spec, pairs):
    from harness_align.reward_model import ModelReward

    folder, logs = trained(replace(spec, method="reward", steps=20, learning_rate=3e-3))
    assert logs[20]["accuracy"] == 1
    scores = ModelReward(str(folder))(
        ["the nurse said 1:"] * 2, [pairs[0]["chosen"], " no he was not"]
    )
    assert scores[0] > scores[1]


@pytest.mark.parametrize("adapter", ["lora", "prompt", "prefix"])
def test_an_adapter_leaves_the_base_alone(spec, adapter):
    base = weights(run.Path(spec.model))
    folder, _ = trained(replace(spec, adapter=adapter, learning_rate=1e-2))
    if adapter == "lora":  # merged, so that any backend reads it
        assert weights(folder).keys() == base.keys()
        assert not equal(weights(folder), base)
        assert (folder.parent / "adapter/adapter_config.json").exists()
    else:
        assert (folder / "adapter_config.json").exists()
        assert not (folder / "model.safetensors").exists()


def test_accumulation_and_checkpointing_of_gradients(spec):
    _, logs = trained(replace(spec, gradient_accumulation=2, gradient_checkpointing=True, steps=2))
    assert len(logs) == 2


def test_slic_is_the_published_loss(spec, pairs):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    delta, weight = 2.5, 0.3
    spec = replace(spec, method="slic", slic_delta=delta, slic_lambda=weight, steps=1)
    spec = replace(spec, batch_size=len(pairs), learning_rate=0.0)
    _, logs = trained(spec)
    tokenizer = AutoTokenizer.from_pretrained(spec.model)
    model = AutoModelForCausalLM.from_pretrained(spec.model)
    hinges, chosen, tokens = [], 0.0, 0
    for row in pairs:
        sums = []
        for answer in (row["chosen"], row["rejected"]):
            prompt = tokenizer(row["prompt"])["input_ids"]
            ids = [1, *prompt, *tokenizer(answer)["input_ids"], 2]
            with torch.no_grad():
                logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
            start = len(prompt) + 1
            sums.append(sum(logprobs[i - 1, ids[i]].item() for i in range(start, len(ids))))
            if len(sums) == 1:
                chosen, tokens = chosen + sums[0], tokens + len(ids) - start
        hinges.append(max(0.0, delta - sums[0] + sums[1]))
    published = sum(hinges) / len(hinges) + weight * -chosen / tokens
    assert logs[1]["loss"] * delta == pytest.approx(published, rel=1e-3)


class Interrupted(EventLog):
    """Stops the training in the middle of the third step, as Ctrl-C would."""

    def step(self, step, logs):
        if step == 3:
            raise KeyboardInterrupt
        super().step(step, logs)


@pytest.mark.parametrize(
    "method",
    [
        "dpo",
        "rloo",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("sft", "slic", "kto")),
    ],
)
def test_a_resumed_run_ends_with_the_same_weights(spec, reward, method, tmp_path):
    spec = replace(spec, method=method, rewards=reward + "last_letter", learning_rate=1e-3)
    whole, _ = trained(replace(spec, out=str(tmp_path / "whole")))
    with pytest.raises(KeyboardInterrupt):
        run.train(spec, Interrupted(EventLog.of(run.Path(spec.out)).path))
    assert run.last_checkpoint(run.Path(spec.out)).endswith("checkpoint-2")
    resumed, _ = trained(replace(spec, resume=True))
    assert equal(weights(whole), weights(resumed))


def test_a_checkpoint_that_was_cut_off_is_not_resumed_from(spec):
    run.train(spec, EventLog.of(run.Path(spec.out)))
    (run.Path(spec.out) / "checkpoints/checkpoint-4/complete").unlink()
    assert run.last_checkpoint(run.Path(spec.out)).endswith("checkpoint-2")


def test_a_loss_that_is_no_number_stops_and_keeps_the_checkpoint(spec):
    with pytest.raises(RunFailedError, match=r"became (nan|inf) at step"):
        trained(replace(spec, steps=6, save_every=1, learning_rate=1e30))
    assert run.last_checkpoint(run.Path(spec.out)).endswith("checkpoint-1")


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("constant", RunFailedError, "same reward for 3 steps"),
        ("per_prompt", RunFailedError, "same reward for 3 steps"),
        ("at_first", RunFailedError, "same reward for 3 steps"),
        ("nothing", DataError, "no value for any answer"),
        ("infinite", HarnessError, "gave 1 values for 2 answers"),
    ],
)
def test_a_reward_that_says_nothing_stops_the_run(spec, reward, name, error, says):
    spec = replace(spec, method="rloo", rewards=reward + name, constant_reward_patience=3, steps=8)
    spec = replace(spec, learning_rate=1e-3)
    with pytest.raises(error, match=says):
        trained(spec)


def test_the_held_out_reward_is_logged_and_not_trained_on(spec, reward):
    spec = replace(spec, method="rloo", rewards=reward + "last_letter", learning_rate=1e-3)
    plain, _ = trained(replace(spec, out=spec.out + "1"))
    watched, logs = trained(replace(spec, held_out_reward=reward + "constant"))
    assert logs[1]["rewards/held_out/mean"] == 1
    assert equal(weights(plain), weights(watched))


@pytest.mark.parametrize(
    ("tokens", "options", "says"),
    [
        ({"pad_token": None}, {}, "no pad token"),
        ({"eos_token": None}, {}, "no end token"),
        ({"pad_token": None}, {"pad_token": "<absent>"}, "not in the vocabulary"),
    ],
)
def test_a_tokenizer_that_lacks_something_is_an_error(spec, model_with, tokens, options, says):
    model = model_with(**tokens)
    with pytest.raises(ModelError, match=says):
        trained(replace(spec, model=str(model), **options))


def test_a_pad_token_can_be_chosen(spec, model_with):
    model = model_with(pad_token=None)
    checkpoint, _ = trained(replace(spec, model=str(model), pad_token="<s>"))
    assert (checkpoint / "model.safetensors").is_file()


def test_conversations_need_a_chat_template(spec, jsonl, tmp_path):
    turns = [{"role": "user", "content": "hi"}]
    path = jsonl([{"prompt": turns, "chosen": f"a{i}", "rejected": "b"} for i in range(4)])
    spec = replace(spec, data=str(path))
    with pytest.raises(ModelError, match="no chat template"):
        trained(spec)
    template = tmp_path / "chat.jinja"
    template.write_text(
        "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}</s>{% endfor %}"
        "{% if add_generation_prompt %}<s>assistant: {% endif %}"
    )
    trained(replace(spec, chat_template=str(template)))
    with pytest.raises(UsageError, match="absent"):
        trained(replace(spec, chat_template=str(tmp_path / "absent.jinja")))


def test_qlora_without_a_gpu_is_an_error(spec):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ModelError, match="needs a CUDA GPU"):
        trained(replace(spec, adapter="qlora"))


def test_a_loss_that_does_not_exist_lists_the_nearest(spec):
    with pytest.raises(UnknownNameError, match="sigmoid"):
        trained(replace(spec, loss="sigmoyd"))


def test_a_missing_checkpoint_is_an_error(spec, tmp_path):
    with pytest.raises(ModelError, match="absent"):
        trained(replace(spec, model=str(tmp_path / "absent")))


def test_a_checkpoint_that_does_not_name_its_architecture_can_be_a_reference(spec, model_with):
    import json

    model = model_with()
    content = json.loads((model / "config.json").read_text())
    del content["architectures"]
    (model / "config.json").write_text(json.dumps(content))
    checkpoint, _ = trained(replace(spec, model=str(model), steps=1))
    assert (checkpoint / "model.safetensors").is_file()


def test_chat_models_learn_in_their_template_unless_told_otherwise(spec, model_with):
    model = model_with()
    template = (
        "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}</s>{% endfor %}"
        "{% if add_generation_prompt %}<s>assistant: {% endif %}"
    )
    (model / "chat_template.jinja").write_text(template)
    spec = replace(spec, model=str(model), steps=1)
    _, plain = trained(replace(spec, wrap=False, out=spec.out + "1"))
    _, wrapped = trained(spec)
    assert wrapped[1]["num_tokens"] > plain[1]["num_tokens"]


def test_unsafe_weights_are_not_read(spec, tmp_path, tiny_model):
    import torch

    folder = tmp_path / "pickled"
    shutil.copytree(tiny_model, folder)
    torch.save(weights(folder), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="safetensors"):
        trained(replace(spec, model=str(folder)))
