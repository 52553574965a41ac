"""Checkpoints that cannot be used, and what the message says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.errors import ModelError, UsageError
from harness.protocols import BackendOptions
from harness.types import Generate, Sampling
from harness_backends.hf import open_hf
from harness_backends.hf.fingerprint import fingerprint

Folders = Callable[[str], Path]


@pytest.fixture
def folder(checkpoint_folder: Folders, tmp_path: Path) -> Path:
    """A copy that may be broken."""
    return Path(shutil.copytree(checkpoint_folder("llama"), tmp_path / "checkpoint"))


def open_folder(folder: Path | str, **values: str) -> Any:
    return open_hf(BackendOptions(str(folder), values=values))


def test_missing_folder_and_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no checkpoint folder"):
        open_folder(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelError, match="is a file"):
        open_folder(tmp_path / "file")


def test_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="could not be fetched from the hub") as raised:
        open_folder("nobody-here/no-such-model")
    assert "path of a checkpoint folder" in str(raised.value)


def test_pickle_only_is_refused_unless_allowed(folder: Path) -> None:
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="pickle only") as raised:
        open_folder(folder)
    assert "allow_pickle=true" in str(raised.value)
    assert open_folder(folder, allow_pickle="true").describe()["parameters"]


def test_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no weights"):
        open_folder(folder)


def test_truncated_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="is cut off"):
        open_folder(folder)


def test_no_tokenizer(folder: Path) -> None:
    for path in folder.glob("*token*"):
        path.unlink()
    with pytest.raises(ModelError, match="no tokenizer") as raised:
        open_folder(folder)
    assert "save_pretrained" in str(raised.value)


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_broken_configuration(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json"):
        open_folder(folder)


def test_unknown_architecture(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "not-a-model"}))
    with pytest.raises(ModelError, match="checkpoint"):
        open_folder(folder)


@pytest.mark.parametrize(
    ("option", "value"),
    [("chat_template", "maybe"), ("max_length", "-3"), ("engine", "v8"), ("allow_pickle", "maybe")],
)
def test_bad_option_values(folder: Path, option: str, value: str) -> None:
    with pytest.raises(UsageError, match=option):
        open_folder(folder, **{option: value})


def test_bad_device_and_dtype(folder: Path) -> None:
    with pytest.raises(ModelError, match="device 'abacus'"):
        open_hf(BackendOptions(str(folder), device="abacus"))
    with pytest.raises(ModelError, match="dtype 'int3'"):
        open_hf(BackendOptions(str(folder), dtype="int3"))


def test_chat_template_on_without_one(folder: Path) -> None:
    with pytest.raises(UsageError, match="no chat template"):
        open_folder(folder, chat_template="on")


def test_fingerprint_follows_weights_and_settings(folder: Path) -> None:
    first = fingerprint(folder, "float32", False, 128)
    assert first == fingerprint(folder, "float32", False, 128)
    others = {
        fingerprint(folder, "bfloat16", False, 128),
        fingerprint(folder, "float32", True, 128),
        fingerprint(folder, "float32", False, 64),
    }
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert len(others | {first, fingerprint(folder, "float32", False, 128)}) == 5


def test_dtype_and_length_are_as_asked(folder: Path) -> None:
    described = open_hf(
        BackendOptions(str(folder), dtype="bfloat16", values={"max_length": "50"})
    ).describe()
    assert (described["dtype"], described["max_length"]) == ("bfloat16", 50)
    assert open_folder(folder).describe()["max_length"] == 128


def test_generation_config_gives_eos_and_nothing_else(
    folder: Path, answers: Callable[..., list[Any]]
) -> None:
    request = [Generate("the sea", Sampling(max_tokens=8))]
    (free,) = answers(open_folder(folder), request)
    backend = open_folder(folder)
    tokens = backend.checkpoint.tokenizer.encode(free.text, add_special_tokens=False)
    settings = {"eos_token_id": [5, tokens[2]], "repetition_penalty": 50.0, "do_sample": True}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    (stopped,) = answers(open_folder(folder), request)
    assert stopped.finish_reason == "stop"
    assert free.text.startswith(stopped.text)
    assert stopped.tokens <= 3
