"""What the header of a GGUF file says, and whether it can be true.

Whoever reads the file after this maps it into memory and takes lengths, counts and offsets as
they stand there. So they are checked first, against the size of the file: nothing is read beyond
its end, and what the weights take is bounded by what the file holds.

The format: a magic number, a version, counts; keys with typed values; name, shape, type and
offset of each tensor; the tensors. (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md)
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from harness.errors import ModelError

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_ALIGNMENT = 32
_LONGEST_NAME = 1 << 16
_MOST_DIMENSIONS = 4
_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_LEAST_TENSOR, _LEAST_KEY = 33, 13
"""Bytes that a tensor's entry and a key with its value take at least."""
_SPARE = 16
"""A configuration may ask for so many times the numbers that the weights hold."""

Value: TypeAlias = str | int | float | bool | list[Any]


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF file says of itself.

    Attributes:
        metadata: Key → value; of an array of texts, how many there are.
        tensors: Name → shape, fastest dimension first.
        types: Name → the number of the type in which its values are stored.
    """

    metadata: Mapping[str, Value]
    tensors: Mapping[str, tuple[int, ...]]
    types: Mapping[str, int]

    @property
    def architecture(self) -> str:
        """The family of models, as llama.cpp calls it."""
        return str(self.metadata["general.architecture"])


def read_header(path: Path, blocks: Mapping[int, tuple[int, int]]) -> GgufHeader:
    """Reads and checks a file's header; of the weights nothing is read.

    Args:
        path: The file.
        blocks: Type's number → how many values a block of it has, and how many bytes.

    Raises:
        ModelError: It is no GGUF file, is cut off or damaged, is one of several parts, holds no
            whole model, or asks for far more than it holds.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if size < 24 or file.read(4) != MAGIC:
            raise ModelError(
                f"{path} is no GGUF file ({size:,} bytes, without its magic number)",
                "Copy or download it again; a git-lfs pointer is fetched with `git lfs pull`",
            )
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                header = _parse(_Reader(data), size, blocks)
                _check_whole(header)
                _check_size(header)
            except _WrongError as error:
                raise ModelError(f"{path}: {error}", error.hint) from None
    return header


class _WrongError(Exception):
    """What is wrong with a file; ``hint`` is what to do about it."""

    def __init__(self, message: str, hint: str = "Copy or download it again") -> None:
        super().__init__(message)
        self.hint = hint


class _Reader:
    """Goes through bytes from the front, and never beyond their end."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self.place = 0

    @property
    def left(self) -> int:
        """Bytes that are still to come."""
        return len(self._data) - self.place

    def take(self, length: int) -> bytes:
        """The next ``length`` bytes."""
        self._expect(length)
        self.place += length
        return self._data[self.place - length : self.place]

    def numbers(self, kind: str, count: int = 1) -> tuple[Any, ...]:
        """The next numbers of a ``struct`` kind."""
        self._expect(count * struct.calcsize(f"<{kind}"))
        return struct.unpack(f"<{count}{kind}", self.take(count * struct.calcsize(f"<{kind}")))

    def text(self, longest: int | None = None) -> str:
        """The next text: its length in bytes, then they."""
        (length,) = self.numbers("Q")
        if longest is not None and length > longest:
            raise _WrongError(f"damaged: a name of {length:,} bytes")
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise _WrongError("damaged: a text that is not UTF-8") from None

    def skip_texts(self, count: int) -> None:
        """Goes past ``count`` texts."""
        if count > self.left // 8:
            raise _WrongError(f"cut off or damaged: a list of {count:,} texts")
        for _ in range(count):
            (length,) = self.numbers("Q")
            self._expect(length)
            self.place += length

    def _expect(self, length: int) -> None:
        if length > self.left:
            raise _WrongError(
                f"cut off or damaged: {length:,} bytes were expected at {self.place:,}, and "
                f"{self.left:,} are left"
            )


def _parse(reader: _Reader, size: int, blocks: Mapping[int, tuple[int, int]]) -> GgufHeader:
    reader.take(len(MAGIC))
    (version,) = reader.numbers("I")
    if version not in _VERSIONS:
        raise _WrongError(
            f"version {version} of GGUF, or the bytes in another order",
            f"Expected version {' or '.join(map(str, _VERSIONS))}: convert the model anew with a "
            "current llama.cpp",
        )
    tensors, keys = reader.numbers("Q", 2)
    if tensors * _LEAST_TENSOR + keys * _LEAST_KEY > reader.left:
        raise _WrongError(
            f"cut off or damaged: {tensors:,} tensors and {keys:,} keys in {size:,} bytes"
        )
    metadata: dict[str, Value] = {}
    for _ in range(keys):
        key = reader.text(_LONGEST_NAME)
        if key in metadata:
            raise _WrongError(f"damaged: the key {key[:60]!r} comes twice")
        metadata[key] = _value(reader, key)
    infos = dict(_tensors(reader, tensors))
    if len(infos) < tensors:
        raise _WrongError("damaged: a tensor comes twice")
    alignment = metadata.get("general.alignment", _ALIGNMENT)
    if type(alignment) is not int or not 0 < alignment <= 1 << 20 or alignment % 8:
        raise _WrongError(f"damaged: general.alignment is {alignment!r:.60}")
    start = -(-reader.place // alignment) * alignment
    _check_data(infos, size - start, alignment, blocks)
    return GgufHeader(
        metadata,
        {name: shape for name, (shape, _, _) in infos.items()},
        {name: kind for name, (_, kind, _) in infos.items()},
    )


def _value(reader: _Reader, key: str) -> Value:
    (kind,) = reader.numbers("I")
    if kind == _STRING:
        return reader.text()
    if kind != _ARRAY:
        if kind not in _SCALARS:
            raise _WrongError(f"damaged: {key[:60]!r} is of the unknown type {kind}")
        value: Value = reader.numbers(_SCALARS[kind])[0]
        return value
    (kind,) = reader.numbers("I")
    (count,) = reader.numbers("Q")
    if kind == _STRING:
        reader.skip_texts(count)
        return int(count)
    if kind not in _SCALARS:
        raise _WrongError(f"damaged: {key[:60]!r} is a list of the unknown type {kind}")
    return list(reader.numbers(_SCALARS[kind], count))


_Info: TypeAlias = tuple[tuple[int, ...], int, int]
"""A tensor's shape, type and offset."""


