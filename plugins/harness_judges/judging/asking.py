"""How judges are asked: by log-probabilities of the labels where a backend has them, else in words.

With log-probabilities a judgement is the expected label (G-Eval's weighting, Liu et al. 2023),
which has no ties and no unread answers; without, it is what the judge wrote.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from harness.authoring.answers.choices import softmax
from harness.errors import UsageError
from harness.protocols import RoleModel
from harness.types import (
    JUDGE,
    MODEL,
    Ask,
    Completion,
    Generate,
    Loglikelihood,
    Logprob,
    Request,
    Response,
    Sampling,
)
from harness_judges.judging import parsing
from harness_judges.judging.rubrics import Rubric

Reading: TypeAlias = Literal["auto", "logprobs", "text"]
_LETTERS = (" A", " B")
UNREADABLE = "no judgement could be read"


@dataclass(frozen=True, slots=True)
class Judge:
    """One judge of a panel, and how it is asked.

    Attributes:
        role: Its role.
        by_logprobs: Whether by log-probabilities; they are asked for once, as they do not vary.
        repeats: How often each judgement is asked for in words.
        temperature: At which.
    """

    role: str
    by_logprobs: bool
    repeats: int = 1
    temperature: float = 0.0

    @property
    def way(self) -> str:
        """For the settings."""
        return "logprobs" if self.by_logprobs else "text"


def panel(
    roles: Mapping[str, RoleModel], reading: Reading, repeats: int = 1, temperature: float = 0.0
) -> tuple[Judge, ...]:
    """The judges of a run, the first one first.

    Args:
        roles: The run's; empty when no backend is open yet.
        reading: How answers are read; ``auto``: by log-probabilities where the judge has them.
        repeats: How often each judgement is asked for.
        temperature: At which.

    Raises:
        UsageError: Log-probabilities are asked for, and a judge has none.
    """
    names = sorted((each for each in roles if each.partition(".")[0] == JUDGE), key=_place)
    found = []
    for name in names:
        can = Loglikelihood in roles[name].supports
        if reading == "logprobs" and not can:
            raise UsageError(
                f"reading=logprobs, and the judge {roles[name].model} gives no log-probabilities",
                "Leave it out, or take reading=text.",
            )
        found.append(Judge(name, can and reading != "text", repeats, temperature))
    return tuple(found) or (Judge(JUDGE, False, repeats, temperature),)


def _place(role: str) -> int:
    number = role.partition(".")[2]
    return int(number) if number.isdecimal() else 1


def judges_itself(roles: Mapping[str, RoleModel]) -> str | None:
    """A sentence where a judge is the model that it judges."""
    if MODEL not in roles:
        return None
    own = roles[MODEL].fingerprint
    same = [name for name in roles if name != MODEL and roles[name].fingerprint == own]
    if not any(each.partition(".")[0] == JUDGE for each in same):
        return None
    return (
        "the judge is the model that is judged: models prefer their own answers "
        "(Panickssery et al. 2024)"
    )


# --------------------------------------------------------------------------- criteria


def about_criterion(judge: Judge, rubric: Rubric, shown: str, room: int) -> list[Ask]:
    """The requests about one criterion; ``shown`` is the filled template."""
    requests: list[Request]
    labels = _labels(rubric)
    if judge.by_logprobs:
        scale = (
            f"Score from {rubric.low} (worst) to {rubric.high} (best):"
            if rubric.kind == "score"
            else "Is the criterion met, yes or no? Answer:"
        )
        requests = [Loglikelihood(f"{shown}{scale}", f" {label}") for label in labels]
    elif rubric.kind == "score":
        requests = [
            Generate(
                f"{shown}Say why in one sentence, then give a score from {rubric.low} (worst) to "
                f'{rubric.high} (best). Answer in JSON: {{"reason": "...", "score": '
                f"{rubric.high}}}",
                sampling,
            )
            for sampling in _samplings(judge, room)
        ]
    else:
        requests = [
            Generate(
                f"{shown}Say why in one sentence, then whether the criterion is met. Answer in "
                'JSON: {"reason": "...", "met": true} or {"reason": "...", "met": false}',
                sampling,
            )
            for sampling in _samplings(judge, room)
        ]
    return [Ask(judge.role, request) for request in requests]


def _samplings(judge: Judge, room: int) -> list[Sampling]:
    """Seeds of their own, so that each repeat is asked for even at temperature 0."""
    return [
        Sampling(room, temperature=judge.temperature, seed=number)
        for number in range(judge.repeats)
    ]


def judgements(judge: Judge, rubric: Rubric, responses: Sequence[Response]) -> list[float | None]:
    """What the judge says of one criterion, each time it was asked; None where it cannot be read.

    A score on the rubric's scale; for yes or no the probability of yes, or 1 and 0.
    """
    if not judge.by_logprobs:
        return [_said(rubric, each) for each in responses]
    shares = _shares(responses)
    if shares is None:
        return [None]
    if rubric.kind == "binary":
        return [shares[0]]
    labels = range(rubric.low, rubric.high + 1)
    return [sum(share * label for share, label in zip(shares, labels, strict=True))]


def _said(rubric: Rubric, response: Response) -> float | None:
    assert isinstance(response, Completion)
    if rubric.kind == "score":
        return parsing.score(response.text, rubric.low, rubric.high)
    met = parsing.yes_or_no(response.text)
    return None if met is None else float(met)


def requests_each(judge: Judge, rubric: Rubric) -> int:
    """How many requests a criterion takes."""
    return len(_labels(rubric)) if judge.by_logprobs else judge.repeats


def _labels(rubric: Rubric) -> list[str]:
    if rubric.kind == "binary":
        return ["yes", "no"]
    return [str(each) for each in range(rubric.low, rubric.high + 1)]


def _shares(responses: Sequence[Response]) -> list[float] | None:
    totals = [each.total if isinstance(each, Logprob) else math.nan for each in responses]
    return None if any(map(math.isnan, totals)) else softmax(totals)


# --------------------------------------------------------------------------- pairs


def about_pair(judge: Judge, shown: str, room: int) -> list[Ask]:
    """The requests about two answers in one order."""
    requests: list[Request]
    if judge.by_logprobs:
        text = f"{shown}The better answer, A or B, is"
        requests = [Loglikelihood(text, letter) for letter in _LETTERS]
    else:
        requests = [
            Generate(
                f"{shown}Say why in one sentence, then which answer is better. Answer in JSON: "
                '{"reason": "...", "preference": "A"}, with "A", "B" or "tie".',
                Sampling(room),
            )
        ]
    return [Ask(judge.role, request) for request in requests]


def preference(judge: Judge, responses: Sequence[Response]) -> int | None:
    """``parsing.FIRST``, ``SECOND`` or ``TIE``; None where it cannot be read."""
    if judge.by_logprobs:
        shares = _shares(responses)
        if shares is None:
            return None
        if shares[0] == shares[1]:
            return parsing.TIE
        return parsing.FIRST if shares[0] > shares[1] else parsing.SECOND
    (response,) = responses
    assert isinstance(response, Completion)
    return parsing.preference(response.text)
