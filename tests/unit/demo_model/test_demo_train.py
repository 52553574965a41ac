"""The training script: its first steps are those that made the shipped weights."""

import dataclasses
import itertools
import json

import pytest

from demo_model import train as training
from demo_model.tokenizer import train_tokenizer
from demo_model.train import RECORD, Settings, build_model, run
from harness_backends.demo import weights_folder


@pytest.fixture(scope="module")
def record():
    return json.loads((weights_folder() / RECORD).read_text())


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(0, training.CONTEXT_LENGTH)


def first_losses(settings, tokenizer, count):
    model = build_model(settings, tokenizer)
    return list(itertools.islice(training.train(model, tokenizer, settings), count))


def test_the_record_is_of_the_default_settings(record):
    assert record["settings"] == dataclasses.asdict(Settings())
    assert record["steps_taken"] == Settings().steps


def test_first_losses_are_those_of_the_shipped_weights(record, tokenizer):
    losses = first_losses(Settings(), tokenizer, training.RECORDED_STEPS)
    assert losses == pytest.approx(record["first_losses"], rel=2e-3)


def test_another_seed_gives_other_losses(record, tokenizer):
    losses = first_losses(Settings(seed=1), tokenizer, 2)
    assert losses != pytest.approx(record["first_losses"][:2], rel=2e-3)


def test_learning_lowers_the_loss(tokenizer):
    losses = first_losses(Settings(warmup=5, pool=64, batch_tokens=512), tokenizer, 40)
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_the_schedule_rises_stays_and_falls():
    settings = Settings(steps=1000, warmup=100, decay=0.4)
    assert settings.schedule(0) == pytest.approx(0.01)
    assert settings.schedule(100) == settings.schedule(600) == 1.0
    assert settings.schedule(800) == pytest.approx(0.5)
    assert settings.schedule(999) == pytest.approx(0.02)


def test_earlier_checkpoints_are_written_and_load(tmp_path, capsys):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    small = Settings(
        steps=3, warmup=1, pool=32, batch_tokens=256, hidden_size=32, layers=1, heads=2
    )
    run(small, tmp_path, checkpoints=(1,))
    assert "parameters in" in capsys.readouterr().out
    earlier, last = (
        AutoModelForCausalLM.from_pretrained(str(folder))
        for folder in (tmp_path / "step-1", tmp_path)
    )
    assert last.dtype == torch.float32
    assert json.loads((tmp_path / "step-1" / RECORD).read_text())["steps_taken"] == 1
    name = "model.layers.0.mlp.up_proj.weight"
    assert not torch.equal(earlier.state_dict()[name], last.state_dict()[name])
    assert AutoTokenizer.from_pretrained(str(tmp_path / "step-1")).chat_template