def _tensors(reader: _Reader, count: int) -> Iterator[tuple[str, _Info]]:
    for _ in range(count):
        name = reader.text(_LONGEST_NAME)
        (dimensions,) = reader.numbers("I")
        if not 1 <= dimensions <= _MOST_DIMENSIONS:
            raise _WrongError(f"damaged: the tensor {name[:60]!r} has {dimensions:,} dimensions")
        shape = reader.numbers("Q", dimensions)
        (kind,) = reader.numbers("I")
        (offset,) = reader.numbers("Q")
        yield name, (shape, kind, offset)


def _check_data(
    infos: Mapping[str, _Info], held: int, alignment: int, blocks: Mapping[int, tuple[int, int]]
) -> None:
    """Every tensor lies in the file, and all together take no more than it has."""
    total = 0
    for name, (shape, kind, offset) in infos.items():
        if kind not in blocks:
            raise _WrongError(
                f"the tensor {name[:60]!r} is stored in the unknown type {kind}",
                "Update the package: pip install --upgrade gguf; or quantise the model in "
                "another way",
            )
        values, length = blocks[kind]
        if 0 in shape or shape[0] % values:
            raise _WrongError(f"damaged: the tensor {name[:60]!r} has the shape {shape}")
        taken = math.prod(shape) // values * length
        if offset % alignment or offset + taken > held:
            raise _WrongError(
                f"cut off or damaged: the tensor {name[:60]!r} ends at byte {offset + taken:,} of "
                f"the weights, which have {max(0, held):,}"
            )
        total += taken
    if total > held:
        raise _WrongError("damaged: tensors overlap")


def _check_whole(header: GgufHeader) -> None:
    """One file that holds a whole model, with a tokenizer."""
    known = header.metadata
    if not isinstance(known.get("general.architecture"), str):
        raise _WrongError(
            "it names no general.architecture", "Expected a GGUF file of a language model"
        )
    parts = known.get("split.count", 1)
    if parts not in (0, 1):
        raise _WrongError(
            f"one of {parts} parts of a model",
            "Join them first: llama-gguf-split --merge FIRST_PART WHOLE.gguf",
        )
    kind = known.get("general.type", "model")
    if kind != "model" or not header.tensors:
        raise _WrongError(
            f"it holds {'no tensors' if kind == 'model' else f'a {kind!r:.60}'}, not a model",
            "Expected a GGUF file of a language model",
        )
    if "tokenizer.ggml.tokens" not in known:
        raise _WrongError(
            "it holds no tokenizer (tokenizer.ggml.tokens)",
            "Convert the model anew with a current llama.cpp",
        )


def _check_size(header: GgufHeader) -> None:
    """Compares what the configuration asks for with what the weights hold."""
    held = sum(math.prod(shape) for shape in header.tensors.values())
    width = _largest(header, "embedding_length")
    asked = {"embedding_length": width}
    asked |= {
        key: _largest(header, key) * width
        for key in ("vocab_size", "feed_forward_length", "expert_count", "attention.head_count")
    }
    asked["attention.key_length"] = (
        _largest(header, "attention.key_length") * asked["attention.head_count"]
    )
    if header.architecture == "gpt2" or "position_embd.weight" in header.tensors:
        asked["context_length"] = _largest(header, "context_length") * width
    for key, least in asked.items():
        if least > _SPARE * held:
            raise _WrongError(
                f"{header.architecture}.{key} = {_largest(header, key):,} with embeddings of "
                f"{width:,} numbers, and the weights hold {held:,} in all"
            )
    layers = _largest(header, "block_count")
    if layers > len(header.tensors):
        raise _WrongError(
            f"{header.architecture}.block_count = {layers:,}, and it holds "
            f"{len(header.tensors):,} tensors"
        )


def _largest(header: GgufHeader, key: str) -> int:
    """A whole number of the configuration, or the largest where it has one for each layer."""
    value = header.metadata.get(f"{header.architecture}.{key}", 0)
    found = [each for each in (value if isinstance(value, list) else [value]) if type(each) is int]
    return max(found, default=0)
