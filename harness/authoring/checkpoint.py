"""Whether a checkpoint is what its files say: before a library reads them, and after.

Libraries draw missing weights at random, leave out what they do not know, and build whatever a
configuration asks for. Every road to a model (backends, training, reward models) passes here.
Nothing here imports such a library.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import regular_files
from harness.authoring.readers import text_files
from harness.errors import DataError, HarnessError, ModelError

_HEADER = 100 << 20
"""Longest header of a safetensors file in bytes, by the format's own rule."""
_AGAIN = "Copy or download the checkpoint again"
_POINTER = b"version https://git-lfs"
_LARGE = ("*.safetensors", "*.bin", "*.model", "tokenizer.json", "*.index.json")
_SUFFIXES = (".json", ".jinja", ".safetensors", ".model", ".txt")
"""Of a checkpoint's files."""
_CONFIGURATIONS = (
    *("config.json", "generation_config.json", "adapter_config.json"),
    "tokenizer_config.json",
)
_FORMS: Mapping[str, tuple[type, str]] = {
    "model_type": (str, "a name"),
    "architectures": (list, "a list"),
    "auto_map": (dict, "an object"),
    "quantization_config": (dict, "an object"),
}
"""What loading goes by, whatever the model → its form."""
_LENGTHS = ("model_max_length", "max_position_embeddings", "n_positions", "max_length")
"""Numbers of tokens that are compared with the lengths of prompts."""
_PREFIXES = ("_orig_mod.", "module.")
"""What ``torch.compile`` and ``DistributedDataParallel`` put before each weight's name."""
_LAYERS = re.compile(r"(?:^|\.)(?:layers|layer|h|blocks|block)\.(\d+)\.")
_PACKED = 16
"""Quantised weights hold at most so many parameters in an element of a tensor."""
_STRAY = 1000
"""A tokenizer with so many tokens more than embeddings is another model's."""
_LONGEST = 600


@contextmanager
def reading(what: str, hint: str) -> Iterator[None]:
    """Turns whatever a library raises over a checkpoint's files into an error about the files.

    Libraries raise what their parsers raise: ``TypeError``, ``KeyError``, classes of their own.

    Args:
        what: What is read, such as "the tokenizer of ./ckpt".
        hint: What belongs there.

    Raises:
        ModelError: The library raised an ``Exception`` that is none of the harness's own.
    """
    try:
        yield
    except HarnessError:
        raise
    except Exception as error:
        raise ModelError(f"{what} cannot be read: {reason(error)}", hint) from error


def check_regular(name: str | Path) -> None:
    """Refuses a checkpoint folder that holds something else than files, before it is read.

    Libraries open what is there by its name and would wait for ever for a pipe, a socket or a
    device; a folder with the name of a file they leave out in silence.

    Raises:
        ModelError: It does.
    """
    try:
        if not Path(name).is_dir():
            return
        regular_files.check_folder(Path(name))
        for path in Path(name).iterdir():
            if path.suffix in _SUFFIXES:
                regular_files.check_target(path)
    except OSError as error:
        raise ModelError(f"{error.filename} is {error.strerror}", _AGAIN) from error
    for configuration in _CONFIGURATIONS:
        if (Path(name) / configuration).is_file():
            _configuration(Path(name) / configuration)


