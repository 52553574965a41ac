"""The look of a text: capitals, white space, punctuation, contractions."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping

from harness_probes.text import Edit, Text, apply, like, some
from harness_probes.text_probe import Editor

GAP = re.compile(r"(?<=\S) (?=\S)")
_SPACES = ("  ", "   ", "\t", "\u00a0")
_MARKS = re.compile(r"(?<!\w)[.,;:!?…\"“”()\[\]]|[.,;:!?…\"“”()\[\]](?!\w)")
_END = re.compile(r"([.!?…]*)(\s*)\Z")


def _recased(change: Callable[[str], str]) -> Editor:
    def edit(text: Text, rng: random.Random) -> str:  # noqa: ARG001
        return apply(text.content, [Edit(*w.span(), change(w[0])) for w in text.words()])

    return edit


CASES: Mapping[str, Editor] = {
    "lower": _recased(str.lower),
    "upper": _recased(str.upper),
    "title": _recased(lambda word: word[:1].upper() + word[1:]),
}
"""Every word in small letters, in capitals, or with a capital at its start."""


def whitespace(text: Text, strength: float, rng: random.Random) -> str:
    """A share of the blanks between words becomes several, a tab or a no-break space."""
    gaps = some(text.matches(GAP), strength, rng)
    return apply(text.content, [Edit(*gap.span(), rng.choice(_SPACES)) for gap in gaps])


def _dropped(text: Text, rng: random.Random) -> str:  # noqa: ARG001
    return apply(text.content, [Edit(*mark.span(), "") for mark in text.matches(_MARKS)])


def _final(text: Text, rng: random.Random) -> str:  # noqa: ARG001
    end = _END.search(text.content)
    if end is None or not text.free(end.start(1), end.end(1)):
        return text.content
    return apply(text.content, [Edit(*end.span(1), "" if end[1] else ".")])


PUNCTUATION: Mapping[str, Editor] = {"dropped": _dropped, "final": _final}
"""All marks around words dropped; or the last one dropped, and added where there was none."""

# --------------------------------------------------------------------------- contractions

_NOT = {
    "isn't": "is not", "aren't": "are not", "wasn't": "was not", "weren't": "were not",
    "don't": "do not", "doesn't": "does not", "didn't": "did not", "haven't": "have not",
    "hasn't": "has not", "hadn't": "had not", "won't": "will not", "wouldn't": "would not",
    "can't": "cannot", "couldn't": "could not", "shouldn't": "should not",
    "mustn't": "must not", "needn't": "need not", "mightn't": "might not",
    "shan't": "shall not", "oughtn't": "ought not", "daren't": "dare not",
}  # fmt: skip
_VERBS = {
    "'m": ("am", ("i",)),
    "'re": ("are", ("you", "we", "they", "there", "what", "who", "where", "how", "why")),
    "'ve": ("have", ("i", "you", "we", "they", "who", "there", "should", "would", "could", "might",
                     "must", "may")),
    "'ll": ("will", ("i", "you", "he", "she", "it", "we", "they", "that", "this", "there", "who",
                     "what", "nobody", "somebody", "someone", "everyone")),
}  # fmt: skip
_WITH_VERB = {
    f"{word}{clitic}": f"{'I' if word == 'i' else word} {verb}"
    for clitic, (verb, words) in _VERBS.items()
    for word in words
} | {"let's": "let us"}
_IS = ("he", "she", "it", "that", "there", "here", "what", "who", "where", "how", "when", "why")
_IS_TOO = ("everyone", "someone", "nobody", "everything", "something", "nothing")
"""Contracted with ``is``, but not expanded: ``everyone's`` may be a possessive."""

_HAS_BEEN = re.compile(r"\s+(?:been|got|had|become|always been|never been)\b", re.IGNORECASE)
_EITHER = re.compile(
    r"\s+(?:\w+ly\s+|not\s+|just\s+|already\s+|never\s+|always\s+)?"
    r"(?:\w{2,}ed|made|done|gone|seen|taken|given|written|told|shown|built|lost|won|found|left|"
    r"kept|held|put|set|cut|read|said|sold|brought|bought|thought|taught|caught|come|run|chosen|"
    r"broken|known|grown|drawn|driven|begun|sung|spent|sent|paid|met|led|hit|hurt|let|worn)\b",
    re.IGNORECASE,
)
"""After ``'s`` it may be is or has: ``it's made of wood``, ``he's made it``."""

_EXPANDABLE = re.compile(
    rf"\b(?:{'|'.join(map(re.escape, [*_NOT, *_WITH_VERB]))}|(?:{'|'.join(_IS)})'s)\b",
    re.IGNORECASE,
)
_CONTRACTED = {
    **{long: short for short, long in _NOT.items()},
    "can not": "can't",
    **{
        long.lower(): short
        for short, long in _WITH_VERB.items()
        if short.removesuffix("'ll") not in ("nobody", "somebody", "someone", "everyone")
    },
    **{f"{word} is": f"{word}'s" for word in (*_IS, *_IS_TOO)},
}
_NOT_BEFORE_NOT = tuple(f" {verb}" for verb in ("will", "have"))
_CONTRACTIBLE = re.compile(
    # Not before the end of a clause: "I know who it is." has no contracted form. "It will not"
    # becomes "it won't".
    r"\b(?:"
    + "|".join(
        re.escape(long) + (r"(?!\s+not\b)" if long.endswith(_NOT_BEFORE_NOT) else "")
        for long in _CONTRACTED
    )
    + r")\b(?=\s+\w)",
    re.IGNORECASE,
)


def _expand(text: Text, rng: random.Random) -> str:  # noqa: ARG001
    plain = Text(text.content.replace("’", "'"), text.protected)
    edits = []
    for found in plain.matches(_EXPANDABLE):
        short = found[0].lower()
        long = _NOT.get(short) or _WITH_VERB.get(short)
        if long is None:
            if _EITHER.match(plain.content, found.end()):
                continue
            verb = "has" if _HAS_BEEN.match(plain.content, found.end()) else "is"
            long = f"{short.removesuffix(chr(39) + 's')} {verb}"
        edits.append(Edit(*found.span(), _capitals(long, found[0])))
    return apply(text.content, edits)


def _contract(text: Text, rng: random.Random) -> str:  # noqa: ARG001
    edits = []
    for found in text.matches(_CONTRACTIBLE):
        short = _CONTRACTED[" ".join(found[0].lower().split())]
        if short.startswith("i'"):
            short = "I" + short[1:]
        edits.append(Edit(*found.span(), _capitals(short, found[0])))
    return apply(text.content, edits)


def _capitals(words: str, model: str) -> str:
    """All capitals only where the model has more than the capital of ``I``."""
    if model.isupper() and len(model) > 3:
        return words.upper()
    return like(words, model[:1])


CONTRACTIONS: Mapping[str, Editor] = {"expanded": _expand, "contracted": _contract}
"""``isn't`` written out, and ``is not`` contracted; forms with two readings are left."""
