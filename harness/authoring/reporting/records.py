"""Sample records as people read them: what was asked and answered, and how it came out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.authoring.measures.predictions import tagged_text
from harness.types import (
    MODEL,
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
    MetricResults,
    Prompt,
    PseudoLoglikelihood,
    Request,
    Response,
    RollingLoglikelihood,
    Round,
    SampleRecord,
    ScoreValue,
    Tag,
    Tags,
    Unscored,
)

TEXT_LIMIT = 20_000
"""Characters of one text that a page holds."""
TEXT_LIMIT_WHEN_FULL = 500
"""… once a page holds PAGE_LIMIT characters."""
PAGE_LIMIT = 40_000_000
_TITLE_LIMIT = 200


class Clipper:
    """Cuts texts so that a page stays loadable; one for a page, as it keeps the sum."""

    def __init__(self) -> None:
        self.total = 0
        self.clipped = 0

    def __call__(self, text: str) -> str:
        """``text``, or its start and how much is missing."""
        limit = TEXT_LIMIT if self.total < PAGE_LIMIT else TEXT_LIMIT_WHEN_FULL
        if len(text) > limit:
            self.clipped += 1
            text = f"{text[:limit]}… [{len(text) - limit:,} more characters]"
        self.total += len(text)
        return text


def primary_metric(metrics: MetricResults, scores: Iterable[Mapping[str, Any]]) -> str | None:
    """The first metric with a better direction whose samples' scores are all within [0, 1].

    Args:
        metrics: The task's.
        scores: A row a sample: metric → number, list of statistics, or None.
    """
    fractions: dict[str, bool] = {}
    for row in scores:
        for name, value in row.items():
            if isinstance(value, float):
                fractions[name] = fractions.get(name, True) and 0 <= value <= 1
            elif isinstance(value, list):
                fractions[name] = False
    return next(
        (
            name
            for name, result in metrics.items()
            if result.higher_is_better is not None and fractions.get(name)
        ),
        None,
    )


def verdict(entry: Mapping[str, Any], primary: str | None, inverted: bool) -> str:
    """``error``, ``unread``, ``right`` (1), ``wrong`` (0), ``partial`` (between) or ``scored``."""
    if entry.get("error"):
        return "error"
    if entry.get("unread"):
        return "unread"
    value = entry["scores"].get(primary)
    if not isinstance(value, float):
        return "scored"
    value = 1 - value if inverted else value
    return "right" if value == 1 else "wrong" if value == 0 else "partial"


def entry(record: SampleRecord, clip: Clipper) -> dict[str, Any]:
    """A record as JSON values: what was asked and answered, the scores, groups, what went wrong."""
    sample = record.sample
    prompt, options = _asked(record.requests, sample.input)
    responses, choices = _answered(record.requests, record.responses, options)
    found: dict[str, Any] = {
        "id": sample.id,
        "title": (sample.input or prompt or (options[0] if options else ""))[:_TITLE_LIMIT],
        "prompt": clip(prompt),
        "responses": [clip(text) for text in responses],
        "targets": [clip(text) for text in sample.targets],
        "scores": {name: _score(value) for name, value in record.scores.items()},
    }
    if choices:
        found["choices"] = [choice | {"text": clip(choice["text"])} for choice in choices]
    if sample.groups:
        found["groups"] = dict(sample.groups)
    thoughts = [
        clip(response.thinking)
        for response in record.responses
        if isinstance(response, Completion) and response.thinking
    ]
    if thoughts:
        found["thinking"] = thoughts
    if record.unread:
        found["unread"] = True
    if any(isinstance(each, Completion) and each.cut_off for each in record.responses):
        found["cut_off"] = True
    if record.error is not None:
        found["error"] = clip(record.error)
    if record.probe is not None:
        found["probe"], found["variant"] = record.probe, record.variant
    if record.repeat:
        found["repeat"] = record.repeat + 1
    first = 2 if record.requests else 1
    later = [
        part
        for number, each in enumerate(record.later_rounds, start=first)
        for part in _round(number, each, clip)
    ]
    if later:
        found["rounds"] = later
    return found


def _round(number: int, asked: Round, clip: Clipper) -> Iterator[dict[str, Any]]:
    """What each role was asked in a later round, and answered.

    Of a conversation it is the last turn: the ones before it were shown.
    """
    for role in dict.fromkeys(ask.role for ask in asked.asks):
        pairs = [
            (ask.request, response)
            for ask, response in zip(asked.asks, asked.responses, strict=True)
            if ask.role == role
        ]
        requests = [_last_turn(request) for request, _ in pairs]
        prompt, options = _asked(requests, "")
        texts, choices = _answered(requests, [response for _, response in pairs], options)
        scored = [f"{each['text']}: {_number(each):.4g}" for each in choices]
        yield {
            "title": f"Round {number}" + ("" if role == MODEL else f", {role}"),
            "prompt": clip(prompt),
            "responses": [clip(text) for text in (*texts, *scored)],
        }


def _last_turn(request: Request) -> Request:
    if not isinstance(request, Generate) or isinstance(request.prompt, str):
        return request
    turns = [turn for turn in request.prompt if turn.role == "user"]
    return replace(request, prompt=turns[-1].content if turns else "")


def _number(choice: Mapping[str, Any]) -> float:
    value = choice.get("logprob", choice.get("probability"))
    return float("-inf") if value is None else float(value)


def _score(value: ScoreValue) -> float | list[float | str] | None:
    if isinstance(value, Unscored):
        return None
    if isinstance(value, tuple):
        return [item if isinstance(item, str) or math.isfinite(item) else "" for item in value]
    return float(value) if math.isfinite(value) else None


# --------------------------------------------------------------------------- what was asked


def _prompt_text(prompt: Prompt) -> str:
    if isinstance(prompt, str):
        return prompt
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in prompt)


def _asked(requests: Iterable[Request], fallback: str) -> tuple[str, list[str]]:
    """The prompt that the requests share, and what each asks about beyond it."""
    pairs = [_parts(request) for request in requests]
    if not pairs:
        return fallback, []
    prompts = {prompt for prompt, _ in pairs}
    if len(prompts) == 1:
        return pairs[0][0], [option for _, option in pairs]
    return fallback, [prompt + option for prompt, option in pairs]


def _parts(request: Request) -> tuple[str, str]:
    match request:
        case Generate(prompt, _):
            return _prompt_text(prompt), ""
        case Loglikelihood(context, continuation):
            return _prompt_text(context), continuation
        case Classify(text, _, str(pair)):
            return f"{text}\n\n{pair}", ""
        case RollingLoglikelihood(text) | Classify(text, _) | Tag(text, _) | Embed(text):
            return text, ""
        case PseudoLoglikelihood(text, _):
            return "", text
        case ExtractAnswer(question, context):
            return f"{context}\n\n{question}", ""


def _answered(
    requests: Sequence[Request], responses: Sequence[Response], options: Sequence[str]
) -> tuple[list[str], list[dict[str, Any]]]:
    """The texts that came back, and the log-likelihood or probability of each choice."""
    texts: list[str] = []
    choices: list[dict[str, Any]] = []
    for request, response, option in zip(requests, responses, options, strict=False):
        match response:
            case Completion(text):
                texts.append(text)
            case Tags(words, tags):
                assert isinstance(request, Tag)
                texts.append(tagged_text(request.text, words, tags))
            case Logprob(total, token_count, is_greedy):
                number = total if math.isfinite(total) else None
                choices.append(
                    {"text": option, "logprob": number, "tokens": token_count, "greedy": is_greedy}
                )
            case ClassProbs(probabilities):
                labels = request.labels if isinstance(request, Classify) else ()
                choices.extend(
                    {"text": label, "probability": value}
                    for label, value in zip(labels, probabilities, strict=False)
                )
            case Embedding() | Failed():
                pass
    return texts, choices
