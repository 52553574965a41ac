"""Words spelled wrongly: by a slip on the keyboard, from memory, or with look-alike letters."""

from __future__ import annotations

import random
from pathlib import Path

from harness_probes.text import Edit, Text, apply, lexicon, like, some

LEXICON = Path(__file__).parent / "lexicon"

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SHORTEST = 3  # a slip in a shorter word often makes another word

HOMOGLYPHS = dict(
    zip("aceijopsxyABCEHIKMOPTX", "асеіјорѕхуАВСЕНІКМОРТХ", strict=True)  # Cyrillic
)


def _neighbours() -> dict[str, str]:
    """Each key's neighbours on a QWERTY keyboard: in its row, and above and below."""
    places = {
        key: (row, column) for row, keys in enumerate(_ROWS) for column, key in enumerate(keys)
    }
    found: dict[str, str] = {}
    for key, (row, column) in places.items():
        near = [
            other
            for other, (other_row, other_column) in places.items()
            # Each row stands about half a key to the right of the one above.
            if other != key
            and (
                (other_row == row and abs(other_column - column) == 1)
                or (other_row == row + 1 and other_column - column in (-1, 0))
                or (other_row == row - 1 and other_column - column in (0, 1))
            )
        ]
        found[key] = "".join(near)
    return found


NEIGHBOURS = _neighbours()


def typos(text: Text, strength: float, rng: random.Random) -> str:
    """One slip in a share of the words: a key nearby, two letters swapped, one lost or doubled."""
    long = [word for word in text.words() if len(word[0]) >= _SHORTEST]
    chosen = some(long, strength, rng)
    return apply(text.content, [Edit(*word.span(), slip(word[0], rng)) for word in chosen])


def slip(word: str, rng: random.Random) -> str:
    """The word with one slip; never the word itself where it has two different letters."""
    ways = [_neighbour, _swapped, _lost, _twice]
    rng.shuffle(ways)
    for way in ways:
        place = rng.randrange(len(word))
        slipped = way(word, place, rng)
        if slipped != word:
            return slipped
    return word


def _neighbour(word: str, place: int, rng: random.Random) -> str:
    near = NEIGHBOURS.get(word[place].lower(), "")
    if not near:
        return word
    return word[:place] + like(rng.choice(near), word[place]) + word[place + 1 :]


def _swapped(word: str, place: int, rng: random.Random) -> str:  # noqa: ARG001
    place = min(place, len(word) - 2)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _lost(word: str, place: int, rng: random.Random) -> str:  # noqa: ARG001
    return word[:place] + word[place + 1 :]


def _twice(word: str, place: int, rng: random.Random) -> str:  # noqa: ARG001
    return word[:place] + word[place] + word[place:]


def misspellings(text: Text, strength: float, rng: random.Random) -> str:
    """A share of the words that people often misspell, spelled as they do."""
    known = {right: wrong for right, *wrong in lexicon(LEXICON / "misspellings.txt")}
    hard = [word for word in text.words() if word[0].lower() in known]
    edits = [
        Edit(*word.span(), like(rng.choice(known[word[0].lower()]), word[0]))
        for word in some(hard, strength, rng)
    ]
    return apply(text.content, edits)


def homoglyphs(text: Text, strength: float, rng: random.Random) -> str:
    """In a share of the words, one Latin letter becomes the Cyrillic one that looks like it."""
    able = [word for word in text.words() if any(letter in HOMOGLYPHS for letter in word[0])]
    edits = []
    for word in some(able, strength, rng):
        places = [place for place, letter in enumerate(word[0]) if letter in HOMOGLYPHS]
        place = word.start() + rng.choice(places)
        edits.append(Edit(place, place + 1, HOMOGLYPHS[text.content[place]]))
    return apply(text.content, edits)
