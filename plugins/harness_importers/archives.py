"""Zip archives from outside: nothing is unpacked to disk, and nothing fills the memory."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from harness.authoring.io.files import open_binary
from harness.authoring.readers import text_files
from harness.errors import DataError

MOST_ENTRIES = 200_000
MOST_ENTRY_BYTES = 256 * 1024**2
MOST_BYTES = 4 * 1024**3
"""Unpacked, all entries together that are read."""
ZSTANDARD = 93
"""The method of compression that Inspect takes, and that zipfile knows from Python 3.14 on."""
_HEADER = struct.Struct("<26x2H")
"""An entry's local header: the lengths of its name and of what follows the name."""


class Archive:
    """The JSON documents in a zip file.

    Args:
        path: The file.

    Raises:
        DataError: It is no zip file, or holds too many entries.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._left = MOST_BYTES
        try:
            self._file = open_binary(path)
            self._zip = zipfile.ZipFile(self._file)
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            raise self._broken(str(error)) from error
        self.names = self._zip.namelist()
        if len(self.names) > MOST_ENTRIES:
            raise self._broken(f"{len(self.names):,} entries")

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()
        self._file.close()

    def json(self, name: str) -> Any:
        """The JSON document of that name.

        Raises:
            DataError: It is missing, damaged, too large, or no JSON.
        """
        most = min(MOST_ENTRY_BYTES, self._left)
        try:
            raw = self._unpacked(self._zip.getinfo(name), most + 1)
        except NotImplementedError as error:
            raise DataError(
                f"{name} is compressed in a way that this Python cannot read ({error})",
                path=self._path,
                expected="a log in JSON: inspect log convert FILE --to json --output-dir DIR; "
                "or, of Zstandard, the package pyarrow: pip install 'evalign[tasks]'",
            ) from error
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError,
                ValueError) as error:  # fmt: skip
            raise self._broken(f"{name}: {error}") from error
        if len(raw) > most:
            raise self._broken(f"{name} is larger than {most / 1024**2:.0f} MiB unpacked")
        self._left -= len(raw)
        try:
            content = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._broken(f"{name} is not UTF-8") from error
        return text_files.parse_json(content, f"{self._path}, {name}")

    def _unpacked(self, entry: zipfile.ZipInfo, most: int) -> bytes:
        """At most so many bytes of an entry.

        Raises:
            NotImplementedError: It is compressed in a way for which nothing is installed.
        """
        try:
            with self._zip.open(entry) as file:
                return file.read(most)
        except NotImplementedError:
            if entry.compress_type != ZSTANDARD:
                raise
        try:
            import pyarrow
        except ImportError as error:
            raise NotImplementedError("Zstandard") from error
        packed = pyarrow.py_buffer(self._packed(entry))
        with pyarrow.input_stream(packed, compression="zstd") as stream:
            raw: bytes = stream.read(most)
        if len(raw) < most and zlib.crc32(raw) != entry.CRC:
            raise zipfile.BadZipFile("Bad CRC-32")
        return raw

    def _packed(self, entry: zipfile.ZipInfo) -> bytes:
        """An entry's bytes as they stand in the file, behind its local header."""
        self._file.seek(entry.header_offset)
        header = self._file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            raise EOFError("the file ends within a header")
        name_length, extra_length = _HEADER.unpack(header)
        self._file.seek(name_length + extra_length, os.SEEK_CUR)
        return self._file.read(entry.compress_size)

    def _broken(self, what: str) -> DataError:
        return DataError(f"not a usable zip file: {what}", path=self._path, expected="a whole log")
