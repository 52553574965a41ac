"""Which option a model chose, and how sure it was, from any task's requests and responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.authoring.answers.choices import softmax
from harness.types import (
    Classify,
    ClassProbs,
    Loglikelihood,
    Logprob,
    Request,
    Response,
    Sample,
    SampleRecord,
    ScoreValue,
)


def distribution(
    sample: Sample, requests: Sequence[Request], responses: Sequence[Response]
) -> Mapping[str, float] | None:
    """Option → probability, in the order asked; None where the answer is no choice of options.

    Two ways of asking are choices: one ``Loglikelihood`` an option after one context (softmax of
    the sums), and one ``Classify``. Options go by the sample's own choices where there is one a
    request (which may have asked for their letters), else by the continuations' text.
    """
    if len(requests) == 1 and isinstance(requests[0], Classify):
        (response,) = responses
        if not isinstance(response, ClassProbs):
            return None
        return dict(zip(requests[0].labels, response.probabilities, strict=True))
    asked = [request for request in requests if isinstance(request, Loglikelihood)]
    totals = [response.total for response in responses if isinstance(response, Logprob)]
    one_context = len({request.context for request in asked}) == 1
    if len(asked) < 2 or len(asked) != len(requests) or len(totals) != len(asked):
        return None
    if not one_context:
        return None
    names = [request.continuation.strip() for request in asked]
    if len(sample.choices) == len(names):
        names = list(sample.choices)
    if len(set(names)) < len(names):
        return None
    return dict(zip(names, softmax(totals), strict=True))


def of_record(record: SampleRecord) -> Mapping[str, float] | None:
    """``distribution`` of a finished record."""
    return distribution(record.sample, record.requests, record.responses)


def chosen(probabilities: Mapping[str, float]) -> str:
    """The option with the highest probability; the first of equal ones."""
    return max(probabilities, key=probabilities.__getitem__)


def judged(record: SampleRecord, value: ScoreValue) -> str | None:
    """The option that the model chose, where ``value`` is 1 if that is right and 0 if it is not.

    None for any other score: one of generated text, a probability, or one that ranks the options
    in its own way, as ``acc_norm`` does, and does not agree.
    """
    if value not in (0, 1):
        return None
    probabilities = of_record(record)
    if probabilities is None:
        return None
    choice = chosen(probabilities)
    return choice if value == (choice in record.sample.targets) else None
