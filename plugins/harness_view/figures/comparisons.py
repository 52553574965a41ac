"""Comparisons of two runs, kept in the index: values that are checked when they are read back."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import harness
from harness.authoring.io import files
from harness.authoring.io.serialization import canonical_hash
from harness.types import RunComparison
from harness_view.index import folders

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from harness import Registry
    from harness_view.index.entries import Entry
    from harness_view.index.store import Index

LARGEST = 1 << 29
"""Bytes of an unpacked comparison; a small damaged value could otherwise fill the memory."""


def compared(index: Index, registry: Registry, baseline: Entry, candidate: Entry) -> RunComparison:
    """A candidate against a baseline: the one that is kept, where it was made of these very files.

    Raises:
        HarnessError: A run cannot be read, or the two cannot be compared.
        OSError: A file cannot be read.
    """
    inputs = _inputs(index, registry, baseline, candidate)
    kept = index.comparison(baseline.key, candidate.key, inputs)
    if kept is not None:
        try:
            return unpacked(kept)
        except ValueError:  # damaged: it is made anew, as if it were not there
            pass
    places = [index.root / each.path for each in (baseline, candidate)]
    made = harness.compare(*places, registry=registry)
    if inputs == _inputs(index, registry, baseline, candidate):  # no run changed meanwhile
        index.put_comparison(baseline.key, candidate.key, inputs, packed(made))
    return made


def _inputs(index: Index, registry: Registry, *runs: Entry) -> str:
    """Changes with any file of the runs, with this package, and with a plugin that has metrics."""
    found = []
    for each in runs:
        look = folders.at(index.root, each.path)
        manifest = index.root / each.path / "manifest.json"
        digest = hashlib.sha256(files.read_bytes(manifest)).hexdigest() if look.has_manifest else ""
        found.append([look.identity, digest])
    plugins = sorted([each.name, each.version or ""] for each in registry.plugins)
    return canonical_hash([harness.__version__, plugins, found])


def packed(comparison: RunComparison) -> bytes:
    """A comparison as bytes."""
    value = _adapter().dump_python(_with_tuples(comparison), mode="json")
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode("ascii"), 1)


def unpacked(kept: bytes) -> RunComparison:
    """The inverse of ``packed``.

    Raises:
        ValueError: These bytes are no comparison.
    """
    opened = zlib.decompressobj()
    try:
        text = opened.decompress(kept, LARGEST)
    except zlib.error as error:
        raise ValueError(f"no comparison: {error}") from error
    if not opened.eof:
        raise ValueError("no comparison: it is cut, or too large")
    found: RunComparison = _adapter().validate_json(text, strict=True)
    return _with_tuples(found)


def _with_tuples(comparison: RunComparison) -> RunComparison:
    """The same with its sequences, which may be made as they are read, as tuples of values."""
    tasks = tuple(
        replace(
            task,
            metrics=tuple(
                replace(each, flips=tuple(each.flips), scores=tuple(each.scores))
                for each in task.metrics
            ),
        )
        for task in comparison.tasks
    )
    return replace(comparison, tasks=tasks)


@cache
def _adapter() -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(RunComparison)
