"""A working folder with small sound files, which the tests damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.plugins import Registry, load

PLUGIN = '''
"""A model that answers whatever it is asked."""
from harness import hookimpl
from harness.protocols import BackendSpec
from harness.testing import FakeBackend


@hookimpl
def harness_register_backends():
    return [BackendSpec("anything", "answers anything", lambda options: FakeBackend())]
'''


@pytest.fixture(scope="session")
def imported() -> None:
    """What is slow to import: an import that is ended by the time limit would not be whole."""
    import transformers  # noqa: F401

    import harness_align.training.models
    import harness_backends.hf.loading

    del harness_align, harness_backends


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The installed plugins."""
    return load()


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder that is not a project's."""
    monkeypatch.chdir(tmp_path)
    for variable in (
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "GITHUB_STEP_SUMMARY",
        "GITHUB_ACTIONS",
    ):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


@pytest.fixture
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a plugin whose model answers anything."""
    path = tmp_path_factory.mktemp("plugin") / "anything.py"
    path.write_text(PLUGIN, "utf-8")
    return path


TEXTS = ["the nurse said that he was tired", "the doctor said that she was glad", "yes no maybe"]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random Llama with one layer, a byte-level tokenizer and a chat template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=280,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )
    wrapped.chat_template = (
        "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}</s>{% endfor %}"
        "{% if add_generation_prompt %}<s>assistant: {% endif %}"
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(wrapped),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    folder = tmp_path_factory.mktemp("tiny") / "model"
    LlamaForCausalLM(config).save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder
