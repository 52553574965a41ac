"""Exact match and F1 as the official SQuAD scripts define them, and MLQA's for other languages.

Rajpurkar et al. 2016 (evaluate-v1.1.py) and Rajpurkar, Jia and Liang 2018 (evaluate-v2.0.py);
Lewis et al. 2020, "MLQA: Evaluating cross-lingual extractive question answering" (its
mlqa_evaluation_v1.py): articles by language, Unicode punctuation, and in scripts without blanks
each character a token.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.authoring.answers.scripts import CHARACTERS
from harness.authoring.metrics import Mean
from harness.protocols import Metric
from harness.types import Sample, ScoreValue

UNANSWERABLE = "unanswerable"

ENGLISH, OTHER = "en", "other"
AUTO = "auto"

_ARTICLES = {
    ENGLISH: re.compile(r"\b(a|an|the)\b"),
    "es": re.compile(r"\b(un|una|unos|unas|el|la|los|las)\b"),
    "de": re.compile(r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
    "vi": re.compile(r"\b(của|là|cái|chiếc|những)\b"),
    "ar": re.compile(r"\sال^|ال"),
}
LANGUAGES = (AUTO, *_ARTICLES, "zh", "hi", OTHER)
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARABIC = re.compile("[\u0600-\u06ff]")
_CHARACTER = re.compile(f"([{CHARACTERS}][\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc]*)")


def language_of(text: str) -> str:
    """``en`` for a text in ASCII or Latin letters, ``ar`` for Arabic, else ``other``.

    Languages in Latin letters cannot be told apart by script: theirs has to be named.
    """
    letters = [character for character in text if character.isalpha()]
    latin = sum(character < "\u0250" for character in letters)
    if 2 * latin >= len(letters):
        return ENGLISH
    return "ar" if 2 * len(_ARABIC.findall("".join(letters))) > len(letters) else OTHER


def normalize(text: str, language: str = ENGLISH) -> str:
    """Lower case, punctuation dropped, then the articles; white space folded.

    Args:
        text: An answer.
        language: One of ``LANGUAGES`` but ``auto``. English is SQuAD's own rule, with ASCII
            punctuation; the others are MLQA's, with all of Unicode's.
    """
    text = text.lower()
    if language == ENGLISH:
        text = text.translate(_PUNCTUATION)
    else:
        text = "".join(each for each in text if not _is_punctuation(each))
    if language in _ARTICLES:
        text = _ARTICLES[language].sub(" ", text)
    if language != ENGLISH:
        text = _CHARACTER.sub(r" \1 ", text)
    return " ".join(text.split())


def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character)[0] == "P"


def exact_match(prediction: str, reference: str, language: str = ENGLISH) -> float:
    """1 where the normalized texts are equal, else 0."""
    return float(normalize(prediction, language) == normalize(reference, language))


def f1(prediction: str, reference: str, empty_can_match: bool, language: str = ENGLISH) -> float:
    """Harmonic mean of precision and recall on multisets of normalized tokens, in [0, 1].

    Args:
        prediction: The answer.
        reference: The accepted answer.
        empty_can_match: Version 2's rule, by which two empty texts match; in version 1 they
            share no token and score 0.
        language: As in ``normalize``.
    """
    ours, theirs = normalize(prediction, language).split(), normalize(reference, language).split()
    if empty_can_match and not (ours and theirs):
        return float(ours == theirs)
    common = sum((Counter(ours) & Counter(theirs)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(ours), common / len(theirs)
    return 2 * precision * recall / (precision + recall)


@dataclass(frozen=True, slots=True)
class SquadV1:
    """``exact_match`` and ``f1``, the best over the references.

    A question without an answer (a version 2 file) is graded by version 2's rule. ``language`` is
    one of ``LANGUAGES``; with ``auto`` each question's script tells it.
    """

    language: str = AUTO
    metrics: Sequence[Metric] = (
        Mean("exact_match", bounds=(0.0, 1.0)),
        Mean("f1", bounds=(0.0, 1.0)),
    )

    def grade(self, prediction: str, sample: Sample) -> Mapping[str, ScoreValue]:
        """See ``harness.authoring.grading.Grader``."""
        if not sample.targets:
            return SquadV2(split=False, language=self.language).grade(prediction, sample)
        language = _chosen(self.language, sample)
        return {
            "exact_match": max(exact_match(prediction, each, language) for each in sample.targets),
            "f1": max(f1(prediction, each, False, language) for each in sample.targets),
        }


@dataclass(frozen=True, slots=True)
class SquadV2:
    """As ``SquadV1`` with unanswerable questions: there only an empty prediction is right.

    A prediction of the word "unanswerable" counts as empty: a model that writes text has no
    other way to say so. ``split`` adds the answerable and unanswerable questions' own metrics.
    ``language`` as in ``SquadV1``.
    """

    split: bool = True
    language: str = AUTO

    @property
    def metrics(self) -> Sequence[Metric]:
        """See ``harness.authoring.grading.Grader``."""
        names = ["exact_match", "f1"]
        if self.split:
            names += ["hasans_exact_match", "hasans_f1", "noans_exact_match"]
        return [Mean(name, bounds=(0.0, 1.0)) for name in names]

    def grade(self, prediction: str, sample: Sample) -> Mapping[str, ScoreValue]:
        """See ``harness.authoring.grading.Grader``."""
        if normalize(prediction) == UNANSWERABLE:
            prediction = ""
        language = _chosen(self.language, sample)
        references = [each for each in sample.targets if normalize(each, language)] or [""]
        exact = max(exact_match(prediction, each, language) for each in references)
        overlap = max(f1(prediction, each, True, language) for each in references)
        values: dict[str, ScoreValue] = {"exact_match": exact, "f1": overlap}
        if not self.split:
            return values
        if sample.targets:
            return {**values, "hasans_exact_match": exact, "hasans_f1": overlap}
        return {**values, "noans_exact_match": exact}


def _chosen(language: str, sample: Sample) -> str:
    return language_of(sample.input) if language == AUTO else language
