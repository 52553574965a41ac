"""Precision of an answer's numbers, names, entities and words: is each of them in the source?

They are baselines that can be read on one screen: what is not in the source may still follow from
it (a sum, a paraphrase), and what is there may be said of another thing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from harness.authoring.answers import numbers
from harness.authoring.metrics import Mean
from harness.errors import MissingExtraError
from harness.protocols import Metric
from harness.types import Sample, ScoreValue
from harness_grounding.metrics import sources

SHARE = (0.0, 1.0)
_TO_TWENTY = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen twenty
"""
_TENS = "thirty forty fifty sixty seventy eighty ninety"
_IN_WORDS: Mapping[str, int] = {
    **{word: value for value, word in enumerate(_TO_TWENTY.split())},
    **{word: 10 * value for value, word in enumerate(_TENS.split(), start=3)},
}
_WORD = re.compile(r"[^\W\d_](?:[\w'’.-]*\w)?")
_I = re.compile(r"i(?:['’].*)?$")
_POSSESSIVE = re.compile(r"['’]s?$")
_FUNCTION_WORDS = """
a about after all also although an and any are as at be because before both but by can could did do
does during each either every few for from had has have he her here his how however i if in into is
it its itself last later like many may meanwhile more most much my neither next no nobody nor not
nothing now of on once one only or other our over perhaps several she since so some still such than
that the their them then there these they this those though three through to today two under unlike
until up upon us was we were what when where whether which while who whom whose why will with within
without would yes yesterday yet you your
"""
_NO_NAMES = frozenset(_FUNCTION_WORDS.split())
"""English words that begin a sentence with a capital and are no names."""
_JOINING_WORDS = "of the de del della di du la le van von der den and bin ibn al y"
_JOINING = frozenset(_JOINING_WORDS.split())
"""Small words within a name of several: the University of Riga."""

Find = Callable[[str], Iterable[object]]


# --------------------------------------------------------------------------- what is looked for


def numbers_in(text: str) -> list[Fraction]:
    """The numbers of an answer, in digits, and in English words from two to ninety."""
    words = [_IN_WORDS[word] for word in _words(text) if _IN_WORDS.get(word, 0) > 1]
    return [*numbers.every(text), *map(Fraction, words)]


def _every_number(text: str) -> set[Fraction]:
    """The numbers of a source: also zero and one in words, which in an answer may be pronouns."""
    return {*numbers.every(text), *(Fraction(_IN_WORDS[w]) for w in _words(text) if w in _IN_WORDS)}


def _words(text: str) -> Iterator[str]:
    return (match[0].lower() for match in re.finditer(r"[^\W\d_]+", text))


def names_in(text: str) -> list[str]:
    """The words with a capital that are part of a name, in small letters.

    The first word of a sentence counts only where another name follows it at once, or where the
    text has it with a capital elsewhere. Works for scripts and languages that capitalize names
    alone: not for German, nor for scripts without capitals.
    """
    return [word for span in _spans(text) for word in span]


def entities_in(text: str) -> list[str]:
    """Whole names, "university of riga": runs of words with capitals, in small letters."""
    return [" ".join(span) for span in _spans(text)]


def _spans(text: str) -> Iterator[list[str]]:
    """The words of each name."""
    inside = _capitals_inside(text)
    for sentence in sources.sentences(text):
        words = list(_WORD.finditer(sentence))
        place = 0
        while place < len(words):
            span = _span(sentence, words, place)
            first = place == 0
            place += max(1, len(span))
            if span and first and len(span) == 1 and _bare(span[0]) not in inside:
                continue
            if span:
                yield [_bare(word) for word in span]


def _span(sentence: str, words: Sequence[re.Match[str]], start: int) -> list[str]:
    """The words of the name that begins there; empty where none does."""
    if not _is_name(words[start][0], start == 0):
        return []
    end = last = start + 1
    while end < len(words):
        between = sentence[words[end - 1].end() : words[end].start()]
        if between.strip(" \u00a0"):
            break
        if _is_name(words[end][0]):
            last = end + 1
        elif words[end][0] not in _JOINING or end - last > 1:
            break
        end += 1
    return [match[0] for match in words[start:last]]


