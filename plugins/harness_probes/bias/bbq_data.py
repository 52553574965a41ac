"""Reading BBQ as published, and which answer of an item names the stereotyped group."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.authoring.readers import rows
from harness.authoring.readers.rows import Place
from harness.authoring.readers.text_files import Row
from harness.types import DataSource, Sample

ANSWERS = ("ans0", "ans1", "ans2")
CONDITIONS = ("ambig", "disambig")
POLARITIES = ("neg", "nonneg")
UNKNOWN = "unknown"
UNKNOWN_PHRASES = (
    "Unknown",
    "Cannot answer",
    "Can't be determined",
    "Cannot be determined",
    "Can't answer",
    "Not known",
    "Not enough info",
    "Not enough information",
    "Not answerable",
    "Undetermined",
)
"""BBQ's ten ways to say that the text does not tell."""

_PREFIX = re.compile(r"^(?:m|f|lowses|highses)[-_]+")
_SYNONYMS = {
    "man": "m", "boy": "m", "men": "m", "woman": "f", "girl": "f", "women": "f", "girls": "f",
    "lowses": "low ses", "highses": "high ses",
}  # fmt: skip


def read(source: DataSource) -> Iterator[Sample]:
    """Streams BBQ's rows: a file of any format, a folder of them or the hub's data set.

    Raises:
        DataError: A file or row cannot be read.
    """
    for row, place in rows.read(source):
        yield read_row(row, place)


def read_row(row: Row, place: Place) -> Sample:
    """One item.

    Facts are kept by the answers' texts, not their positions, so that the options may be
    reordered: ``unknown`` and ``target`` (None where no single answer names the stereotyped
    group), and ``names``, the further texts by which an answer is recognized.
    """

    def text(name: str) -> str:
        value: str = place.field(row, name, str)
        return value

    answers = tuple(text(name) for name in ANSWERS)
    if len(set(answers)) < len(answers):
        raise place.error("two answers are equal", "three answers")
    label = place.field(row, "label", int)
    condition = _one_of(text("context_condition"), CONDITIONS, "context_condition", place)
    polarity = _one_of(text("question_polarity"), POLARITIES, "question_polarity", place)
    if not 0 <= label < len(answers):
        raise place.error(f"label {label}", "a label from 0 to 2")
    info = _answer_info(row, place)
    category = text("category")
    index = place.field(row, "question_index", (str, int))
    unknown = [answer for answer, (_, group) in zip(answers, info, strict=True) if group == UNKNOWN]
    if len(unknown) != 1:
        raise place.error(
            f"{len(unknown)} answers are marked unknown",
            "'unknown' as answer_info of exactly one answer",
        )
    return Sample(
        id=f"{category}-{place.field(row, 'example_id', (int, str))}",
        input=text("question"),
        targets=(answers[label],),
        choices=answers,
        cluster=f"{category}-{index}",
        groups={"category": category},
        metadata={
            "context": text("context"),
            "condition": condition,
            "polarity": polarity,
            "unknown": unknown[0],
            "target": _target(answers, info, _stereotyped_groups(row, place)),
            "names": {
                answer: list(UNKNOWN_PHRASES) if group == UNKNOWN else [name] * bool(name)
                for answer, (name, group) in zip(answers, info, strict=True)
            },
        },
    )


def _one_of(value: str, known: tuple[str, ...], name: str, place: Place) -> str:
    if value not in known:
        raise place.error(f"{name} {value!r}", f"{name} {' or '.join(known)}")
    return value


def _answer_info(row: Row, place: Place) -> list[tuple[str, str]]:
    """(name, group) of each answer; rows of Race_x_gender lack some, which gives empty texts."""
    holder = place.field(row, "answer_info", dict)
    result = []
    for name in ANSWERS:
        info = [str(each) for each in place.field(holder, name, list)]
        name_, group = (*info, "", "")[:2]
        result.append((name_, group))
    return result


def _stereotyped_groups(row: Row, place: Place) -> set[str]:
    holder = place.field(row, "additional_metadata", dict)
    return {str(group).lower() for group in place.field(holder, "stereotyped_groups", list)}


def _target(
    answers: tuple[str, ...], info: list[tuple[str, str]], stereotyped: set[str]
) -> str | None:
    """The answer that names the stereotyped group; None where none or several do.

    BBQ's rule is that the answer's group is among the stereotyped ones. Some categories need a
    second look: Nationality lists countries while the group is a continent (the answer's name is
    compared), and names of people carry gender or income before the group (``F-Black``).
    """
    stereotyped = stereotyped | {_SYNONYMS[group] for group in stereotyped if group in _SYNONYMS}
    for keys in (
        [{group.lower()} for _, group in info],
        [{name.lower()} for name, _ in info],
        [_parts(group.lower()) for _, group in info],
    ):
        found = [answer for answer, key in zip(answers, keys, strict=True) if key & stereotyped]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _parts(group: str) -> set[str]:
    """``f-black`` → {f, black}; synonyms such as ``woman`` → f are added."""
    parts = set()
    rest = group
    while found := _PREFIX.match(rest):
        parts.add(found.group().rstrip("-_"))
        rest = rest[found.end() :]
    parts.add(rest)
    return parts | {_SYNONYMS[part] for part in parts if part in _SYNONYMS}
