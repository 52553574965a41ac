"""What a task asks after the first answers are there, and the record of a whole sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.types.evaluation import Sample, ScoreValue, Unscored
from harness.types.requests import Failed, Request, Response

MODEL = "model"
"""The role of the model that is evaluated."""
JUDGE = "judge"
"""The role of a model that grades answers: ``--judge``; of a panel, ``judge.2``, ``judge.3``, …."""
RETRIEVER = "retriever"
"""The role of what finds passages."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request and who is to answer it.

    ``role`` is ``model``, ``judge``, ``retriever`` or a plugin's own name.
    """

    role: str
    request: Request


@dataclass(frozen=True, slots=True)
class Round:
    """What was asked about a sample at one time, and the responses in the same order."""

    asks: tuple[Ask, ...]
    responses: tuple[Response, ...]

    def of(self, role: str) -> tuple[Response, ...]:
        """The responses of one role, in the order asked."""
        pairs = zip(self.asks, self.responses, strict=True)
        return tuple(response for ask, response in pairs if ask.role == role)


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """One line of ``samples/<task>.jsonl``: all that is needed to score again without a model.

    ``requests`` and ``responses`` are those of the first round, ``later_rounds`` what the task
    asked about the answers. ``repeat`` counts the answers to the same question from 0.
    """

    sample: Sample
    requests: tuple[Request, ...]
    responses: tuple[Response, ...]
    scores: Mapping[str, ScoreValue]
    probe: str | None = None
    variant: int = 0
    later_rounds: tuple[Round, ...] = ()
    repeat: int = 0

    @property
    def rounds(self) -> tuple[Round, ...]:
        """All rounds; the first, which asks the evaluated model, is left out where it is empty."""
        if not self.requests:
            return self.later_rounds
        asks = tuple(Ask(MODEL, request) for request in self.requests)
        return (Round(asks, self.responses), *self.later_rounds)

    @property
    def unread(self) -> bool:
        """Whether an answer names none of the options, and so counts as wrong."""
        share = self.scores.get("unread")
        return isinstance(share, float) and share > 0

    @property
    def error(self) -> str | None:
        """Why a request failed or an answer could not be scored; None where all went well."""
        later = (response for each in self.later_rounds for response in each.responses)
        for response in (*self.responses, *later):
            if isinstance(response, Failed):
                return response.reason
        for value in self.scores.values():
            if isinstance(value, Unscored):
                return value.reason
        return None