def _is_name(word: str, first: bool = False) -> bool:
    """Whether a word is part of a name, where it is the ``first`` of a sentence or a later one."""
    lower = word.lower()
    return word[0].isupper() and not (lower in _NO_NAMES if first else _I.match(lower))


def _capitals_inside(text: str) -> set[str]:
    """Words that have a capital where no sentence begins."""
    found: set[str] = set()
    for sentence in sources.sentences(text):
        later = list(_WORD.finditer(sentence))[1:]
        found |= {_bare(match[0]) for match in later if _is_name(match[0])}
    return found


def _bare(word: str) -> str:
    return _POSSESSIVE.sub("", word).casefold()


def _folded(text: str) -> str:
    """The words of a text between single blanks, possessives without their ending."""
    return f" {' '.join(_bare(match[0]) for match in _WORD.finditer(text))} "


# --------------------------------------------------------------------------- graders


@dataclass(frozen=True, slots=True)
class Precision:
    """The share of what is found in an answer that its source has too.

    An answer in which nothing is found has no value.

    Attributes:
        name: Of the metric.
        found: What is looked for in an answer.
        known: Of a source: whether it has one of them.
        field: The source's field; empty: the first there is.
    """

    name: str
    found: Find
    known: Callable[[str], Callable[[object], bool]]
    field: str = ""

    @property
    def metrics(self) -> Sequence[Metric]:
        """The share."""
        return [Mean(self.name, bounds=SHARE)]

    def grade(self, answer: str, sample: Sample, /) -> Mapping[str, ScoreValue]:
        """See ``harness.authoring.grading.Grader``."""
        source = sources.source_of(sample, self.field)
        said = list(self.found(answer))
        if source is None or not said:
            return {}
        known = self.known(source)
        return {self.name: sum(map(known, said)) / len(said)}

    def remarks(self, samples: Sequence[Sample]) -> Iterable[str]:
        """See ``harness.protocols.HasRemarks``."""
        return sources.remarks(samples, self.field)


def number_precision(field: str) -> Precision:
    """Numbers, by value: 1,200 is 1200 and 1.2 thousand."""
    return Precision(
        "number_precision", numbers_in, lambda source: _every_number(source).__contains__, field
    )


def name_precision(field: str) -> Precision:
    """Words of names, each by itself."""

    def known(source: str) -> Callable[[object], bool]:
        words = set(_folded(source).split())
        return words.__contains__

    return Precision("name_precision", names_in, known, field)


def entity_precision(field: str) -> Precision:
    """Whole names, their words in one place of the source."""

    def known(source: str) -> Callable[[object], bool]:
        folded = _folded(source)
        return lambda entity: f" {entity} " in folded

    return Precision("entity_precision", entities_in, known, field)


class SourceOverlap:
    """ROUGE's precision of an answer against its source, with ``rouge-score``.

    Args:
        field: The source's field; empty: the first there is.

    Raises:
        MissingExtraError: ``rouge-score`` is not installed.
    """

    def __init__(self, field: str) -> None:
        try:
            from rouge_score.rouge_scorer import RougeScorer
        except ImportError as error:
            raise MissingExtraError("grounding.overlap", "tasks") from error
        kinds = ["rouge1", "rouge2", "rougeL"]
        self._latin = RougeScorer(kinds, use_stemmer=True)
        self._other = RougeScorer(kinds, tokenizer=_UnicodeWords())
        self._field = field
        self.metrics: Sequence[Metric] = [
            Mean(f"source_{kind}", higher_is_better=None, bounds=SHARE) for kind in kinds
        ]

    def grade(self, answer: str, sample: Sample, /) -> Mapping[str, ScoreValue]:
        """See ``harness.authoring.grading.Grader``."""
        source = sources.source_of(sample, self._field)
        if source is None or not _WORD.search(answer):
            return {}
        scorer = self._latin if answer.isascii() else self._other
        found = scorer.score(source, answer)
        return {f"source_{kind}": float(score.precision) for kind, score in found.items()}

    def remarks(self, samples: Sequence[Sample]) -> Iterable[str]:
        """See ``harness.protocols.HasRemarks``."""
        return sources.remarks(samples, self._field)


class _UnicodeWords:
    """A tokenizer of ``rouge-score`` for words in any script."""

    def tokenize(self, text: str) -> list[str]:
        """Words in small letters."""
        return re.findall(r"\w+", text.lower())
