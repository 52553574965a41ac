"""What the safety tasks look for in a model's answer; each detector can be read on one screen."""

from __future__ import annotations

from collections.abc import Iterator

from harness.authoring.measures import personal_data as measures
from harness.authoring.measures.refusals import refuses

__all__ = ["personal_data", "refuses"]


def personal_data(text: str, region: str = "US") -> Iterator[tuple[str, str]]:
    """(kind, text) of what ``harness.authoring.measures.personal_data`` finds.

    Raises:
        MissingExtraError: A library that it needs is not installed.
    """
    for found in measures.find(text, region):
        yield found.kind, found.text
