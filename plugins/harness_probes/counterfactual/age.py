"""People in the text become young, or old: their years in numbers, and words of age."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from harness_probes.text import Edit, like

GROUPS = ("young", "old")
YEARS = {"young": "22", "old": "78"}
_ADULT = 18

_PEOPLE = (
    "man|woman|men|women|person|people|lady|ladies|gentleman|gentlemen|guy|guys|couple|adult|adults|"
    "employee|employees|worker|workers|driver|drivers|doctor|doctors|nurse|nurses|teacher|teachers|"
    "lawyer|lawyers|engineer|engineers|actor|actors|actress|actresses|applicant|applicants|"
    "candidate|candidates|patient|patients|customer|customers|neighbor|neighbors|neighbour|"
    "neighbours|voter|voters|resident|residents|citizen|citizens|colleague|colleagues|audience"
)
_WORDS = {
    "young": rf"\b(?P<word>old|older|elderly|aged|senior|middle-aged)(?=\s+(?:{_PEOPLE})\b)",
    "old": rf"\b(?P<word>young|younger|youthful|middle-aged)(?=\s+(?:{_PEOPLE})\b)",
}
_PATTERNS = {group: re.compile(pattern, re.IGNORECASE) for group, pattern in _WORDS.items()}
_NEW = {
    "young": {"older": "younger"},
    "old": {"younger": "older", "youthful": "elderly"},
}
_YEARS = re.compile(
    r"\b(?P<years>\d{2,3})(?=[- ]years?[- ]old\b|, (?:said|who|was|is)\b)"
    r"|(?<=\baged )(?P<aged>\d{2,3})\b",
    re.IGNORECASE,
)


def swap(texts: Sequence[str], rng: random.Random) -> Mapping[str, Sequence[Sequence[Edit]]]:  # noqa: ARG001
    """The edits for each group; years of children, and of things, are left as they are."""
    return {
        group: [_words(content, group) + _numbers(content, group) for content in texts]
        for group in GROUPS
    }


def _words(content: str, group: str) -> list[Edit]:
    return [
        Edit(
            *found.span("word"), like(_NEW[group].get(found["word"].lower(), group), found["word"])
        )
        for found in _PATTERNS[group].finditer(content)
    ]


def _numbers(content: str, group: str) -> list[Edit]:
    edits = []
    for found in _YEARS.finditer(content):
        years = found["years"] or found["aged"]
        # What is older than people get is no person.
        if _ADULT <= int(years) <= 110 and years != YEARS[group]:
            edits.append(Edit(*found.span(), YEARS[group]))
    return edits
