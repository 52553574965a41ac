"""What is wrong with rows, or odd about them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from harness.authoring.measures import personal_data
from harness.errors import MissingExtraError
from harness_data.preparation import duplicates
from harness_data.preparation.table import Table
from harness_data.preparation.toxicity import Toxicity

ODD_LENGTH = 3.5
"""Modified z-score of the log length that makes an outlier (Iglewicz & Hoaglin 1993)."""
LEAST_FACTOR = 2.0
"""By what factor an outlier is at least longer or shorter than the median."""
FEWEST_LETTERS = 40
"""Letters below which a text's language is not told."""
SURE = 0.9
"""Probability from which on a text's language is told."""
KINDS = (
    "empty",
    "exact_duplicate",
    "near_duplicate",
    "language",
    "length",
    "personal_data",
    "toxic",
)


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found in a table.

    Attributes:
        places: Kind (of ``KINDS``) → the places of rows, from 0; of duplicates all but the first.
            ``toxic`` is there where it was looked for.
        details: Place → kind → what exactly, in words.
        lengths: Words of each row.
        languages: Language → rows; ``?`` where it cannot be told.
        main_language: That of most rows; None where none could be told.
        personal: Kind of personal data → pieces.
        labels: Label → rows; empty without a column of labels.
        links: Pairs of places that are duplicates, exact or near, or alike because they share a
            prompt: what is to be kept together in a split.
        toxic_by: What told toxic rows; empty where they were not looked for.
    """

    places: Mapping[str, Sequence[int]]
    details: Mapping[int, Mapping[str, str]]
    lengths: Sequence[int]
    languages: Mapping[str, int]
    main_language: str | None
    personal: Mapping[str, int]
    labels: Mapping[str, int] = field(default_factory=dict)
    links: Sequence[tuple[int, int]] = ()
    toxic_by: str = ""

    @property
    def problems(self) -> dict[str, int]:
        """Kind → rows, of the kinds that were found."""
        return {kind: len(self.places[kind]) for kind in KINDS if self.places.get(kind)}


def find(
    table: Table,
    *,
    label: str | None = None,
    language: str | None = None,
    similarity: float = duplicates.SIMILAR,
    region: str = "US",
    toxicity: Toxicity | None = None,
) -> Findings:
    """Looks for everything.

    Args:
        table: The rows.
        label: The column of labels.
        language: The language that rows should have; None: that of most rows.
        similarity: See ``duplicates.near``.
        region: Whose telephone numbers need no country code.
        toxicity: Tells toxic rows; None: they are not looked for.

    Raises:
        MissingExtraError: A library is not installed.
        ModelError: A classifier of toxicity cannot be opened.
        UnknownNameError: There is no such column.
    """
    table.check(label)
    texts = [line.text for line in table.lines]
    noted = _Noted()
    for place, text in enumerate(texts):
        if not text.strip():
            noted.add(place, "empty", "no text")
    links = _note_duplicates(noted, table, texts, similarity)
    lengths = [len(text.split()) for text in texts]
    for place, score in enumerate(length_scores(lengths)):
        if abs(score) > ODD_LENGTH and lengths[place]:
            noted.add(place, "length", f"{lengths[place]:,} words")
    told = languages(texts)
    known = Counter(each for each in told if each is not None)
    main = language or (known.most_common(1)[0][0] if known else None)
    for place, each in enumerate(told):
        if each is not None and each != main:
            noted.add(place, "language", each)
    personal = _note_personal_data(noted, texts, region)
    if toxicity is not None:
        noted.places["toxic"] = []
        for place, text in enumerate(texts):
            if (what := toxicity.of(text)) is not None:
                noted.add(place, "toxic", what)
    labels = Counter(v for v in table.values(label) if v is not None) if label else Counter()
    counted = Counter("?" if each is None else each for each in told)
    return Findings(
        {kind: sorted(of) for kind, of in noted.places.items()},
        noted.details,
        lengths,
        dict(counted.most_common()),
        main,
        dict(personal.most_common()),
        dict(labels.most_common()),
        links,
        "" if toxicity is None else toxicity.by,
    )


class _Noted:
    """What was found in which rows.

    Attributes:
        details: Row → kind → what, in words; the first of each kind.
        places: Kind → rows.
    """

    def __init__(self) -> None:
        self.details: dict[int, dict[str, str]] = {}
        self.places: dict[str, list[int]] = {kind: [] for kind in KINDS if kind != "toxic"}

    def add(self, place: int, kind: str, what: str) -> None:
        if kind not in self.details.setdefault(place, {}):
            self.places[kind].append(place)
            self.details[place][kind] = what


def _note_duplicates(
    noted: _Noted, table: Table, texts: Sequence[str], similarity: float
) -> list[tuple[int, int]]:
    """Notes equal and nearly equal rows; returns the pairs.

    Rows with one prompt are alike for it; they are duplicates where what follows is alike, too.
    """
    links = []
    for first, *others in duplicates.exact(texts):
        for other in others:
            noted.add(other, "exact_duplicate", f"as row {table.lines[first].number}")
            links.append((first, other))
    for first, second, alike in duplicates.near(texts, similarity):
        links.append((first, second))
        row, like = table.lines[first], table.lines[second]
        if duplicates.equal(row.prompt, like.prompt) and (row.rest.strip() or like.rest.strip()):
            alike = duplicates.similarity(row.rest, like.rest)
        if alike >= similarity:
            noted.add(second, "near_duplicate", f"{alike:.2f} as row {row.number}")
    return links


def _note_personal_data(noted: _Noted, texts: Sequence[str], region: str) -> Counter[str]:
    """Notes rows with personal data; returns how often there is which kind."""
    personal: Counter[str] = Counter()
    for place, text in enumerate(texts):
        _, found = personal_data.mask(text, region)
        kinds = Counter(each.kind for each in found)
        personal.update(kinds)
        if found:
            noted.add(place, "personal_data", ", ".join(f"{n} {kind}" for kind, n in kinds.items()))
    return personal


def length_scores(lengths: Sequence[int]) -> list[float]:
    """Modified z-scores of log lengths: distance from the median in median distances.

    The median distance counts as at least so much that a text is odd from ``LEAST_FACTOR`` times,
    or one part in ``LEAST_FACTOR`` of, the median on: of texts that are nearly all equally long,
    those that differ by a few words are not odd, and one that is far longer is.
    """
    logs = np.log1p(np.asarray(lengths, dtype=np.float64))
    if not len(logs):
        return []
    centre = float(np.median(logs))
    least = 0.6745 * math.log(LEAST_FACTOR) / ODD_LENGTH
    spread = max(least, float(np.median(np.abs(logs - centre))))
    return [float(0.6745 * (each - centre) / spread) for each in logs]


def languages(texts: Sequence[str]) -> list[str | None]:
    """The language of each text, an ISO 639-1 code; None where it is too short or not sure.

    Raises:
        MissingExtraError: ``py3langid`` is not installed.
    """
    identifier = _identifier()
    found: list[str | None] = []
    for text in texts:
        if sum(map(str.isalpha, text)) < FEWEST_LETTERS:
            found.append(None)
            continue
        code, sure = identifier.classify(text)
        found.append(str(code) if sure >= SURE else None)
    return found


@cache
def _identifier() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as error:
        raise MissingExtraError("telling languages", "data") from error
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def entropy(counts: Mapping[str, int]) -> float:
    """Of a distribution, as a share of the greatest that so many kinds can have; 1 is balanced."""
    total = sum(counts.values())
    if len(counts) < 2 or not total:
        return 1.0
    shares = [count / total for count in counts.values() if count]
    return -sum(share * math.log(share) for share in shares) / math.log(len(counts))
