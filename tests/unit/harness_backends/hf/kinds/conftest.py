"""Tiny random checkpoints of each kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.model_kinds import Folders, configuration, make_tokenizer


@pytest.fixture(scope="session")
def kind_folder(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """(architecture, kind, further configuration) → folder of a checkpoint, made once."""
    made: dict[str, Path] = {}

    def make(name: str, kind: str, **more: Any) -> Path:
        import torch
        import transformers

        from harness_backends.hf.checkpoint.kind_detection import AUTO_CLASSES

        case = f"{name}-{kind}-{sorted(more.items())}"
        if case not in made:
            folder = tmp_path_factory.mktemp(f"{name}-{kind}")
            tokenizer = make_tokenizer(name, tmp_path_factory.mktemp("vocabulary"))
            config = configuration(name, tokenizer)
            config.update(more)
            torch.manual_seed(5)
            model = getattr(transformers, AUTO_CLASSES[kind]).from_config(config)
            for weight in model.parameters():
                if weight.dim() > 1:  # large enough that texts differ clearly
                    torch.nn.init.normal_(weight, std=0.25)
            if name == "marian":
                model.generation_config.bad_words_ids = [[tokenizer.pad_token_id]]
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            made[case] = folder
        return made[case]

    return make
