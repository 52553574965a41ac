"""GGUF files, llama.cpp's form of a model: weights, tokenizer and chat template in one file.

``transformers`` reads them and turns the quantised weights back into numbers; here its header is
checked before, and the library kept from doing the same work again and again.
"""

from __future__ import annotations

import copy
import functools
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.authoring.checkpoint import reason
from harness.errors import MissingExtraError, ModelError
from harness_backends.hf.checkpoint.gguf_header import MAGIC, GgufHeader, read_header

SUFFIX = ".gguf"
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth", "*.ckpt")


def find(name: str) -> Path | None:
    """The GGUF file that ``name`` means: itself, or the only weights of a folder; None for others.

    The path is absolute, as the library looks for others in a folder of its own choice.

    Raises:
        ModelError: The folder holds several, of which one has to be named.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path.absolute() if path.suffix == SUFFIX or _begins_as_one(path) else None
    if not path.is_dir() or any(any(path.glob(pattern)) for pattern in _WEIGHTS):
        return None
    found = sorted(path.glob(f"*{SUFFIX}"))
    if len(found) > 1:
        names = ", ".join(each.name for each in found[:4])
        raise ModelError(
            f"{name} holds {len(found)} GGUF files: {names}",
            f"Name one of them: --model {found[0]}",
        )
    return found[0].absolute() if found else None


def check(path: Path) -> GgufHeader:
    """Refuses a file that cannot be a whole model; only its header is read.

    Raises:
        MissingExtraError: A package that reads such files is not installed.
        ModelError: The header is wrong, or of an architecture that ``transformers`` cannot read.
    """
    if find_spec("gguf") is None or find_spec("accelerate") is None:
        raise MissingExtraError("a GGUF file", "gguf")
    import gguf

    blocks = {int(kind): size for kind, size in gguf.GGML_QUANT_SIZES.items()}
    return read_header(path, blocks)


def read_config(place: Path, path: Path) -> dict[str, Any]:
    """What a config.json would say.

    Args:
        place: An empty folder, see ``opened``.
        path: The file.

    Raises:
        ModelError: ``transformers`` cannot read this architecture.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(str(place), gguf_file=str(path))
    except Exception as error:  # the library raises whatever its readers meet
        raise ModelError(
            f"{path} cannot be loaded: {reason(error)}",
            "Expected an architecture that transformers reads from GGUF (Llama, Mistral, Qwen, "
            "Gemma, Phi-3, …): take the safetensors checkpoint of this model",
        ) from error
    found: dict[str, Any] = config.to_dict()
    return found


def describe(header: GgufHeader) -> str:
    """In a few words, how the weights are stored; they are dequantised on loading."""
    from gguf import LlamaFileType

    number = header.metadata.get("general.file_type")
    try:
        stored = LlamaFileType(number).name.removeprefix("MOSTLY_").removeprefix("ALL_")
    except ValueError:
        stored = "of several types"
    return f"{header.architecture} {stored}, dequantised"


@contextmanager
def opened() -> Iterator[Path]:
    """An empty folder to give ``transformers`` beside the file's name.

    In the file's own folder it would take a tokenizer_config.json that lies there, perhaps that
    of another model.
    """
    with tempfile.TemporaryDirectory() as folder, _read_once():
        yield Path(folder)


@contextmanager
def _read_once() -> Iterator[None]:
    """What ``transformers`` asks of a file is found out once within this context.

    It reads the whole vocabulary for the configuration, the tokenizer and the weights alike,
    value by value, and makes the table of the tensors' names anew for every module: a minute and
    a half for a model of 135 M parameters, of which a tenth is left.
    """
    import gguf
    import numpy as np
    from transformers import modeling_gguf_pytorch_utils as loader

    class Reader(gguf.GGUFReader):  # type: ignore[misc]
        """Takes values from a plain array; each slice of a mapped one costs ten times as much."""

        def _get(self, *args: Any, **options: Any) -> Any:
            self.data: Any = np.asarray(self.data)
            return super()._get(*args, **options)

    load = loader.load_gguf_checkpoint
    metadata = functools.cache(load)

    def load_once(path: str, return_tensors: bool = False, **options: Any) -> Mapping[str, Any]:
        if return_tensors:
            found: Mapping[str, Any] = load(path, return_tensors=True, **options)
            return found
        return copy.deepcopy(metadata(path))

    changed = {
        (gguf, "GGUFReader"): functools.cache(Reader),
        (gguf, "get_tensor_name_map"): functools.cache(gguf.get_tensor_name_map),
        (loader, "load_gguf_checkpoint"): load_once,
        (loader, "tqdm"): functools.partial(loader.tqdm, disable=True),
    }
    before = {(module, name): getattr(module, name) for module, name in changed}
    for (module, name), new in changed.items():
        setattr(module, name, new)
    try:
        yield
    finally:
        for (module, name), old in before.items():
            setattr(module, name, old)


def _begins_as_one(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC
