"""``--model replay:FILE``: score outputs that were saved elsewhere, without a model.

A JSON map id → text, JSONL rows ``id, response``, or a text file with a line per sample.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness import data
from harness.errors import DataError, UnknownNameError
from harness.protocols import BackendOptions
from harness.types import Completion, Failed, Generate, KeyedRequest, Response, Usage

OPTIONS = {
    "replay_field": "field of a JSONL row that holds the text (default: response)",
    "replay_id": "field of a JSONL row that holds the sample id (default: id, or BBQ's "
    "category-example_id)",
}
_ID_FIELDS = ("id", "sample_id")


def open_replay(options: BackendOptions) -> Replay:
    """Reads the saved outputs.

    Raises:
        DataError: The file is missing, malformed or empty.
    """
    paths = data.files(options.model, "*.json*")
    texts: dict[str, str] = {}
    by_line = False
    for path in paths:
        by_line = path.suffix not in (".json", ".jsonl")
        for identifier, text in _read(path, options.values):
            if identifier in texts:
                raise DataError(
                    f"the id {identifier!r} occurs twice", path=path, expected="one output a sample"
                )
            texts[identifier] = text
    if not texts:
        raise DataError("holds no outputs", path=options.model, expected="one output a sample")
    digest = hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()
    return Replay(options.model, texts, by_line, digest)


def _read(path: Path, options: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if path.suffix == ".jsonl":
        yield from _read_rows(path, options)
    elif path.suffix == ".json":
        content = data.read_json(path)
        if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
            raise DataError("is not a map", path=path, expected="a JSON map from sample id to text")
        yield from content.items()
    else:
        for number, text in data.lines(path):
            yield str(number), text


def _read_rows(path: Path, options: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    name = options.get("replay_field", "response")
    for line, row in data.read_jsonl(path):
        if name not in row:
            raise UnknownNameError(
                f"field in {path}, line {line}:",
                name,
                row,
                "Choose the field with the outputs by --set replay_field=NAME.",
            )
        yield _identifier(row, options.get("replay_id"), path, line), str(row[name])


def _identifier(row: data.Row, chosen: str | None, path: Path, line: int) -> str:
    if chosen is not None:
        return str(data.field(row, chosen, (str, int), path, line))
    if "category" in row and "example_id" in row:  # BBQ's published files
        return f"{row['category']}-{row['example_id']}"
    for name in _ID_FIELDS:
        if name in row:
            return str(data.field(row, name, (str, int), path, line))
    return str(line)


class Replay:
    """Answers by sample id; the prompt is not looked at.

    A text file has one output a line in the order of the samples; such ids are line numbers,
    so a sample whose own id is no line number is answered by its place in the order asked.
    """

    by_sample = True
    supports = frozenset({Generate})

    def __init__(
        self, source: str, texts: Mapping[str, str], by_line: bool, fingerprint: str
    ) -> None:
        self._source, self._texts, self._by_line = source, texts, by_line
        self.fingerprint = f"replay:{fingerprint}"
        self.usage = Usage()
        self._used: set[str] = set()
        self._unmatched = 0

    def describe(self) -> Mapping[str, object]:
        """What was read, and how much of it matched."""
        return {
            "backend": "replay",
            "name": Path(self._source).name,
            "source": self._source,
            "outputs": len(self._texts),
            "outputs_matching_no_sample": len(self._texts) - len(self._used),
            "samples_without_output": self._unmatched,
        }

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        """The saved output of each request's sample; a sample without one fails."""
        places = {name: index for index, name in enumerate(_in_order(requests), start=1)}
        for request in requests:
            identifier = request.sample_id
            if self._by_line and identifier not in self._texts:
                identifier = str(places[request.task, request.sample_id])
            text = self._texts.get(identifier)
            if text is None:
                self._unmatched += 1
                yield request.key, Failed(f"no saved output has the id {request.sample_id!r}")
                continue
            self._used.add(identifier)
            yield request.key, Completion(text)

    def close(self) -> None:
        """Holds nothing."""


def _in_order(requests: Sequence[KeyedRequest]) -> dict[tuple[str, str], None]:
    return dict.fromkeys((request.task, request.sample_id) for request in requests)
