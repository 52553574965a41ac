"""Looking at training data before any step is spent on it: what is dropped, and what is refused.

Trainers pass over bad rows silently: a pair with equal answers has no gradient, a prompt that is
too long leaves no answer, a row of the evaluation suite makes the verdict worthless.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from harness.errors import DataError
from harness_align.dataset.training_rows import Kind, Row, Rows, plain

Refuse = Callable[[Row], str | None]
"""Why a row cannot be used, as it goes on from "2 rows dropped, "; None where it can."""
NGRAM = 13
"""Words in a row that count as the same text (the window of Brown et al. 2020, appendix C)."""
FEW = 10
"""Answers are labels where each is the right one of so many rows, on average."""
MOST = 0.6
"""A share of one label that is worth a note."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Findings:
    """What validation did.

    Attributes:
        kept: The rows to train on; ``dropped`` there names the others, and why.
        contradicted: Places of pairs whose opposite is in the data, too; they are kept.
    """

    kept: Rows
    contradicted: tuple[int, ...] = ()

    def describe(self) -> list[str]:
        """One line a finding, with row numbers."""
        found = [self.kept.describe()]
        if self.contradicted:
            found.append(
                f"{len(self.contradicted):,} kept though the opposite preference is there too "
                f"({self.kept.listed(self.contradicted)})"
            )
        answers = [row.chosen for row in self.kept.rows if row.label is None]
        if label := one_sided(plain(each).strip() for each in answers if each is not None):
            found.append(
                f"{label[0]!r} is what {label[1]:.0%} of the rows teach to answer: a model may "
                "learn to answer it always"
            )
        return found


def validate(rows: Rows, refuse: Refuse | None = None) -> Findings:
    """Drops rows that cannot be learned from.

    Args:
        rows: The rows as read.
        refuse: Why the model cannot be trained on a row; None: it can.

    Raises:
        DataError: Nothing is left.
    """
    dropped: dict[str, list[int]] = defaultdict(list)
    for known, lines in rows.dropped.items():
        dropped[known] += lines
    seen: set[tuple[object, ...]] = set()
    kept: list[Row] = []
    for row in rows.rows:
        key = (plain(row.prompt), *map(plain, row.answers), row.label)
        why = _unusable(row, rows.kind)
        if why is None and key in seen:
            why = "that repeat an earlier row"
        if why is None and refuse is not None:
            why = refuse(row)
        if why is not None:
            dropped[why].append(row.line)
            continue
        seen.add(key)
        kept.append(row)
    left = replace(
        rows,
        rows=tuple(kept),
        total=rows.total or len({row.line for row in rows.rows}),
        dropped={why: tuple(dict.fromkeys(lines)) for why, lines in dropped.items()},
    )
    if not kept:
        raise DataError(
            f"no row is left to train on: {left.describe()}",
            path=rows.source,
            expected="at least one usable row; --set max_length=N allows longer ones as far as "
            "the model's context goes",
        )
    return Findings(
        left,
        tuple(
            row.line
            for row in kept
            if row.rejected is not None
            and (plain(row.prompt), *map(plain, row.answers[::-1]), row.label) in seen
        ),
    )


def _unusable(row: Row, kind: Kind) -> str | None:
    if kind != "text" and not _content(row.prompt):
        return "with an empty prompt"
    if any(not _content(answer) for answer in row.answers):
        return "with an empty answer"
    if row.rejected is not None and plain(row.answers[0]) == plain(row.rejected):
        return "whose chosen and rejected are identical"
    return None


def _content(answer: object) -> str:
    if isinstance(answer, str):
        return answer.strip()
    assert isinstance(answer, tuple)
    return "".join(turn.content for turn in answer).strip()


# --------------------------------------------------------------------------- overlap


@dataclass(frozen=True, slots=True)
class SuiteText:
    """A text of the evaluation suite; ``name`` is ``TASK/SAMPLE``.

    A ``templated`` one is a whole prompt: parts of it are the template's, not the sample's.
    """

    name: str
    text: str
    templated: bool = False


