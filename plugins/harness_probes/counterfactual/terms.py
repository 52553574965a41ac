"""Words that name a group become those of another: religions, nationalities."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from harness_probes.text import Edit, lexicon, like

FOLDER = Path(__file__).parent / "lexicon"
RELIGIONS = ("christian", "muslim", "jewish", "hindu", "buddhist", "sikh")
NATIONALITIES = (
    "american", "british", "chinese", "german", "indian", "mexican", "nigerian", "russian",
    "french", "italian", "spanish", "polish", "turkish", "iranian", "egyptian", "pakistani",
    "japanese", "korean", "vietnamese", "filipino", "brazilian", "canadian", "australian", "kenyan",
)  # fmt: skip
PUT_IN = NATIONALITIES[:8]
"""The nationalities that are put in by default; all are found in texts."""

_PERSON_BEFORE = re.compile(
    r"\b(?:an?|the|one|another|every|each|any|no|some|this|that|who)\s+(?:\w+\s+)?$", re.IGNORECASE
)
_NOUN_FOLLOWS = re.compile(r"[ -]+[a-z]")
_VERB_FOLLOWS = re.compile(
    r" +(?:is|was|has|had|who|and|or|in|from|of|to|with|on|at|for|by|as|but|than|that|would|will|"
    r"can|could|should|might|may|must|does|did|never|always|often|also|said|says|told|tells|asked|"
    r"asks|read|reads|wrote|writes|sang|sings|sat|sits|stood|stands|went|goes|came|comes|won|wins|"
    r"lost|loses|lived|lives|worked|works|walked|walks|ran|runs|made|makes|took|takes|gave|gives|"
    r"got|gets|saw|sees|felt|feels|thought|thinks|knew|knows|wanted|wants|loved|loves|left|leaves|"
    r"met|meets|became|becomes|died|dies|played|plays|looked|looks|called|calls|bought|buys)\b"
)


@dataclass(frozen=True, slots=True)
class Terms:
    """A table with a column a group and a row a kind of word.

    Every word of a row becomes the group's word of that row, whatever group it names: ``a
    Christian and a Muslim`` gives no variant, because two groups would become one.
    """

    path: Path
    groups: tuple[str, ...]

    def __call__(
        self,
        texts: Sequence[str],
        rng: random.Random,  # noqa: ARG002
    ) -> Mapping[str, Sequence[Sequence[Edit]]]:
        """The edits for each group but the one that the texts name."""
        found = [self._found(content) for content in texts]
        named = {group for of_text in found for _, _, group in of_text}
        if len(named) != 1:
            return {}
        return {
            group: [
                [
                    Edit(*word.span(), _cased(self._word(row, group), word[0]))
                    for word, row, _ in of_text
                ]
                for of_text in found
            ]
            for group in self.groups
            if group not in named
        }

    def _found(self, content: str) -> list[tuple[re.Match[str], int, str]]:
        rows = lexicon(self.path)
        found = []
        for word in self._pattern().finditer(content):
            fitting = [
                (row, self.groups[words.index(form)])
                for row, (_, *words) in enumerate(rows)
                if (form := _form(words, word[0])) is not None
            ]
            if not fitting:
                continue
            kinds = {rows[row][0]: (row, group) for row, group in fitting[::-1]}
            noun = bool(_NOUN_FOLLOWS.match(content, word.end())) and not _VERB_FOLLOWS.match(
                content, word.end()
            )
            person = not noun and _PERSON_BEFORE.search(content, 0, word.start())
            row, group = kinds.get("person" if person else "adjective", fitting[0])
            found.append((word, row, group))
        return found

    def _pattern(self) -> re.Pattern[str]:
        return _pattern(self.path)

    def _word(self, row: int, group: str) -> str:
        return lexicon(self.path)[row][1 + self.groups.index(group)]


@lru_cache(maxsize=8)
def _pattern(path: Path) -> re.Pattern[str]:
    words = sorted({word for _, *words in lexicon(path) for word in words}, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b", re.IGNORECASE)


def _form(words: Sequence[str], found: str) -> str | None:
    """The word of the row that was found; names of groups only with their capital."""
    for word in words:
        if found == word or (found.lower() == word and (found.istitle() or found.isupper())):
            return word
        if word[:1].isupper() and found == word.upper():
            return word
    return None


def _cased(word: str, model: str) -> str:
    return word.upper() if len(model) > 1 and model.isupper() else like(word, model)
