"""What an answer is to be grounded in, and the sentences of a text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harness.types import Sample

FIELDS = ("passages", "context", "source", "document", "article", "knowledge")
"""The fields of a sample that hold a source, the first one there is."""
INPUT = "input"
"""Stands for the sample's input itself: the document of a summary."""

_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"'”’)\]]*\s+|\s*\n+\s*|(?<=[。！？])")
_ABBREVIATED = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|No|Inc|Ltd|Co|approx|e\.g|i\.e|etc|U\.S|U\.K))\.$"
)


def field_of(sample: Sample, named: str = "") -> str | None:
    """Which field of the sample is the source; None where it has none.

    Args:
        sample: The sample.
        named: The field that the user names; by default the first of ``FIELDS``, else the input.
    """
    if named:
        return named if named == INPUT or _text(sample, named) is not None else None
    return next((name for name in FIELDS if _text(sample, name) is not None), INPUT)


def source_of(sample: Sample, named: str = "") -> str | None:
    """The source's text, with what was asked about it; None where there is none.

    A question belongs to it: what an answer repeats of the question is not made up.
    """
    field = field_of(sample, named)
    if field is None:
        return None
    text = sample.input if field == INPUT else f"{_text(sample, field)}\n{sample.input}"
    return text if text.strip() else None


def _text(sample: Sample, name: str) -> str | None:
    value = sample.metadata.get(name)
    if isinstance(value, list | tuple):
        value = "\n".join(map(str, value))
    return value if isinstance(value, str) and value.strip() else None


def remarks(samples: Sequence[Sample], named: str) -> Iterator[str]:
    """Which field was the source, and how many samples have none."""
    fields = [field_of(sample, named) for sample in samples]
    without = fields.count(None)
    for field in dict.fromkeys(each for each in fields if each is not None):
        what = "the input" if field == INPUT else f"the field {field!r}, with the input"
        some = "" if fields.count(field) == len(fields) else f" of {fields.count(field):,} samples"
        yield f"groundedness: the source{some} is {what}"
    if without:
        yield f"groundedness: {without:,} of {len(samples):,} samples have no field {named!r}"


def sentences(text: str) -> list[str]:
    """The sentences of a text, split at full stops that end no abbreviation, and at line ends."""
    found: list[str] = []
    for piece in filter(None, (each.strip() for each in _SENTENCE_END.split(text))):
        if found and _ABBREVIATED.search(found[-1]):
            found[-1] += f" {piece}"
        else:
            found.append(piece)
    return found