def overlap(rows: Rows, suite: Iterable[SuiteText]) -> list[tuple[int, str]]:
    """(line, task/sample) of rows whose prompt holds a text of the evaluation suite.

    A text counts as held where it equals the prompt, or where they share 13 words in a row that
    are no template's. Case, punctuation and white space are not looked at.

    Args:
        rows: Training rows.
        suite: The evaluation's texts.
    """
    whole: dict[str, str] = {}
    grams: dict[tuple[str, ...], str] = {}
    for each in suite:
        words = _words(each.text)
        if words:
            whole.setdefault(" ".join(words), each.name)
        for gram in () if each.templated else _grams(words):
            grams.setdefault(gram, each.name)
    found = []
    for row in rows.rows:
        words = _words(row.key)
        held = whole.get(" ".join(words)) or next(
            (grams[gram] for gram in _grams(words) if gram in grams), None
        )
        if held is not None:
            found.append((row.line, held))
    return found


def refuse_overlap(rows: Rows, suite: Iterable[SuiteText]) -> None:
    """Raises where training rows are in the evaluation suite.

    Raises:
        DataError: Names the lines and the samples they equal.
    """
    found = overlap(rows, suite)
    if not found:
        return
    shown = ", ".join(f"{rows.unit} {line} ({name})" for line, name in found[:4])
    more = f" and {len(found) - 4:,} more" if len(found) > 4 else ""
    raise DataError(
        f"{len(found):,} of {len(rows):,} rows are in the evaluation suite: {shown}{more}",
        path=rows.source,
        expected="training data apart from the evaluation's; --allow-overlap trains all the same, "
        "and the report says so",
    )


def refuse_shared_samples(watched: Sequence[SuiteText], suite: Sequence[SuiteText]) -> None:
    """Raises where early stopping or a search would look at what decides at the end.

    Raises:
        DataError: Samples of both have the same texts.
    """
    decides = set(_samples(suite).values())
    shared = [name for name, texts in _samples(watched).items() if texts and texts in decides]
    if shared:
        raise DataError(
            f"{len(shared):,} samples of the development data are in the evaluation suite: "
            f"{', '.join(shared[:4])}{' …' * (len(shared) > 4)}",
            expected="development data (stop_data, or data under [align.search]) apart from the "
            "evaluation's; --allow-overlap looks at them all the same",
        )


def _samples(suite: Sequence[SuiteText]) -> dict[str, frozenset[str]]:
    texts: dict[str, set[str]] = defaultdict(set)
    for each in suite:
        texts[each.name].add(" ".join(_words(each.text)))
    return {name: frozenset(filter(None, each)) for name, each in texts.items()}


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _grams(words: Sequence[str]) -> Iterable[tuple[str, ...]]:
    return (tuple(words[start : start + NGRAM]) for start in range(len(words) - NGRAM + 1))


# --------------------------------------------------------------------------- statistics


def statistics(rows: Rows) -> dict[str, float | int | str]:
    """What the data look like: counts, lengths in words, and whether the longer answer wins."""
    found: dict[str, float | int | str] = {
        "kind": rows.kind,
        "rows": len(rows),
        "prompts": len({row.key for row in rows.rows}),
        "words of a prompt": _mean(len(plain(row.prompt).split()) for row in rows.rows),
    }
    chosen = [len(plain(row.chosen).split()) for row in rows.rows if row.chosen is not None]
    rejected = [len(plain(row.rejected).split()) for row in rows.rows if row.rejected is not None]
    if chosen:
        found["words of an answer" if not rejected else "words chosen"] = _mean(chosen)
    if rejected:
        found["words rejected"] = _mean(rejected)
        longer = [a > b for a, b in zip(chosen, rejected, strict=True) if a != b]
        found["longer one chosen"] = round(fmean(longer), 3) if longer else 0.0
    if rows.kind == "label":
        found["good answers"] = _mean(bool(row.label) for row in rows.rows)
    return found


def one_sided(answers: Iterable[str]) -> tuple[str, float] | None:
    """The label that most of the right answers are, and its share; None where there is none."""
    counts = Counter(answers)
    if len(counts) < 2 or counts.total() < FEW * len(counts):
        return None
    ((label, count),) = counts.most_common(1)
    share = count / counts.total()
    return (label, share) if share > MOST else None


def _mean(values: Iterable[float]) -> float:
    return round(fmean(values), 2)
