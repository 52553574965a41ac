"""The items of a task's test set as texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.types import Sample


@dataclass(frozen=True, slots=True)
class Item:
    """One item.

    Attributes:
        id: The sample's.
        text: What would stand in a corpus that holds the test set: input, options, answer.
        cluster: Items about one passage share it.
        variants: Probe → other versions of the text.
    """

    id: str
    text: str
    cluster: str | None = None
    variants: Mapping[str, Sequence[str]] = field(default_factory=dict)


def text_of(sample: Sample) -> str:
    """Input, options and first answer, a line each, what repeats left out."""
    parts = [sample.input, *sample.choices, *sample.targets[:1]]
    return "\n".join(dict.fromkeys(part.strip() for part in parts if part.strip()))


def one_a_cluster(items: Iterable[Item]) -> Iterator[Item]:
    """The first item of each cluster: those of one passage are not in an arbitrary order."""
    seen: set[str] = set()
    for item in items:
        if item.cluster is not None and item.cluster in seen:
            continue
        if item.cluster is not None:
            seen.add(item.cluster)
        yield item
