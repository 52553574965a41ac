"""A checkpoint is what its files say, or refused with the file and the reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.authoring.checkpoint import check_loaded, check_regular, tensor_shapes
from harness.errors import ModelError
from harness.protocols import BackendOptions
from harness_backends.hf import open_hf

Change = Callable[[dict[str, Any]], Any]
GATE = "model.layers.1.mlp.gate_proj.weight"


@pytest.fixture
def folder(checkpoint_folder: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint_folder("llama"), tmp_path / "checkpoint"))


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as raised:
        open_hf(BackendOptions(str(folder)))
    return str(raised.value)


def change_weights(folder: Path, change: Change) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights = change(weights) or weights
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def change_json(path: Path, change: Change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module."])
def test_a_wrappers_prefix_is_named(folder: Path, prefix: str) -> None:
    change_weights(folder, lambda old: {prefix + key: value for key, value in old.items()})
    assert prefix in refusal(folder)


def test_a_missing_weight_is_named(folder: Path) -> None:
    change_weights(folder, lambda weights: weights.pop(GATE) is None)
    assert GATE in refusal(folder)


def test_scales_beside_weights_are_refused(folder: Path) -> None:
    scale = GATE + "_scale"
    change_weights(folder, lambda weights: weights.update({scale: torch.ones(())}))
    assert scale in refusal(folder)


def test_layers_beyond_the_configuration_are_refused(folder: Path) -> None:
    change_json(folder / "config.json", lambda config: config.update(num_hidden_layers=1))
    assert "model.layers.1." in refusal(folder)


def test_an_unknown_quantisation_is_refused(folder: Path) -> None:
    method = {"quantization_config": {"quant_method": "modelopt"}}
    change_json(folder / "config.json", lambda config: config.update(method))
    assert "modelopt" in refusal(folder)


def test_weights_that_are_not_numbers_are_named(folder: Path) -> None:
    change_weights(folder, lambda weights: weights[GATE].fill_(float("nan")) is None)
    assert GATE in refusal(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_git_lfs_pointer_is_named(folder: Path, name: str) -> None:
    (folder / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    assert f"{name} is a git-lfs pointer" in refusal(folder)


@pytest.mark.parametrize("kept", [0, 7, 500])
def test_a_cut_file_is_named(folder: Path, kept: int) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    assert "model.safetensors is cut off" in refusal(folder)


def test_missing_shards_are_named(folder: Path) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "model-00002-of-00002.safetensors" in refusal(folder)


@pytest.mark.parametrize(
    "size", [{"num_hidden_layers": 10**7}, {"vocab_size": 10**9, "hidden_size": 4096}]
)
def test_a_configuration_beyond_its_weights_is_refused_unbuilt(
    folder: Path, size: dict[str, int]
) -> None:
    change_json(folder / "config.json", lambda config: config.update(size))
    assert f"{next(iter(size.values())):,}" in refusal(folder)


def add_tokens(folder: Path, *tokens: str) -> None:
    def change(content: dict[str, Any]) -> None:
        for token in tokens:
            place = len(content["model"]["vocab"]) + len(content["added_tokens"])
            place = max(place, 320)
            while any(each["id"] == place for each in content["added_tokens"]):
                place += 1
            content["added_tokens"].append(
                {
                    "id": place,
                    "content": token,
                    "single_word": False,
                    "lstrip": False,
                    "rstrip": False,
                    "normalized": False,
                    "special": True,
                }
            )

    change_json(folder / "tokenizer.json", change)


def test_a_pad_token_outside_the_embedding_is_named(folder: Path) -> None:
    add_tokens(folder, "[PAD]")
    change_json(folder / "tokenizer_config.json", lambda config: config.update(pad_token="[PAD]"))
    message = refusal(folder)
    assert "'[PAD]'" in message
    assert "embedding" in message


def test_a_token_outside_that_nothing_writes_is_no_error(folder: Path) -> None:
    add_tokens(folder, "<image>")
    open_hf(BackendOptions(str(folder)))


def test_a_head_that_is_to_be_trained_may_be_missing() -> None:
    report = {"missing_keys": {"score.weight"}, "unexpected_keys": set(), "mismatched_keys": set()}
    check_loaded("m", report, ["score.weight"], {"score.weight"})
    with pytest.raises(ModelError, match=r"score\.weight"):
        check_loaded("m", report, ["score.weight"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"model_type": []}', "model_type is"),
        ('{"architectures": true}', "architectures is 'True', not a list"),
        ('{"auto_map": 5}', "auto_map is '5', not an object"),
        ('{"quantization_config": "int8"}', "quantization_config is 'int8', not an object"),
        ("[" * 20_000 + "]" * 20_000, "brackets"),
        ('{"model_max_length": ""}', "model_max_length is '', not a number"),
        ('{"max_position_embeddings": true}', "not a number"),
        ("[1]", "not an object"),
        ("{", "not valid JSON"),
    ],
)
@pytest.mark.parametrize("name", ["config.json", "adapter_config.json", "tokenizer_config.json"])
def test_a_configuration_that_is_none_is_refused(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(ModelError, match=words) as caught:
        check_regular(tmp_path)
    assert str(caught.value).count(name) == 1


@pytest.mark.parametrize("offsets", ["[4]", "[]", "{}", "4", '[0, "x"]', "null"])
def test_a_header_with_odd_offsets_is_refused(tmp_path: Path, offsets: str) -> None:
    header = f'{{"w": {{"dtype": "F32", "shape": [1], "data_offsets": {offsets}}}}}'.encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(ModelError, match="its header cannot be read"):
        tensor_shapes(path)
