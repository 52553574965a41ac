"""Men become women and women men: pronouns by their role, titles, kin, occupations.

English has one word, ``her``, for ``him`` and ``his``, and one, ``his``, for ``her`` and
``hers``; which is meant shows in the words that follow. The rules here read these few words.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from harness_probes.text import WORD, Edit, lexicon, like

WORDS = Path(__file__).parent / "lexicon" / "gender.txt"
CLASSES = Path(__file__).parent / "lexicon" / "word_classes.txt"
FEMALE, MALE = "female", "male"
GROUPS = (FEMALE, MALE)

_CLITIC = re.compile(r"['’](?:s|d|ll|re|ve)$", re.IGNORECASE)
_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]")

# --------------------------------------------------------------------------- words


@lru_cache(maxsize=1)
def tables() -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Masculine → feminine and feminine → masculine, in small letters; pronouns by role aside."""
    to_female: dict[str, str] = {}
    to_male: dict[str, str] = {}
    for masculine, *feminine in lexicon(WORDS):
        if not masculine.startswith("<"):
            to_female.setdefault(masculine, feminine[0])
        for word in feminine:
            to_male.setdefault(word, masculine.removeprefix("<"))
    return to_female, to_male


def swap(texts: Sequence[str], rng: random.Random) -> Mapping[str, Sequence[Sequence[Edit]]]:  # noqa: ARG001
    """All gendered words exchanged, in all texts of a sample.

    The variant's group is the one that the swap makes of most of the gendered words, the first
    word deciding a tie: a text about men gives a variant of the group ``female``.
    """
    edits: list[list[Edit]] = []
    toward: list[str] = []
    for content in texts:
        of_text = []
        for word in WORD.finditer(content):
            found = _counterpart(content, word)
            if found is not None:
                new, group = found
                of_text.append(Edit(*word.span(), new))
                toward.append(group)
        edits.append(of_text)
    if not toward:
        return {}
    group = max(dict.fromkeys(toward), key=toward.count)
    return {group: edits}


def _counterpart(content: str, word: re.Match[str]) -> tuple[str, str] | None:
    """The word of the other gender, and that gender."""
    to_female, to_male = tables()
    whole = word[0].lower().replace("’", "'")
    base, clitic = _split(word[0]) if whole not in to_male else (word[0], "")
    low = base.lower().replace("’", "'")
    if low == "her" and not clitic:
        masculine = "him" if is_object(*_around(content, word)) else "his"
        return like(masculine, base), MALE
    if low == "his" and not clitic:
        alone = is_alone(following(content, word.end()))
        return like("hers" if alone else "her", base), FEMALE
    if low in ("him", "hers") and not clitic:
        return (like("her", base), FEMALE) if low == "him" else (like("his", base), MALE)
    if _part_of_a_name(content, word) or (low == "miss" and not _title(content, word)):
        return None
    if low in to_female:
        return like(to_female[low], base) + clitic, FEMALE
    if low in to_male:
        return like(to_male[low], base) + clitic, MALE
    return None


def _split(word: str) -> tuple[str, str]:
    found = _CLITIC.search(word)
    return (word[: found.start()], found[0]) if found else (word, "")


def _part_of_a_name(content: str, word: re.Match[str]) -> bool:
    """Spider-Man and the like."""
    before = content[: word.start()]
    return word[0][:1].isupper() and before.endswith("-")


def _title(content: str, word: re.Match[str]) -> bool:
    """``Miss Brown``, against ``I miss you``."""
    after = WORD.match(content, word.end() + 1)
    return word[0][:1].isupper() and after is not None and after[0][:1].isupper()


# --------------------------------------------------------------------------- roles


@lru_cache(maxsize=32)
def _class(*names: str) -> frozenset[str]:
    """The words of one class, or of several together."""
    return frozenset(word for row, *words in lexicon(CLASSES) if row in names for word in words)


def _no_noun() -> frozenset[str]:
    """Words that nobody owns."""
    kinds = ("determiners", "prepositions", "conjunctions", "pronouns", "verbs", "adverbs")
    return _class(*kinds)


_GIVING = re.compile(r"(?:giv|gave|wish|ow(?:e|ing)|len[dt]|grant|offer|provid|hand|show|promis)")
_HELPING = re.compile(r"(?:help|ma[dk]e?|let|hear|watch|s[ae][ew]|ha[dv]e?|felt|demand|ask)")
_SENSING = re.compile(r"(?:ma[dk]e?|let|hear|watch|s[ae][ew]|s[ae]en|seeing|felt|feel|notic)")
_OWNING = re.compile(r"(?:turn|hurt|br[eo]ke?|injur|arch|left|leav|sold|sell|clean|bought|buil)")
_ENDS = frozenset('.,;:!?…)]}"”—–-')


def _around(content: str, word: re.Match[str]) -> tuple[str, list[str]]:
    before = WORD.findall(content, max(0, word.start() - 40), word.start())
    return (before[-1].lower() if before else ""), following(content, word.end())


def following(content: str, end: int, count: int = 4) -> list[str]:
    """The next words and marks, in small letters."""
    found = _TOKEN.finditer(content, end)
    return [token[0].lower() for token, _ in zip(found, range(count), strict=False)]


def is_object(before: str, after: Sequence[str]) -> bool:
    """Whether a ``her`` between these words means ``him``: nothing follows that could be owned.

    Args:
        before: The word before it, in small letters.
        after: The next words and marks, in small letters.
    """
    if not after or after[0] in _ENDS:
        return True
    word, rest = after[0], after[1:] or ["."]
    closes = rest[0] in _ENDS or rest[0] in _class("prepositions", "conjunctions")
    if word in ("back", "home"):  # "called her back", against "behind her back", "hurt her back"
        return closes and before not in _class("prepositions") and not _OWNING.match(before)
    if _HELPING.match(before) and rest[0] in _class("determiners", "pronouns"):
        return True  # "helped her find the way"
    if before in ("let", "lets"):
        return True
    if _SENSING.match(before) and word in _class("actions"):
        return True  # "made her laugh", "saw her walk away"
    if word == "first" and closes:
        return bool(_SENSING.match(before))  # "saw her first", against "it was her first"
    if word in _class("nouns_too"):
        return False
    if _GIVING.match(before) and not {"to", "away", "up", "for", "as"} & set(rest):
        return True  # "gave her flowers", against "gave her book away"
    if word in _class("last"):
        return closes  # "found her asleep", against "her sleepy eyes"
    if word in _class("degrees") and not closes and rest[0] not in _class("determiners"):
        return False  # "loves her very old dog", against "loves her very much"
    if word.endswith("ly") and word not in _class("adjectives_in_ly"):
        # "told her quickly.", against "her newly bought car"
        return closes or rest[0] in _class("determiners")
    return word in _class("never_owned") | _no_noun()


def is_alone(after: Sequence[str]) -> bool:
    """Whether a ``his`` before these words means ``hers``: no noun follows that it belongs to."""
    if after[:2] in (["or", "her"], ["and", "her"]):
        after = after[2:]  # "his or her book"
    if not after or after[0] in _ENDS:
        return True
    word = after[0]
    return word in _no_noun() - _class("nouns_too") - _class("adverbs") - _class("numbers")
