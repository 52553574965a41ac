"""A closed model is gone, whoever still holds its backend: the next one needs the memory."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from harness import evaluate
from harness.protocols import BackendOptions
from harness.types import Generate, Loglikelihood, Sampling
from harness_backends.hf import open_hf, opening
from harness_backends.hf.loading import Checkpoint

Folders = Callable[[str], Path]
ASKED = (Loglikelihood("the sea", " shore"), Generate("the sea", Sampling(max_tokens=3)))


def held() -> int:
    """Bytes of all tensors that something refers to; views count as what they show."""
    tensors = [each for each in gc.get_objects() if issubclass(type(each), torch.Tensor)]
    return sum(each.numel() * each.element_size() for each in tensors if not each.is_meta)


@pytest.mark.parametrize("architecture", ["llama", "gemma2-softcap", "bloom-alibi", "mamba"])
def test_closing_frees_the_weights_and_their_copies(
    checkpoint_folder: Folders, answers: Callable[..., list[Any]], architecture: str
) -> None:
    folder = checkpoint_folder(architecture)
    gc.collect()
    before = held()
    backend: Any = open_hf(BackendOptions(str(folder)))
    answers(backend, ASKED)
    weights = [weakref.ref(each) for each in backend.checkpoint.model.parameters()]
    size = sum(weight().nbytes for weight in weights)
    described, usage = dict(backend.describe()), backend.usage
    assert held() >= before + size
    backend.close()
    assert held() - before < size / 10
    assert not any(weight() is not None and not weight().is_meta for weight in weights)
    assert dict(backend.describe()) == described
    assert backend.usage == usage
    backend.close()


def test_a_run_leaves_nothing_of_its_model(
    checkpoint_folder: Folders, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept: list[Checkpoint] = []
    load = opening.open_checkpoint

    def note(options: BackendOptions, *rest: Any) -> Any:
        backend = load(options, *rest)
        kept.append(backend.checkpoint)  # as a plugin may, or a traceback
        return backend

    monkeypatch.setattr(opening, "open_checkpoint", note)
    folder, out = str(checkpoint_folder("llama")), tmp_path / "run"
    result = evaluate(folder, ["sst2"], {"sst2": "sample"}, limit=5, out=out, formats=())
    assert result.tasks["sst2"].n == 5
    assert kept
    for checkpoint in kept:
        assert all(weight.is_meta for weight in checkpoint.model.parameters())
