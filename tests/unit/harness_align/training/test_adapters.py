"""Trained adapters as models: they are asked through one path with their base."""

from __future__ import annotations

from contextlib import closing

import pytest

from harness import plugins
from harness.config import ModelConfig
from harness.run import models
from harness.testing import check_backend
from harness.types import Generate, Loglikelihood, RollingLoglikelihood, Sampling
from harness_align.evaluation import asking
from harness_align.event_log import EventLog
from harness_align.spec import AlignSpec
from harness_align.training import run

# The libraries' own deprecation warnings are not ours to answer for.
pytestmark = pytest.mark.filterwarnings("ignore")

REQUESTS = [
    Loglikelihood("the nurse said 1:", " yes she was"),
    Loglikelihood("", "the doctor said"),
    RollingLoglikelihood("that he was tired"),
    Generate("the nurse", Sampling(max_tokens=5)),
    Generate("the nurse", Sampling(max_tokens=5, temperature=1.0, seed=3)),
]


@pytest.fixture
def trained(tiny_model, jsonl, pairs, tmp_path):
    def train(adapter):
        out = tmp_path / adapter
        spec = AlignSpec(
            "dpo",
            str(tiny_model),
            str(jsonl(pairs)),
            str(out),
            steps=6,
            batch_size=4,
            max_length=64,
            adapter=adapter,
            learning_rate=1e-2,
        )
        return run.train(spec, EventLog.of(out))

    return train


def ask(model):
    return asking.logprobs(ModelConfig(str(model), cache=False), plugins.load(), REQUESTS[:3])


@pytest.mark.parametrize("adapter", ["prompt", "prefix"])
def test_prompt_and_prefix_tuning_answer_every_request(trained, tiny_model, adapter):
    folder = trained(adapter)
    for name in (str(folder), f"peft:{folder}"):
        with closing(models.open_backend(ModelConfig(name), plugins.load())) as backend:
            check_backend(backend, REQUESTS)
    for ours, base in zip(ask(folder), ask(tiny_model), strict=True):
        assert abs(ours.total - base.total) > 1e-3
        assert ours.token_count == base.token_count


def test_an_adapter_agrees_with_its_merged_weights(trained):
    merged = trained("lora")
    for found, other in zip(ask(merged.parent / "adapter"), ask(merged), strict=True):
        assert found.total == pytest.approx(other.total, abs=1e-4)
        assert found.token_count == other.token_count
