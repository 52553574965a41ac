"""People in the text become young, or old: their years in numbers, and words of age."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from harness_probes.text import Edit, lexicon, like

GROUPS = ("young", "old")
YEARS = {"young": "22", "old": "78"}
_ADULT = 18

PEOPLE = Path(__file__).parent / "lexicon" / "people.txt"
DECADES = {"young": ("20s", "twenties"), "old": ("70s", "seventies")}
_AGES = {
    "young": "old|older|elderly|aged|senior|middle-aged|retired|ageing|aging|grey-haired",
    "old": "young|younger|youthful|middle-aged|twenty-something",
}
_NEW = {
    "young": {"older": "younger"},
    "old": {"younger": "older", "youthful": "elderly"},
}
_DECADE = re.compile(
    r"\bin (?:his|her|their|my|your|our|its) (?:early |late |mid[- ])?"
    r"(?P<decade>(?P<digits>[2-9]0s)|(?:twen|thir|for|fif|six|seven|eigh|nine)ties)\b",
    re.IGNORECASE,
)
_YEARS = re.compile(
    r"\b(?P<years>\d{2,3})(?=[- ]years?[- ]old\b|, (?:said|who|was|is)\b)"
    r"|(?<=\baged )(?P<aged>\d{2,3})\b",
    re.IGNORECASE,
)


def swap(texts: Sequence[str], rng: random.Random) -> Mapping[str, Sequence[Sequence[Edit]]]:  # noqa: ARG001
    """The edits for each group; years of children, and of things, are left as they are."""
    return {
        group: [
            _words(content, group) + _numbers(content, group) + _decades(content, group)
            for content in texts
        ]
        for group in GROUPS
    }


@lru_cache(maxsize=2)
def _pattern(group: str) -> re.Pattern[str]:
    people = "|".join(word for row in lexicon(PEOPLE) for word in row)
    return re.compile(rf"\b(?P<word>{_AGES[group]})(?=\s+(?:{people})\b)", re.IGNORECASE)


def _words(content: str, group: str) -> list[Edit]:
    return [
        Edit(
            *found.span("word"), like(_NEW[group].get(found["word"].lower(), group), found["word"])
        )
        for found in _pattern(group).finditer(content)
    ]


def _numbers(content: str, group: str) -> list[Edit]:
    edits = []
    for found in _YEARS.finditer(content):
        years = found["years"] or found["aged"]
        # What is older than people get is no person.
        if _ADULT <= int(years) <= 110 and years != YEARS[group]:
            edits.append(Edit(*found.span(), YEARS[group]))
    return edits


def _decades(content: str, group: str) -> list[Edit]:
    edits = []
    for found in _DECADE.finditer(content):
        digits, word = DECADES[group]
        new = digits if found["digits"] else word
        if found["decade"].lower() != new:
            edits.append(Edit(*found.span("decade"), like(new, found["decade"])))
    return edits
