"""Weights in 8 or 4 bits: clear errors without the library, real answers with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ModelError, UsageError
from harness.protocols import BackendOptions
from harness.types import Loglikelihood, Request
from harness_backends.hf import open_hf
from harness_backends.hf.checkpoint import quantization

Folders = Callable[[str], Path]


def open_folder(folder: Path, **values: str) -> Any:
    return open_hf(BackendOptions(str(folder), device="cpu", values=values))


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_a_missing_library_is_named_with_its_command(
    bits: str, checkpoint_folder: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantization, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=f"weights in {bits} need bitsandbytes") as raised:
        open_folder(checkpoint_folder("llama"), quantization=bits)
    assert "pip install bitsandbytes accelerate" in str(raised.value)


def test_a_value_that_is_none_of_them(checkpoint_folder: Folders) -> None:
    with pytest.raises(UsageError, match="unknown quantization '3bit'"):
        open_folder(checkpoint_folder("llama"), quantization="3bit")


@pytest.mark.parametrize(
    ("settings", "library"),
    [
        ({"quant_method": "gptq", "bits": 4}, "gptqmodel"),
        ({"quant_method": "hqq"}, "hqq"),
        ({"load_in_8bit": True}, "bitsandbytes"),
    ],
)
def test_a_quantised_checkpoint_without_its_library(
    settings: dict[str, Any], library: str, checkpoint_folder: Folders, tmp_path: Path
) -> None:
    if find_spec(library) is not None:
        pytest.skip(f"{library} is installed")
    folder = Path(shutil.copytree(checkpoint_folder("llama"), tmp_path / "quantised"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": settings}))
    with pytest.raises(ModelError, match="cannot be loaded") as raised:
        open_folder(folder)
    assert f"pip install {library} accelerate" in str(raised.value)
    with pytest.raises(ModelError, match="quantised already"):
        open_folder(folder, quantization="8bit")


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_quantised_weights_answer_nearly_the_same(
    bits: str,
    tokenizer: Any,
    tmp_path: Path,
    answers: Callable[[Any, Sequence[Request]], list[Any]],
) -> None:
    """Weights of 4 bits come in blocks of 64, so the model is wider than the others here."""
    pytest.importorskip("bitsandbytes")
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    size = {"hidden_size": 128, "intermediate_size": 128, "num_hidden_layers": 2}
    torch.manual_seed(0)
    LlamaForCausalLM(
        LlamaConfig(vocab_size=len(tokenizer), num_attention_heads=4, **size)
    ).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    request = [Loglikelihood("the town is", " old and long")]
    whole = open_folder(tmp_path)
    small = open_folder(tmp_path, quantization=bits)
    assert small.describe()["quantization"] == bits
    assert small.fingerprint != whole.fingerprint
    (exact,), (near,) = answers(whole, request), answers(small, request)
    assert near.total == pytest.approx(exact.total, rel=0.2)
    assert near.total != exact.total
