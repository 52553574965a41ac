"""Tiny random checkpoints of many architectures, saved as real folders with a real tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.types import KeyedRequest, Request, Response
from support.architectures import ARCHITECTURES, CORPUS, VOCABULARY, configuration


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """A byte-level BPE tokenizer that adds BOS, trained here."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(CORPUS, trainer)
    raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>")


@pytest.fixture(scope="session")
def checkpoint_folder(
    tokenizer: Any, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Architecture name → folder of a tiny random checkpoint, made once."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        import torch
        from transformers import AutoModelForCausalLM

        if name not in made:
            config = configuration(name)
            config.bos_token_id, config.eos_token_id, config.pad_token_id = 0, 1, 1
            torch.manual_seed(0)
            model = AutoModelForCausalLM.from_config(config)
            for weight in model.parameters():
                if weight.dim() > 1:  # large enough that tokens differ clearly
                    torch.nn.init.normal_(weight, std=0.15)
            folder = tmp_path_factory.mktemp(name)
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            made[name] = folder
        return made[name]

    return make


@pytest.fixture(params=ARCHITECTURES)
def architecture(request: pytest.FixtureRequest) -> str:
    """Each of the architectures in turn."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def keyed() -> Callable[[Sequence[Request]], list[KeyedRequest]]:
    """Requests with their place as key."""

    def make(requests: Sequence[Request]) -> list[KeyedRequest]:
        return [
            KeyedRequest(str(place), request, "task", str(place))
            for place, request in enumerate(requests)
        ]

    return make


@pytest.fixture(scope="session")
def answers(
    keyed: Callable[[Sequence[Request]], list[KeyedRequest]],
) -> Callable[[Any, Sequence[Request]], list[Response]]:
    """Runs requests through a backend; responses in the order of the requests, each once."""

    def ask(backend: Any, requests: Sequence[Request]) -> list[Response]:
        pairs = list(backend.run(keyed(requests)))
        assert sorted(key for key, _ in pairs) == sorted(str(i) for i in range(len(requests)))
        by_key = dict(pairs)
        return [by_key[str(place)] for place in range(len(requests))]

    return ask


@pytest.fixture(scope="session")
def stories260k(shared: Path) -> Path:
    """A real pretrained model, where the shared data folder is present."""
    folder = shared / "models" / "stories260k"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}")
    return folder
