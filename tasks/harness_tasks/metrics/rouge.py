"""ROUGE-1, -2, -L and -Lsum F1 with the ``rouge-score`` package, Porter stemmer on (Lin 2004)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from harness.authoring.answers.scripts import CHARACTERS
from harness.authoring.metrics import Mean
from harness.errors import MissingExtraError
from harness.protocols import Metric
from harness.types import Sample, ScoreValue

NAMES = ("rouge1", "rouge2", "rougeL", "rougeLsum")
TOKENIZERS = ("auto", "unicode", "rouge-score")
SPLITS = ("lines", "sentences")
_LATIN = 0.9  # share of letters from which a text counts as written in Latin letters
_STEMMED_FROM = 4  # letters; the package leaves shorter words as they are


class Rouge:
    """Per-summary F1 in [0, 1]; the best over the references, each type for itself.

    Args:
        tokenizer: ``rouge-score`` is the package's own, to which every letter but a to z is a
            blank. ``unicode`` takes words of any script, and each character with its marks where
            a script has no blanks; the two agree on ASCII text. ``auto`` takes the package's
            where the references are in Latin letters, so that scores are those of the field, and
            ``unicode`` elsewhere.
        split: What rougeLsum takes for a sentence: ``lines``, as the package does, or
            ``sentences``, which also ends one at its full stop.

    Raises:
        MissingExtraError: ``rouge-score`` is not installed.
    """

    def __init__(self, tokenizer: str = "auto", split: str = "lines") -> None:
        try:
            from importlib.metadata import version

            from rouge_score import rouge_scorer
        except ImportError as error:
            raise MissingExtraError("ROUGE", "tasks") from error
        self._tokenizer = tokenizer
        self._scorers = {
            name: rouge_scorer.RougeScorer(list(NAMES), tokenizer=_Remembering(make()))
            for name, make in (("unicode", _unicode), ("rouge-score", _of_the_package))
        }
        self._split = sentences if split == "sentences" else None
        parts = [f"tokenizer:{tokenizer}", "stemmer:porter", f"version:{version('rouge-score')}"]
        self._metrics = tuple(
            Mean(
                name,
                signature="|".join(
                    ["rouge-score", *([f"split:{split}"] if name == "rougeLsum" else []), *parts]
                ),
                bounds=(0.0, 1.0),
            )
            for name in NAMES
        )

    @property
    def metrics(self) -> Sequence[Metric]:
        """See ``harness.authoring.grading.Grader``."""
        return self._metrics

    def grade(self, prediction: str, sample: Sample) -> Mapping[str, ScoreValue]:
        """See ``harness.authoring.grading.Grader``."""
        targets = sample.targets
        if self._split is not None:  # line ends mean nothing to the other types
            prediction = self._split(prediction)
            targets = tuple(map(self._split, targets))
        name = tokenizer_for(sample.targets) if self._tokenizer == "auto" else self._tokenizer
        scores = self._scorers[name].score_multi(targets, prediction)
        return {name: float(scores[name].fmeasure) for name in NAMES}


def tokenizer_for(references: Sequence[str]) -> str:
    """``rouge-score`` for references in Latin letters (or without any), else ``unicode``."""
    letters = [character for text in references for character in text if character.isalpha()]
    latin = sum(_is_latin(character) for character in letters)
    return "rouge-score" if latin >= _LATIN * len(letters) else "unicode"


def remarks(samples: Sequence[Sample], task: str, tokenizer: str) -> Iterator[str]:
    """What was tokenized how, where that is not the package's way, or where its way cuts words."""
    used = [
        tokenizer_for(sample.targets) if tokenizer == "auto" else tokenizer for sample in samples
    ]
    if tokenizer == "auto" and (count := used.count("unicode")):
        yield (
            f"rouge: references of {count:,} of {len(used):,} samples are not in Latin letters: "
            "there its tokens are Unicode words, and characters in scripts without blanks"
        )
    texts = [
        text
        for sample, name in zip(samples, used, strict=True)
        for text in sample.targets
        if name == "rouge-score"
    ]
    letters = sum(map(str.isalpha, "".join(texts)))
    other = sum(letter.isalpha() and not letter.isascii() for letter in "".join(texts))
    if other > 0.01 * letters:
        yield (
            f"rouge: rouge-score's tokenizer drops {100 * other / letters:.0f} % of the "
            "references' letters (all but a to z) and cuts words there; "
            f"--set {task}.tokenizer=unicode keeps them whole"
        )


@lru_cache(maxsize=1 << 12)
def _is_latin(letter: str) -> bool:
    return letter.isascii() or unicodedata.name(letter, "").startswith("LATIN")


def sentences(text: str) -> str:
    """A sentence a line.

    A sentence ends at a line's end, at ``。！？｡।``, and at ``.``, ``!`` or ``?`` (with the quotes
    and brackets that close it) before white space and what can begin one: no small letter. Titles,
    initials and the like (``Mr.``, ``J.``, ``U.S.``) end none.
    """
    import regex

    pattern = regex.compile(
        r"(?<=[。！？｡।۔؟][」』”’）)]*)(?![」』”’）)])\s*"
        r"|(?<!\b(?:\p{L}|Mr|Mrs|Ms|Dr|Prof|Sr|Jr|St|Gen|Gov|Sen|Rep|Lt|Col|Sgt|Capt|No|vs)\.)"
        r"(?<=[.!?…][\"'”’)\]»]*)\s+(?=[\"'“‘(\[«]*[\p{Lu}\p{Lt}\p{Lo}\p{N}])"
    )
    return "\n".join(filter(None, (part.strip() for part in pattern.sub("\n", text).split("\n"))))


class _Remembering:
    """A tokenizer that works out each recent text once: each is asked for once a ROUGE type."""

    def __init__(self, tokenize: Callable[[str], list[str]]) -> None:
        self.tokenize = lru_cache(maxsize=64)(tokenize)


def _unicode() -> Callable[[str], list[str]]:
    import regex
    from nltk.stem import porter

    stem = lru_cache(maxsize=1 << 16)(porter.PorterStemmer().stem)
    letter = rf"[{CHARACTERS}--\P{{L}}]"
    pattern = regex.compile(rf"{letter}\p{{M}}*|[\p{{L}}\p{{M}}\p{{N}}--{letter}]+", regex.VERSION1)

    def tokenize(text: str) -> list[str]:
        words = pattern.findall(unicodedata.normalize("NFKC", text).lower())
        return [
            stem(word) if len(word) >= _STEMMED_FROM and word.isascii() else word for word in words
        ]

    return tokenize


def _of_the_package() -> Callable[[str], list[str]]:
    from nltk.stem import porter
    from rouge_score import tokenize

    class Stemmer:
        stem = staticmethod(lru_cache(maxsize=1 << 16)(porter.PorterStemmer().stem))

    return lambda text: list(tokenize.tokenize(text, Stemmer))
