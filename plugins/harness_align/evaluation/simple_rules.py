"""Rules that rank pairs of answers without any training: what is learned must beat the best.

A share of rightly ranked pairs says little by itself: the length ranks most pairs of many data
sets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.types import Estimate
from harness_align.dataset.training_rows import Row, plain
from harness_align.evaluation import measures

Rule = Callable[[Row, str], object]
_WORD = re.compile(r"\w+")


def _shared_words(row: Row, answer: str) -> float:
    """Share of the answer's different words that are in the prompt."""
    words = set(_WORD.findall(answer.lower()))
    return len(words & set(_WORD.findall(plain(row.prompt).lower()))) / max(len(words), 1)


RULES: Mapping[str, Rule] = {
    "the longer answer": lambda _, answer: len(answer),
    "the shorter answer": lambda _, answer: -len(answer),
    "the answer with more words of the prompt": _shared_words,
    "the answer with fewer words of the prompt": lambda *of: -_shared_words(*of),
    "the first answer in alphabetical order": lambda _, answer: [-ord(c) for c in answer] + [1],
    "the last answer in alphabetical order": lambda _, answer: answer,
}
"""Name → the higher, the better. A pair's place in its row is no rule: a reward model sees one
answer at a time, and the better one comes first in every row."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """How the rules rank pairs.

    Attributes:
        accuracies: Rule → share of the pairs that it ranks rightly, ties ½.
        best: The rule with the highest.
        wins: Of the best rule, in the order of the pairs: 1, 0 or ½.
    """

    accuracies: Mapping[str, Estimate]
    best: str
    wins: Sequence[float]

    def note(self, name: str) -> str:
        """What a report says of a rule's accuracy."""
        return "the best simple rule" if name == self.best else "what this alone would reach"

    @property
    def reference(self) -> str:
        """What a comparison with the best rule is against."""
        return f"choosing {self.best} (the best simple rule)"


def rank(rows: Sequence[Row]) -> Ranked:
    """Ranks the answers of pairs, of which there is one at least, by every rule."""
    clusters = [row.key for row in rows]
    ruled = {name: by_rule(rule, rows) for name, rule in RULES.items()}
    accuracies = {name: measures.win_rate(wins, clusters) for name, wins in ruled.items()}
    best = max(accuracies, key=lambda name: accuracies[name].value)
    return Ranked(accuracies, best, ruled[best])


def by_rule(rule: Rule, rows: Sequence[Row]) -> list[float]:
    """1 where the rule prefers the chosen answer, 0 where the rejected one, ½ where neither."""
    wins: list[float] = []
    for row in rows:
        chosen, rejected = (rule(row, text(row, index)) for index in (0, 1))
        wins.append(0.5 if chosen == rejected else float(chosen > rejected))  # type: ignore[operator]
    return wins


def text(row: Row, index: int) -> str:
    """The text of a pair's chosen (0) or rejected (1) answer."""
    answer = row.answers[index]
    return answer if isinstance(answer, str) else "".join(turn.content for turn in answer)
