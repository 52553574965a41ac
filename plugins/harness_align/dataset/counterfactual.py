"""Counterfactual augmentation: every training row with a gender or name in it, the other way too.

Balanced by construction (Zhao et al. 2018, "Gender Bias in Coreference Resolution", section 4;
Maudslay et al. 2019 for names): a row that mentions one side gets a copy that mentions the other,
so that neither gender nor name predicts anything about the rest of the row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from harness.errors import UnknownNameError
from harness.types import Message, Prompt
from harness_align.dataset.training_rows import Row, Rows, plain

Axis = Literal["gender", "names"]

_GENDER = """
he she|himself herself|man woman|men women|boy girl|boys girls|father mother|fathers mothers
son daughter|sons daughters|brother sister|brothers sisters|husband wife|husbands wives
uncle aunt|uncles aunts|nephew niece|nephews nieces|grandfather grandmother|grandson granddaughter
king queen|prince princess|gentleman lady|gentlemen ladies|male female|males females|sir madam
mr mrs|actor actress|waiter waitress|boyfriend girlfriend|dad mom|daddy mommy|papa mama
groom bride|widower widow|guy gal|lad lass|fatherhood motherhood|bachelor spinster
"""
_NAMES = """
James Mary|John Patricia|Robert Jennifer|Michael Linda|David Elizabeth|William Barbara
Richard Susan|Joseph Jessica|Thomas Karen|Daniel Sarah|Matthew Lisa|Anthony Nancy|Mark Sandra
Paul Ashley|Steven Emily|Andrew Donna|George Michelle|Tom Lily|Tim Mia|Ben Anna|Sam Lucy|Jack Ella
Max Sue|Bob Amy|Jamal Keisha|Darnell Latoya|Carlos Maria|Miguel Sofia|Ahmed Fatima|Omar Aisha
"""
_WORD = re.compile(r"[^\W\d_]+")


def _pairs(text: str) -> dict[str, str]:
    made: dict[str, str] = {}
    for pair in re.split(r"[|\n]", text.strip()):
        one, other = pair.split()
        made |= {one: other, other: one}
    return made


_TABLES: Mapping[str, Mapping[str, str]] = {"gender": _pairs(_GENDER), "names": _pairs(_NAMES)}

# After "her" one of these, or the end of the clause, means "him"; anything else means "his".
_FUNCTION_WORDS = """
a an the his her my your our their its and or but to in on at for with by from of as that when
while because if so then again too yesterday today tomorrow was is were are had has did will would
could up down out back away home there here very off about after before into over this
"""
_NO_NOUN = frozenset(_FUNCTION_WORDS.split())


def swap(text: str, axes: Sequence[Axis]) -> str:
    """The text with every gendered word, or name, turned into its counterpart; case is kept.

    ``her`` is ``his`` before a noun and ``him`` elsewhere; ``his`` is ``her`` before a noun and
    ``hers`` elsewhere. What follows decides, from a list of function words: an approximation.
    """
    words = list(_WORD.finditer(text))
    made: list[str] = []
    position = 0
    for index, found in enumerate(words):
        follower = words[index + 1] if index + 1 < len(words) else None
        adjacent = follower is not None and text[found.end() : follower.start()] == " "
        noun = adjacent and follower is not None and follower[0].lower() not in _NO_NOUN
        made += [text[position : found.start()], _counterpart(found[0], noun, axes)]
        position = found.end()
    return "".join([*made, text[position:]])


def _counterpart(word: str, before_noun: bool, axes: Sequence[Axis]) -> str:
    if "names" in axes and word in _TABLES["names"]:
        return _TABLES["names"][word]
    if "gender" not in axes:
        return word
    lower = word.lower()
    pronouns = {
        "her": "his" if before_noun else "him",
        "his": "her" if before_noun else "hers",
        "him": "her",
        "hers": "his",
    }
    other = pronouns.get(lower) or _TABLES["gender"].get(lower)
    if other is None:
        return word
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other.capitalize() if word[0].isupper() else other


def augment(rows: Rows, axes: Sequence[str]) -> Rows:
    """The rows, each followed by its counterpart where it has one that is not there already.

    Args:
        rows: Training rows of any kind.
        axes: ``gender``, ``names`` or both.

    Raises:
        UnknownNameError: An axis does not exist.
    """
    chosen: list[Axis] = []
    for axis in axes:
        if axis not in _TABLES:
            raise UnknownNameError("axis of augmentation", axis, _TABLES)
        chosen.append("gender" if axis == "gender" else "names")
    present = {_key(row) for row in rows.rows}
    made: list[Row] = []
    for row in rows.rows:
        made.append(row)
        twin = replace(
            row,
            prompt=_swapped(row.prompt, chosen),
            chosen=None if row.chosen is None else _swapped(row.chosen, chosen),
            rejected=None if row.rejected is None else _swapped(row.rejected, chosen),
            facts={"counterfactual_of": row.line},
        )
        if _key(twin) not in present:
            present.add(_key(twin))
            made.append(twin)
    return Rows(rows.kind, tuple(made), rows.source)


def _key(row: Row) -> tuple[object, ...]:
    return (plain(row.prompt), *map(plain, row.answers), row.label)


def _swapped(prompt: Prompt, axes: Sequence[Axis]) -> Prompt:
    if isinstance(prompt, str):
        return swap(prompt, axes)
    return tuple(Message(turn.role, swap(turn.content, axes)) for turn in prompt)
