"""As many mined samples of each right answer.

A model that prefers one answer is unsure, or wrong, mostly where another one is right. Pairs of
those samples prefer the others, and a model may learn from them just that: to say the other answer
always. Where answers are few, such as labels, as many of each keep it from that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness_align.dataset.training_rows import plain
from harness_align.dataset.validation import one_sided
from harness_align.mining.failures import Mined


def answer_of(mined: Mined) -> str | None:
    """The right answer; None where it is not known."""
    if not mined.rows:
        return None
    chosen = mined.rows[0].chosen
    return None if chosen is None else plain(chosen).strip()


def balanced(mined: Sequence[Mined], limit: int | None = None) -> list[Mined]:
    """The most valuable samples of each right answer, as many of each, in the order given.

    Of those whose right answer is not known there are at most as many.

    Args:
        mined: The most valuable first.
        limit: How many there may be in all; None for as many as the rarest answer allows.
    """
    counts = Counter(map(answer_of, mined))
    each = min(
        (count for answer, count in counts.items() if answer is not None), default=len(mined)
    )
    if limit is not None:
        each = min(each, max(1, limit // max(1, len(counts))))
    taken: Counter[str | None] = Counter()
    kept = []
    for one in mined:
        answer = answer_of(one)
        if taken[answer] < each:
            taken[answer] += 1
            kept.append(one)
    return kept


def warning(mined: Sequence[Mined]) -> str | None:
    """A sentence where most of the samples have the same one of few right answers; else None."""
    label = one_sided(answer for one in mined if (answer := answer_of(one)) is not None)
    if label is None:
        return None
    return (
        f"{label[0]!r} is the right answer of {label[1]:.0%} of them: a model may learn to answer "
        "it always; --balance takes as many of each"
    )
