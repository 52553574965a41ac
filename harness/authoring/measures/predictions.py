"""What a model answered, from any task's requests and responses: text, option, how sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.authoring.answers.choices import softmax
from harness.types import (
    Classify,
    ClassProbs,
    Completion,
    ExtractAnswer,
    Failed,
    Generate,
    Loglikelihood,
    Logprob,
    Prompt,
    Request,
    Response,
    Sample,
    SampleRecord,
    ScoreValue,
    Tag,
    Tags,
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


def prompt_text(record: SampleRecord) -> str:
    """What the model was asked, as a reader wants to see it: the first request's prompt."""
    return _asked(record.requests[0]) if record.requests else record.sample.input


def _asked(request: Request) -> str:
    match request:
        case Generate(prompt, _):
            return _plain(prompt)
        case Loglikelihood(context, continuation):
            return _plain(context) or continuation
        case ExtractAnswer(question, context):
            return f"{context}\n\n{question}"
        case Classify(text, _, str(pair)):
            return f"{text}\n\n{pair}"
        case _:
            return request.text


def _plain(prompt: Prompt) -> str:
    if isinstance(prompt, str):
        return prompt
    return "\n\n".join(f"{message.role}: {message.content}" for message in prompt)


def tagged_text(text: str, words: Sequence[tuple[int, int]], tags: Sequence[str]) -> str:
    """The words that have a tag, a line each, with it; empty where all are ``O``."""
    pairs = zip(words, tags, strict=True)
    return "\n".join(f"{text[start:end]}\t{tag}" for (start, end), tag in pairs if tag != "O")


def response_text(record: SampleRecord) -> str:
    """What the model answered: its text, its likeliest continuation or its likeliest label."""
    best, text = float("-inf"), ""
    for request, response in zip(record.requests, record.responses, strict=False):
        match request, response:
            case _, Failed(reason):
                return f"(failed: {reason})"
            case _, Completion(answer):
                return answer
            case Tag(said), Tags(words, tags):
                return tagged_text(said, words, tags)
            case Classify(_, labels), ClassProbs(probabilities):
                return max(zip(probabilities, labels, strict=False))[1]
            case Loglikelihood(_, continuation), Logprob(total) if total > best or not text:
                best, text = total, continuation
            case _, Logprob(total) if not text:
                text = f"log-likelihood {total:.4g}"
    return text.strip()
