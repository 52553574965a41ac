"""Named entities from a head that tags words."""

from __future__ import annotations

from collections.abc import Sequence

from harness.types import Request, Response, Sample, Tag, Tags
from harness_tasks.entities.metric import types_of
from harness_tasks.entities.spans import Entity, of_tags, same_type


def ask_for_tags(sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:
    """The request: the data's own words where the text is made of them, else the model's.

    A probe that changed the text leaves it to the model.
    """
    del shots  # a head learns nothing from examples
    return [Tag(sample.input, _places(sample))]


def _places(sample: Sample) -> tuple[tuple[int, int], ...]:
    tokens = sample.metadata.get("tokens")
    if not isinstance(tokens, tuple | list) or " ".join(tokens) != sample.input:
        return ()
    places, start = [], 0
    for token in tokens:
        places.append((start, start + len(token)))
        start += len(token) + 1
    return tuple(place for place in places if place[0] < place[1])


def tagged(sample: Sample, responses: Sequence[Response]) -> list[Entity]:
    """The entities that the tags spell; a type that the data do not know stays as it is."""
    (response,) = responses
    assert isinstance(response, Tags)
    types = types_of(sample)
    found = []
    for first, after, kind in of_tags(response.tags):
        start, end = response.words[first][0], response.words[after - 1][1]
        found.append(Entity(sample.input[start:end], same_type(kind, types) or kind, start, end))
    return found
