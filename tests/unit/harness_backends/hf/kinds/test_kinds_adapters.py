"""Adapters beside a base model: answers against PEFT's own model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.errors import ModelError, UsageError
from harness.protocols import BackendOptions
from harness.types import Classify, Generate, Loglikelihood, Request, Sampling
from harness_backends.hf import open_hf

peft = pytest.importorskip("peft")
# PEFT reads an attribute that transformers has renamed.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")

Folders = Callable[..., Path]
Answers = Callable[[Any, Sequence[Request]], list[Any]]
REQUESTS = [
    Loglikelihood("the town is", " old and long"),
    Loglikelihood("the town is", " by the river"),
    Generate("one two three", Sampling(max_tokens=8)),
]


def open_kind(folder: Path, **values: str) -> Any:
    return open_hf(BackendOptions(str(folder), values=values))


def adapt(base: Path, out: Path, task: str, modules: list[str], seed: int = 0) -> Path:
    """A LoRA adapter with random weights on a base."""
    import transformers

    classes = {
        "CAUSAL_LM": transformers.AutoModelForCausalLM,
        "SEQ_2_SEQ_LM": transformers.AutoModelForSeq2SeqLM,
        "SEQ_CLS": transformers.AutoModelForSequenceClassification,
    }
    config = peft.LoraConfig(task_type=task, r=4, lora_alpha=8, target_modules=modules)
    torch.manual_seed(seed)
    model = peft.get_peft_model(classes[task].from_pretrained(str(base)), config)
    for name, weight in model.named_parameters():
        if "lora_" in name or "modules_to_save" in name:
            torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(str(out))
    return out


@pytest.fixture
def adapter(checkpoint_folder: Callable[[str], Path], tmp_path: Path) -> Path:
    return adapt(
        checkpoint_folder("llama"), tmp_path / "adapter", "CAUSAL_LM", ["q_proj", "v_proj"]
    )


def test_a_causal_adapter_is_merged_and_answers_by_the_tree(
    adapter: Path, checkpoint_folder: Callable[[str], Path], answers: Answers
) -> None:
    import transformers

    base = checkpoint_folder("llama")
    backend = open_kind(adapter)
    said = answers(backend, REQUESTS)
    tokenizer = backend.checkpoint.tokenizer
    model = peft.PeftModel.from_pretrained(
        transformers.AutoModelForCausalLM.from_pretrained(str(base)), str(adapter)
    ).eval()
    context, whole = (
        tokenizer(text)["input_ids"] for text in ("the town is", "the town is old and long")
    )
    with torch.no_grad():
        logprobs = model(input_ids=torch.tensor([whole])).logits[0].log_softmax(-1)
    expected = sum(
        float(logprobs[place - 1, whole[place]]) for place in range(len(context), len(whole))
    )
    assert said[0].total == pytest.approx(expected, abs=1e-4)
    described = backend.describe()
    assert (described["engine"], described["engine_notes"]) == ("tree", [])
    assert (described["adapter"], described["base"]) == ("lora", str(base))
    plain = open_kind(base)
    assert plain.fingerprint != backend.fingerprint
    assert answers(plain, REQUESTS)[0].total != pytest.approx(expected, abs=1e-3)


def test_the_fingerprint_follows_the_adapter(
    adapter: Path, checkpoint_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    base = checkpoint_folder("llama")
    other = adapt(base, tmp_path / "other", "CAUSAL_LM", ["q_proj", "v_proj"], seed=1)
    same = Path(shutil.copytree(adapter, tmp_path / "same"))
    first, second, third = (open_kind(each).fingerprint for each in (adapter, other, same))
    assert first == third != second


@pytest.mark.parametrize(
    ("name", "kind", "task", "modules", "request_"),
    [
        ("t5", "seq2seq", "SEQ_2_SEQ_LM", ["q", "v"], REQUESTS[0]),
        ("bert", "classifier", "SEQ_CLS", ["query", "value"], None),
    ],
)
def test_other_kinds_take_adapters(
    name: str,
    kind: str,
    task: str,
    modules: list[str],
    request_: Request | None,
    kind_folder: Folders,
    answers: Answers,
    tmp_path: Path,
) -> None:
    names = {"num_labels": 2, "id2label": {0: "no", 1: "yes"}} if kind == "classifier" else {}
    base = kind_folder(name, kind, **names)
    backend = open_kind(adapt(base, tmp_path / "adapter", task, modules))
    assert backend.describe()["kind"] == kind
    asked = [request_ or Classify("the town is old", ("yes", "no"))]
    assert answers(backend, asked) != answers(open_kind(base), asked)
    if kind == "classifier":  # the head is the adapter's
        model = backend.checkpoint.model
        ids = backend.checkpoint.tokenizer("the town is old", return_tensors="pt")
        with torch.no_grad():
            no, yes = model(**ids).logits.softmax(-1)[0].tolist()
        assert answers(backend, asked)[0].probabilities == pytest.approx((yes, no), abs=1e-6)


def test_the_base_may_lie_elsewhere(
    adapter: Path, checkpoint_folder: Callable[[str], Path], answers: Answers
) -> None:
    path = adapter / "adapter_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"base_model_name_or_path": "/no/longer/there"}))
    with pytest.raises(ModelError, match="no checkpoint folder /no/longer/there") as raised:
        open_kind(adapter)
    assert "--set base=" in str(raised.value)
    assert answers(open_kind(adapter, base=str(checkpoint_folder("llama"))), REQUESTS[:1])


def test_an_adapter_of_another_model(
    adapter: Path, checkpoint_folder: Callable[[str], Path]
) -> None:
    with pytest.raises(ModelError, match="does not fit") as raised:
        open_kind(adapter, base=str(checkpoint_folder("gpt2")))
    assert "--set base=" in str(raised.value)


def test_missing_adapter_weights_are_an_error(adapter: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = adapter / "adapter_model.safetensors"
    weights = load_file(path)
    weights.pop(sorted(weights)[0])
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(ModelError, match="missing adapter keys"):
        open_kind(adapter)


def test_virtual_tokens_have_their_own_backend(adapter: Path) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps({"peft_type": "PROMPT_TUNING"}))
    with pytest.raises(ModelError, match="virtual tokens") as raised:
        open_kind(adapter)
    assert f"--model peft:{adapter}" in str(raised.value)


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_broken_configuration(adapter: Path, text: str) -> None:
    (adapter / "adapter_config.json").write_text(text)
    with pytest.raises(ModelError, match="adapter_config"):
        open_kind(adapter)


def test_a_base_for_a_whole_model_is_an_error(checkpoint_folder: Callable[[str], Path]) -> None:
    with pytest.raises(UsageError, match="not an adapter alone"):
        open_kind(checkpoint_folder("llama"), base="x/y")
