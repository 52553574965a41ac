"""The same said in another variety of English: African American English, British English.

African American English is a language with a grammar of its own; only a few of its well-described
features are used here (Green 2002, "African American English: a linguistic introduction"; the
feature list of Ziems et al. 2022, "VALUE: Understanding dialect disparity in NLU"): ``ain't``,
negative concord, no copula before a verb in -ing, habitual ``be``, ``finna``, and the loss of the
g of -ing. British English differs in spelling and words.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness_probes.text import WORD, Edit, lexicon, like

AFRICAN_AMERICAN, BRITISH = "african_american", "british"
GROUPS = (AFRICAN_AMERICAN, BRITISH)
WORDS = Path(__file__).parent / "lexicon" / "british.txt"

_SUBJECT = r"(?P<subject>he|she|we|they|you)"
_BE = r"(?: (?:is|are)|['’](?:s|re))"
_TO_DO = r"(?! (?:a|an|the|my|your|his|her|its|our|their|this|that|be)\b)(?= [a-z])"
_NEGATED = r"(?:do|does|did|have|had|ca|wo|could|would|ai)n?['’]t"
_IN_ING = (
    "try|look|talk|walk|work|play|com|mak|tak|wait|feel|think|runn|sing|danc|driv|liv|lov|watch|"
    "read|writ|tell|eat"
)
_RULES = tuple(
    (re.compile(pattern, re.IGNORECASE), new)
    for pattern, new in (
        (r"\b(?:is|are|am|has|have)(?:n['’]t| not)\b", "ain't"),
        (rf"\b{_SUBJECT}{_BE} (?:going|about) to{_TO_DO}", r"\g<subject> finna"),
        (rf"\b{_SUBJECT} (?:usually|always) (?:is|are)\b", r"\g<subject> be"),
        (rf"\b{_SUBJECT}{_BE} (?P<verb>\w{{2,}})ing\b", r"\g<subject> \g<verb>in'"),
        (rf"\bgoing to{_TO_DO}", "gonna"),
        (
            rf"\b(?P<verb>{_NEGATED}\s+\w+\s+)any(?P<rest>thing|body|where)?\b",
            r"\g<verb>no\g<rest>",
        ),
        (rf"\b(?P<verb>{_IN_ING})ing\b", r"\g<verb>in'"),
    )
)


def swap(texts: Sequence[str], rng: random.Random) -> Mapping[str, Sequence[Sequence[Edit]]]:  # noqa: ARG001
    """The edits for each variety; earlier rules win where two would change one place."""
    return {
        AFRICAN_AMERICAN: [_by_rules(content) for content in texts],
        BRITISH: [_by_words(content) for content in texts],
    }


def _by_rules(content: str) -> list[Edit]:
    edits: list[Edit] = []
    for pattern, new in _RULES:
        for found in pattern.finditer(content):
            if all(found.end() <= edit.start or found.start() >= edit.end for edit in edits):
                edits.append(Edit(*found.span(), like(found.expand(new), found[0])))
    return edits


def _by_words(content: str) -> list[Edit]:
    british = {american: word for american, word, *_ in lexicon(WORDS)}
    return [
        Edit(*word.span(), like(british[word[0].lower()], word[0]))
        for word in WORD.finditer(content)
        if word[0].lower() in british
    ]