def read_config(folder: Path) -> dict[str, Any]:
    """The config.json of a model of ``transformers``.

    Raises:
        ModelError: There is none, it is no JSON object, or it names no model_type.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(f"{folder} holds no config.json", "Expected a Hugging Face checkpoint")
    config = _configuration(path)
    if not ("model_type" in config or "auto_map" in config):
        raise ModelError(f"{path} names no model_type", "Expected a Hugging Face configuration")
    return config


def _configuration(path: Path) -> dict[str, Any]:
    """A configuration, unless a library would fail over it in words of its own."""
    try:
        found = text_files.read_json(path)
    except DataError as error:
        raise ModelError(error.message, _AGAIN) from error
    if not isinstance(found, dict):
        raise ModelError(f"{path} holds a JSON {type(found).__name__}, not an object", _AGAIN)
    for name, (form, told) in _FORMS.items():
        value = found.get(name)
        if value is not None and not isinstance(value, form):
            raise ModelError(f"{path}: {name} is {str(value)[:60]!r}, not {told}", _AGAIN)
    for name in _LENGTHS:
        value = found.get(name)
        if value is not None and type(value) not in (int, float):
            raise ModelError(f"{path}: {name} is {str(value)[:60]!r}, not a number", _AGAIN)
    return found


def check_files(folder: Path) -> dict[str, tuple[int, ...]]:
    """Refuses a folder whose weights cannot be right; only headers are read.

    Returns:
        Name → shape of the tensors of all safetensors files; empty where there are none.

    Raises:
        ModelError: A git-lfs pointer, a file that is cut off, a shard that is missing, names with
            a wrapper's prefix, or a configuration that asks for far more than the weights hold.
    """
    check_regular(folder)
    for pattern in _LARGE:
        for path in sorted(folder.glob(pattern)):
            _refuse_pointer(path)
    _check_index(folder)
    tensors: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        if path.name != "adapter_model.safetensors":
            tensors |= tensor_shapes(path)
    _refuse_prefix(folder, tensors)
    _check_size(folder, tensors)
    return tensors


def check_loaded(
    name: str, report: Mapping[str, Any], known: Collection[str], allowed: Collection[str] = ()
) -> None:
    """Judges what a library says of a loading: weights that it lacked, left out or could not fit.

    Args:
        name: The checkpoint's.
        report: ``missing_keys``, ``unexpected_keys`` and ``mismatched_keys``, as
            ``transformers`` gives them with ``output_loading_info``.
        known: Names of all weights of the model.
        allowed: Names of weights that may be missing, since they are to be trained.

    Raises:
        ModelError: A weight would be random, or the files hold part of a layer that the model
            leaves out, such as the scales of quantised weights.
    """
    found = {
        kind: sorted(str(key[0] if isinstance(key, tuple) else key) for key in keys)
        for kind, keys in report.items()
        if kind.endswith("_keys")
    }
    mismatched = found.get("mismatched_keys", [])
    if mismatched:
        raise ModelError(
            f"{name} holds weights of other shapes than its config.json says: {_some(mismatched)}",
            "Take weights and config.json of one and the same model",
        )
    missing = [key for key in found.get("missing_keys", []) if key not in allowed]
    if missing:
        raise ModelError(
            f"{name} lacks weights that this kind of model needs ({_some(missing)}): "
            "they would be random",
            "Take a checkpoint that holds these weights, or open it as what it was trained as "
            "(for `harness run`: --set kind=…)",
        )
    parts = {key.rpartition(".")[0] for key in known}
    layers = {int(at[1]) for key in known if (at := _LAYERS.search(key))}
    stray = []
    for key in found.get("unexpected_keys", []):
        layer = _LAYERS.search(key)
        beyond = layer is not None and bool(layers) and int(layer[1]) > max(layers)
        if key.rpartition(".")[0] in parts or beyond:
            stray.append(key)
    if stray:
        raise ModelError(
            f"{name} holds weights that the model would leave out: {_some(stray)}",
            "They belong to a form of weights that is not read here (quantised, with scales "
            "beside them), or config.json speaks of another model: take the unquantised "
            "checkpoint, or the config.json that belongs to these weights",
        )


def check_values(name: str, weights: Iterable[tuple[str, Any]]) -> None:
    """Refuses weights that are not numbers.

    Args:
        name: The checkpoint's.
        weights: Name and tensor of each.

    Raises:
        ModelError: One holds NaN or infinity.
    """
    for weight, values in weights:
        # Quantised ones are of types of one byte, which not every operation takes.
        checked = values.is_floating_point() and values.element_size() > 1
        if checked and not bool(values.detach().isfinite().all()):
            raise ModelError(
                f"{name} holds weights that are not numbers (NaN or infinite): {weight}",
                "Its training diverged, or the file is damaged: take another checkpoint",
            )


def check_vocabulary(name: str, tokenizer: Any, rows: int) -> None:
    """Refuses a tokenizer that writes tokens for which the model has no embedding.

    A few tokens that no prompt needs may lie outside, as in text models cut from larger ones.

    Args:
        name: The checkpoint's.
        tokenizer: A ``transformers`` tokenizer.
        rows: Embeddings that the model has.

    Raises:
        ModelError: A special token, or one that the chat template writes, lies outside.
    """
    outside = {token: place for token, place in tokenizer.get_vocab().items() if place >= rows}
    named = {str(token) for token in tokenizer.special_tokens_map.values()}
    template = str(getattr(tokenizer, "chat_template", None) or "")
    needed = [token for token in outside if token in named or token in template]
    if needed or len(outside) > _STRAY:
        token = min(needed or outside, key=outside.__getitem__)
        raise ModelError(
            f"the tokenizer of {name} is larger than the model's embedding: {token!r} has the id "
            f"{outside[token]}, the embedding has {rows} rows ({len(outside)} tokens outside)",
            "Resize the model for its tokenizer (model.resize_token_embeddings(len(tokenizer))) "
            "and save both, or take the tokenizer that belongs to these weights",
        )


def _some(names: Collection[str]) -> str:
    first = ", ".join(sorted(names)[:3])
    return f"{first}, … ({len(names)} in all)" if len(names) > 3 else first


def _refuse_pointer(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(len(_POINTER))
    if start == _POINTER:
        raise ModelError(
            f"{path} is a git-lfs pointer, not the file itself",
            "Fetch the files: git lfs pull, or hf download",
        )


def _check_index(folder: Path) -> None:
    path = folder / "model.safetensors.index.json"
    if not path.is_file():
        return
    try:
        shards = set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values())
        lacking = sorted(name for name in shards if not (folder / name).is_file())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{path} cannot be read: {reason(error)}", "Copy or download it again"
        ) from error
    if lacking:
        raise ModelError(
            f"{folder} lacks {len(lacking)} of {len(shards)} files of weights that "
            f"{path.name} names: {_some(lacking)}",
            "Copy or download them",
        )


def _refuse_prefix(folder: Path, tensors: Collection[str]) -> None:
    for prefix in _PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            raise ModelError(
                f"{folder} names its weights with the prefix {prefix!r} "
                f"({min(tensors)}), which a wrapper of the training left",
                "Save the model itself, not its wrapper (model._orig_mod, model.module), or take "
                f"{prefix!r} off each name in its safetensors files",
            )


def _check_size(folder: Path, tensors: Mapping[str, tuple[int, ...]]) -> None:
    """Compares the least that config.json asks for with what the weights hold."""
    path = folder / "config.json"
    if not tensors or not path.is_file():
        return
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        config = config.get("text_config") or config
        sizes = {name: config.get(name) for name in ("vocab_size", "hidden_size")}
        layers = config.get("num_hidden_layers") or config.get("n_layer") or 0
    except (ValueError, AttributeError, RecursionError):
        return  # whoever reads it says what is wrong
    numbers = {name: value for name, value in sizes.items() if type(value) is int}
    held = sum(_product(shape) for shape in tensors.values())
    least = _product((numbers.get("vocab_size", 0), numbers.get("hidden_size", 1)))
    if least > _PACKED * held:
        raise ModelError(
            f"{path} speaks of a vocabulary of {numbers.get('vocab_size', 0):,} by "
            f"{numbers.get('hidden_size', 1):,}, and the weights hold {held:,} numbers in all",
            "Take the config.json that belongs to these weights",
        )
    if type(layers) is int and layers > 1000 + 10 * len(tensors):
        raise ModelError(
            f"{path} speaks of {layers:,} layers, and the weights hold {len(tensors):,} tensors",
            "Take the config.json that belongs to these weights",
        )


def _product(shape: tuple[int, ...]) -> int:
    result = 1
    for side in shape:
        result *= side
    return result


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name → shape of the tensors of a safetensors file, from its header alone.

    Raises:
        ModelError: It is no safetensors file; says what it is.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > min(size - 8, _HEADER):
            raise ModelError(
                f"{path} is cut off or no safetensors file ({size:,} bytes)",
                "Copy or download it again",
            )
        try:
            header = json.loads(file.read(length))
            tensors = {key: value for key, value in header.items() if key != "__metadata__"}
            shapes = {
                key: tuple(int(side) for side in value["shape"]) for key, value in tensors.items()
            }
            end = max((int(value["data_offsets"][1]) for value in tensors.values()), default=0)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise ModelError(
                f"{path} is no safetensors file: its header cannot be read",
                "Copy or download it again",
            ) from error
    if 8 + length + end != size:
        raise ModelError(
            f"{path} is cut off: {size:,} bytes, and its header speaks of {8 + length + end:,}",
            "Copy or download it again",
        )
    return shapes


def reason(error: BaseException) -> str:
    """What a library says is wrong: its text in one line, as far as a screen bears it."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
