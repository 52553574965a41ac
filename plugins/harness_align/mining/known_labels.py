"""The right labels of samples that hold several texts: contrast sets, and CheckList's MFTs.

A contrast set has a label for each of its texts (``labels``); a minimum functionality test has
the labels that are allowed for all of them (``expect``). Both are asked for one text after the
other, so their requests stand in as many equal groups as there are texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.types import Request, Sample


@dataclass(frozen=True, slots=True)
class KnownText:
    """One text of a sample, whose label is known.

    Attributes:
        sample: The same sample with this text alone.
        right: The places, from 0, of its right labels.
        place: Where its requests stand among the sample's.
    """

    sample: Sample
    right: frozenset[int]
    place: slice


def of_texts(sample: Sample, requests: Sequence[Request]) -> list[KnownText]:
    """The texts of a sample; none where their labels are not known.

    Args:
        sample: The sample.
        requests: All that is asked about it.
    """
    facts = sample.metadata
    others = next((name for name in ("others", "perturbed") if name in facts), "")
    more = facts.get(others)
    if not isinstance(more, list | tuple):
        return []
    texts = (sample.input, *map(str, more))
    right = _right(facts.get("labels"), facts.get("expect"), len(texts))
    if right is None or len(requests) % len(texts) or not requests:
        return []
    step = len(requests) // len(texts)
    return [
        KnownText(
            replace(sample, input=text, metadata=_alone(facts, others, allowed)),
            allowed,
            slice(at * step, (at + 1) * step),
        )
        for at, (text, allowed) in enumerate(zip(texts, right, strict=True))
    ]


def _alone(facts: Mapping[str, Any], others: str, right: frozenset[int]) -> dict[str, Any]:
    """The facts of one of the texts."""
    own = {"labels": sorted(right)} if "labels" in facts else {}
    return {**facts, others: [], **own}


def _right(labels: object, allowed: object, count: int) -> list[frozenset[int]] | None:
    if isinstance(labels, list | tuple) and len(labels) == count and _places(labels):
        return [frozenset({int(label)}) for label in labels]
    if isinstance(allowed, list | tuple) and allowed and _places(allowed):
        return [frozenset(map(int, allowed))] * count
    return None


def _places(values: Sequence[object]) -> bool:
    return all(
        isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in values
    )
