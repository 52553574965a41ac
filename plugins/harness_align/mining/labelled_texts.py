"""Texts that were misjudged, of samples that hold several with known labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.types import (
    Completion,
    Generate,
    Loglikelihood,
    Logprob,
    Prompt,
    Request,
    Response,
    SampleRecord,
)
from harness_align.dataset.training_rows import Row
from harness_align.mining import known_labels
from harness_align.mining.conversion import spaced


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One text of a sample, with what was asked and answered.

    Attributes:
        right: The places, from 0, of its right labels.
        requests: Those about it.
        responses: Theirs.
    """

    right: frozenset[int]
    requests: Sequence[Request]
    responses: Sequence[Response]


def of_record(record: SampleRecord) -> list[LabelledText]:
    """The texts of a sample; none where their labels are not known."""
    return [
        LabelledText(each.right, record.requests[each.place], record.responses[each.place])
        for each in known_labels.of_texts(record.sample, record.requests)
    ]


def pairs(record: SampleRecord, labels: Sequence[str]) -> Iterator[tuple[float, Row]]:
    """(how sure the model was of the wrong label, a pair) of every text that was misjudged.

    Sure is the difference of log-probabilities of the wrong label and the best right one in nats;
    0 where an answer was generated.

    Args:
        record: What the model was asked and said.
        labels: The words of the labels, for answers that were generated; empty: not known.
    """
    for text in of_record(record):
        found = _by_likelihood(text) or _by_answer(text, labels)
        if found is not None:
            yield found


def _by_likelihood(text: LabelledText) -> tuple[float, Row] | None:
    asked = [each for each in text.requests if isinstance(each, Loglikelihood)]
    totals = [each.total for each in text.responses if isinstance(each, Logprob)]
    if len(asked) != len(text.requests) or len(totals) != len(asked) or len(asked) < 2:
        return None
    right = [place for place in sorted(text.right) if place < len(asked)]
    best = max(range(len(asked)), key=lambda place: totals[place])
    if not right or best in text.right:
        return None
    wanted = max(right, key=lambda place: totals[place])
    chosen, rejected = asked[wanted].continuation, asked[best].continuation
    return totals[best] - totals[wanted], Row(1, asked[best].context, chosen, rejected)


def _by_answer(text: LabelledText, labels: Sequence[str]) -> tuple[float, Row] | None:
    if len(text.requests) != 1 or not isinstance(text.requests[0], Generate):
        return None
    said = text.responses[0]
    right = [labels[place] for place in sorted(text.right) if place < len(labels)]
    if not isinstance(said, Completion) or not said.text.strip() or not right:
        return None
    answer = said.text.strip()
    if any(label.casefold() in answer.casefold() for label in right):
        return None
    prompt: Prompt = text.requests[0].prompt
    return 0.0, Row(1, prompt, spaced(prompt, right[0]), spaced(prompt, answer))
