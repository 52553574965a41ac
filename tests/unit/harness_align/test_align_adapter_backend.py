"""Adapters as models: they agree with merged weights, and keep the backends' contract."""

from __future__ import annotations

import pytest

from harness import plugins
from harness.config import RunSpec
from harness.errors import ModelError
from harness.protocols import BackendOptions
from harness.testing import check_backend, keyed
from harness.types import Generate, Loglikelihood, RollingLoglikelihood, Sampling
from harness_align import asking
from harness_align.adapter_backend import model_name, open_adapter
from harness_align.journal import Journal
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
        return run.train(spec, Journal.of(out))

    return train


@pytest.mark.parametrize("adapter", ["prompt", "prefix"])
def test_prompt_and_prefix_tuning_answer_every_request(trained, adapter):
    folder = trained(adapter)
    assert model_name(folder) == f"peft:{folder}"
    backend = open_adapter(BackendOptions(str(folder)))
    check_backend(backend, REQUESTS)
    base = asking.logprobs(
        RunSpec(backend._base, ("x",), cache=False), plugins.load(), REQUESTS[:1]
    )
    ours = dict(backend.run(keyed(REQUESTS[:1]))).popitem()[1]
    assert abs(ours.total - base[0].total) > 1e-3


def test_an_adapter_agrees_with_its_merged_weights(trained):
    merged = trained("lora")
    assert model_name(merged) == str(merged)
    backend = open_adapter(BackendOptions(str(merged.parent / "adapter")))
    expected = asking.logprobs(
        RunSpec(str(merged), ("x",), cache=False), plugins.load(), REQUESTS[:3]
    )
    found = dict(backend.run(keyed(REQUESTS[:3])))
    for request, other in zip(keyed(REQUESTS[:3]), expected, strict=True):
        assert found[request.key].total == pytest.approx(other.total, abs=1e-4)
        assert found[request.key].token_count == other.token_count


def test_a_folder_without_an_adapter_is_an_error(tiny_model):
    with pytest.raises(ModelError, match="holds no adapter"):
        open_adapter(BackendOptions(str(tiny_model)))
