"""Whether a response is one that its request can have, and whether its numbers are numbers.

Every response passes here on its way into a run, from the model and from the store alike, so that
both give the same run.
"""

from __future__ import annotations

import math

from harness.types import (
    Classify,
    ClassProbs,
    Completion,
    Embed,
    Embedding,
    ExtractAnswer,
    Failed,
    Generate,
    Loglikelihood,
    Logprob,
    PseudoLoglikelihood,
    Request,
    Response,
    RollingLoglikelihood,
    Tag,
    Tags,
)

NOT_A_NUMBER = "not a number"
"""The reason of a response that holds NaN, or an infinity that no probability has."""

_KINDS: dict[type[Request], type[Response]] = {
    Loglikelihood: Logprob,
    RollingLoglikelihood: Logprob,
    PseudoLoglikelihood: Logprob,
    Generate: Completion,
    ExtractAnswer: Completion,
    Classify: ClassProbs,
    Tag: Tags,
    Embed: Embedding,
}


def fits(request: Request, response: Response) -> bool:
    """Whether the response is of the request's kind and length, or a failure."""
    if isinstance(response, Failed):
        return True
    if not isinstance(response, _KINDS[type(request)]):
        return False
    if isinstance(request, Classify) and isinstance(response, ClassProbs):
        return len(response.probabilities) == len(request.labels)
    if isinstance(request, Tag) and isinstance(response, Tags):
        if len(response.words) != len(response.tags):
            return False
        return request.words in ((), response.words)
    return True


def checked(response: Response) -> Response:
    """The response; ``Failed`` where a number in it cannot be one.

    A log-probability may be −∞ (an impossible text) but neither NaN nor +∞; a probability is
    finite and not negative, and so is every number of a vector finite.
    """
    match response:
        case Logprob(total=total):
            sound = total < math.inf  # false for NaN as well
        case ClassProbs(probabilities):
            sound = all(0 <= each < math.inf for each in probabilities)
        case Embedding(values):
            sound = bool(values) and all(math.isfinite(each) for each in values)
        case Completion(logprob=logprob):
            sound = logprob is None or logprob < math.inf
        case _:
            sound = True
    return response if sound else Failed(NOT_A_NUMBER)
