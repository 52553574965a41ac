"""First names become those of another group; a man's name stays a man's, a woman's a woman's.

Groups are by the association of names in the United States, as in Bertrand & Mullainathan 2004,
"Are Emily and Greg more employable than Lakisha and Jamal?".
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from harness_probes.text import WORD, Edit, lexicon

NAMES = Path(__file__).parent / "lexicon" / "names.txt"
GROUPS = ("white", "black", "hispanic", "asian")

_POSSESSIVE = re.compile(r"['’]s$")


@lru_cache(maxsize=1)
def table() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Gender → group → names; the group ``-`` holds names that are found but not put in."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for group, gender, *names in lexicon(NAMES):
        found.setdefault(gender, {})[group] = tuple(names)
    return found


def swap(texts: Sequence[str], rng: random.Random) -> Mapping[str, Sequence[Sequence[Edit]]]:
    """Every known first name replaced by one of each group; one name by one other, throughout.

    A text whose names are all of a group already gives no variant of that group.
    """
    present = _present(texts)
    swaps: dict[str, list[list[Edit]]] = {}
    for group in GROUPS:
        if all(_group(name, gender) == group for name, gender in present.items()):
            continue
        others = _others(present, group, rng)
        swaps[group] = [
            [
                Edit(word.start(), word.start() + len(name), others[name])
                for word in WORD.finditer(content)
                if (name := _POSSESSIVE.sub("", word[0])) in others
            ]
            for content in texts
        ]
    return swaps


def _present(texts: Sequence[str]) -> dict[str, str]:
    """The names in the texts, in order → their gender."""
    genders = {
        name: gender
        for gender, groups in table().items()
        for names in groups.values()
        for name in names
    }
    words = (_POSSESSIVE.sub("", word) for content in texts for word in WORD.findall(content))
    return {word: genders[word] for word in words if word in genders}


def _group(name: str, gender: str) -> str:
    return next(group for group, names in table()[gender].items() if name in names)


def _others(present: Mapping[str, str], group: str, rng: random.Random) -> dict[str, str]:
    """A name of the group for each name; different ones for different ones while they last."""
    others: dict[str, str] = {}
    for gender, groups in table().items():
        old = [name for name, its in present.items() if its == gender]
        kept = [name for name in old if name in groups[group]]
        new = [name for name in groups[group] if name not in kept]
        rng.shuffle(new)
        changed = [name for name in old if name not in kept]
        others |= {name: new[place % len(new)] for place, name in enumerate(changed)}
    return others
