"""Adapters beside a base model: answers against PEFT's own model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.authoring.chat.encoding import Encoder
from harness.errors import ModelError, UsageError
from harness.protocols import BackendOptions
from harness.types import Classify, Generate, Loglikelihood, Request, RollingLoglikelihood, Sampling
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


def test_virtual_tokens_that_need_more_than_a_text_are_refused(adapter: Path) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps({"peft_type": "MULTITASK_PROMPT_TUNING"}))
    with pytest.raises(ModelError, match="virtual tokens"):
        open_kind(adapter)


TEXTS = [
    *REQUESTS[:2],
    Loglikelihood("", "one two three"),
    Loglikelihood("a much longer context about the sea shells by the sea shore", " and"),
    RollingLoglikelihood("the town is old " * 40),
]


def test_lora_that_changes_nothing_asks_as_its_base(
    checkpoint_folder: Callable[[str], Path], tmp_path: Path, answers: Answers
) -> None:
    import transformers

    base = checkpoint_folder("llama")
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"])
    model = transformers.AutoModelForCausalLM.from_pretrained(str(base))
    peft.get_peft_model(model, config).save_pretrained(str(tmp_path))
    expected = answers(open_kind(base), [*TEXTS, REQUESTS[2]])
    found = answers(open_kind(tmp_path), [*TEXTS, REQUESTS[2]])
    assert [each.total for each in found[:-1]] == pytest.approx(
        [each.total for each in expected[:-1]], abs=1e-5
    )
    assert found[-1].text == expected[-1].text


VIRTUAL = (7, 30, 101)


@pytest.mark.parametrize("method", ["prompt", "prefix"])
def test_virtual_tokens_that_are_a_text_answer_as_the_base_after_that_text(
    method: str, checkpoint_folder: Callable[[str], Path], tmp_path: Path, answers: Answers
) -> None:
    """The base, fed three real tokens before each text, is the reference."""
    import transformers

    base = checkpoint_folder("llama")
    model = transformers.AutoModelForCausalLM.from_pretrained(str(base)).eval()
    config = {"prompt": peft.PromptTuningConfig, "prefix": peft.PrefixTuningConfig}[method](
        task_type="CAUSAL_LM", num_virtual_tokens=len(VIRTUAL)
    )
    ids = torch.tensor([VIRTUAL])
    with torch.no_grad():
        learned = model.get_input_embeddings()(ids)[0]
        if method == "prefix":
            layers = model(ids, use_cache=True).past_key_values.layers
            kept = [states[0] for layer in layers for states in (layer.keys, layer.values)]
            # PEFT's layout: [tokens, (layer, keys or values, head, size)].
            learned = torch.stack(kept).permute(2, 0, 1, 3).reshape(len(VIRTUAL), -1)
        adapted = peft.get_peft_model(model, config)
        adapted.prompt_encoder["default"].embedding.weight.copy_(learned)
    adapted.save_pretrained(str(tmp_path))
    backend = open_kind(tmp_path)
    plain = transformers.AutoModelForCausalLM.from_pretrained(str(base)).eval()

    def after_virtual(tokens: Sequence[int], targets: int) -> float:
        whole = torch.tensor([[*VIRTUAL, *tokens]])
        with torch.no_grad():
            logprobs = plain(whole[:, :-1]).logits[0].log_softmax(-1)
        return float(logprobs.gather(1, whole[0, 1:, None])[-targets:].sum())

    encoder = Encoder(backend.checkpoint.tokenizer, 128 - len(VIRTUAL), chat=False)
    pairs = encoder.loglikelihoods(TEXTS[:-1])
    (windows,) = encoder.rolling(TEXTS[-1:])
    expected = [after_virtual(each.tokens, each.targets) for each in pairs]
    expected.append(sum(after_virtual(each.tokens, each.targets) for each in windows))
    found = answers(backend, [*TEXTS, REQUESTS[2], Generate("one", Sampling(max_tokens=8))])
    assert [each.total for each in found[: len(TEXTS)]] == pytest.approx(expected, abs=1e-3)
    for said, prompt in zip(found[len(TEXTS) :], ("one two three", "one"), strict=True):
        given = torch.tensor([[*VIRTUAL, *encoder.encode_many([prompt])[prompt]]])
        made = plain.generate(given, max_new_tokens=8, do_sample=False, pad_token_id=1)
        new = made[0, given.shape[1] :]
        assert said.text == backend.checkpoint.tokenizer.decode(new, skip_special_tokens=True)


def test_an_adapter_may_lie_beside_a_copy_of_its_bases_configuration(
    adapter: Path, checkpoint_folder: Callable[[str], Path], answers: Answers
) -> None:
    alone = answers(open_kind(adapter), REQUESTS)
    shutil.copy(checkpoint_folder("llama") / "config.json", adapter)
    backend = open_kind(adapter)
    assert backend.describe()["adapter"] == "lora"
    assert answers(backend, REQUESTS) == alone


def test_an_adapter_that_brings_tokens_gives_the_base_room_for_them(
    checkpoint_folder: Callable[[str], Path], tokenizer: Any, tmp_path: Path, answers: Answers
) -> None:
    import copy

    import transformers

    more = copy.deepcopy(tokenizer)
    more.add_special_tokens({"additional_special_tokens": ["<|turn|>", "<|over|>"]})
    model = transformers.AutoModelForCausalLM.from_pretrained(str(checkpoint_folder("llama")))
    model.resize_token_embeddings(len(more))
    config = peft.LoraConfig(
        task_type="CAUSAL_LM",
        target_modules=["q_proj"],
        modules_to_save=["embed_tokens", "lm_head"],
        init_lora_weights=False,
    )
    trained = peft.get_peft_model(model, config)
    trained.save_pretrained(str(tmp_path), save_embedding_layers=True)
    more.save_pretrained(str(tmp_path))
    merged = trained.merge_and_unload().eval()
    (found,) = answers(open_kind(tmp_path), [Loglikelihood("<|turn|>the sea", "<|over|>")])
    ids = torch.tensor([more.encode("<|turn|>the sea<|over|>")])
    with torch.no_grad():
        expected = merged(ids).logits[0, -2].log_softmax(-1)[ids[0, -1]]
    assert found.total == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_broken_configuration(adapter: Path, text: str) -> None:
    (adapter / "adapter_config.json").write_text(text)
    with pytest.raises(ModelError, match="adapter_config"):
        open_kind(adapter)


def test_a_base_for_a_whole_model_is_an_error(checkpoint_folder: Callable[[str], Path]) -> None:
    with pytest.raises(UsageError, match="not an adapter alone"):
        open_kind(checkpoint_folder("llama"), base="x/y")
