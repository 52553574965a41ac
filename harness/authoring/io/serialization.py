"""Requests, responses, samples, scores and estimates to JSON and back; hashes of them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from harness.types import (
    Ask,
    Classify,
    ClassProbs,
    Completion,
    Estimate,
    ExtractAnswer,
    Failed,
    Generate,
    Loglikelihood,
    Logprob,
    Message,
    Prompt,
    PseudoLoglikelihood,
    Request,
    Response,
    RollingLoglikelihood,
    Round,
    Sample,
    SampleRecord,
    Sampling,
    ScoreValue,
    Unscored,
)

JSON = Any
_IMPOSSIBLE = "-inf"
"""The log-probability of an impossible text; NaN is null."""


def dumps(value: JSON, indent: int | None = None) -> str:
    """JSON text; refuses NaN and infinities, which are not JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)


def canonical_hash(value: JSON) -> str:
    """SHA-256 (hex) of the value's canonical JSON."""
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def number(value: float | None) -> float | None:
    """None for NaN and infinities, which JSON does not have."""
    return value if value is not None and math.isfinite(value) else None


def number_from_json(value: float | None) -> float:
    """The inverse of ``number``: not-a-number for None."""
    return math.nan if value is None else value


# --------------------------------------------------------------------------- requests


def _prompt(prompt: Prompt) -> JSON:
    if isinstance(prompt, str):
        return prompt
    return [{"role": message.role, "content": message.content} for message in prompt]


def _prompt_back(data: JSON) -> Prompt:
    if isinstance(data, str):
        return data
    return tuple(Message(message["role"], message["content"]) for message in data)


def request_to_json(request: Request) -> JSON:
    """A JSON object with the request's type under ``type``."""
    match request:
        case Loglikelihood(context, continuation):
            return {
                "type": "loglikelihood",
                "context": _prompt(context),
                "continuation": continuation,
            }
        case RollingLoglikelihood(text):
            return {"type": "rolling", "text": text}
        case Generate(prompt, sampling):
            settings = dataclasses.asdict(sampling) | {"stop": list(sampling.stop)}
            return {"type": "generate", "prompt": _prompt(prompt), "sampling": settings}
        case Classify(text, labels):
            return {"type": "classify", "text": text, "labels": list(labels)}
        case PseudoLoglikelihood(text, counterpart):
            return {"type": "pseudo_loglikelihood", "text": text, "counterpart": counterpart}
        case ExtractAnswer():
            return {"type": "extract", **dataclasses.asdict(request)}


def request_from_json(data: JSON) -> Request:
    """The inverse of ``request_to_json``."""
    match data["type"]:
        case "loglikelihood":
            return Loglikelihood(_prompt_back(data["context"]), data["continuation"])
        case "rolling":
            return RollingLoglikelihood(data["text"])
        case "generate":
            settings = data["sampling"] | {"stop": tuple(data["sampling"]["stop"])}
            return Generate(_prompt_back(data["prompt"]), Sampling(**settings))
        case "classify":
            return Classify(data["text"], tuple(data["labels"]))
        case "pseudo_loglikelihood":
            return PseudoLoglikelihood(data["text"], data["counterpart"])
        case "extract":
            return ExtractAnswer(data["question"], data["context"], data["answerable"])
        case other:
            raise ValueError(f"unknown request type {other!r}")


def request_key(request: Request) -> str:
    """The stable key of a request: a hash of all that it asks, decoding parameters included."""
    return canonical_hash(request_to_json(request))


# --------------------------------------------------------------------------- responses


def _log_probability(value: float | None) -> float | str | None:
    return _IMPOSSIBLE if value == -math.inf else number(value)


def _log_probability_back(value: float | str | None) -> float | None:
    return -math.inf if value == _IMPOSSIBLE else value  # type: ignore[return-value]


def response_to_json(response: Response) -> JSON:
    """A JSON object with the response's type under ``type``."""
    match response:
        case Logprob(total, token_count, is_greedy):
            return {
                "type": "logprob",
                "total": _log_probability(total),
                "token_count": token_count,
                "is_greedy": is_greedy,
            }
        case Completion(logprob=logprob):
            fields = dataclasses.asdict(response)
            return {"type": "completion", **fields, "logprob": _log_probability(logprob)}
        case ClassProbs(probabilities):
            return {"type": "classprobs", "probabilities": list(probabilities)}
        case Failed(reason):
            return {"type": "failed", "reason": reason}


def response_from_json(data: JSON) -> Response:
    """The inverse of ``response_to_json``; a log-probability of null is not a number."""
    match data["type"]:
        case "logprob":
            total = number_from_json(_log_probability_back(data["total"]))
            return Logprob(total, data["token_count"], data["is_greedy"])
        case "completion":
            return Completion(
                data["text"],
                data["finish_reason"],
                data["tokens"],
                _log_probability_back(data["logprob"]),
                data.get("thinking"),  # absent in what older versions stored
            )
        case "classprobs":
            return ClassProbs(tuple(data["probabilities"]))
        case "failed":
            return Failed(data["reason"])
        case other:
            raise ValueError(f"unknown response type {other!r}")


# --------------------------------------------------------------------------- samples


def score_to_json(value: ScoreValue) -> JSON:
    """A number, a list of statistics, or ``{"unscored": reason}``."""
    if isinstance(value, Unscored):
        return {"unscored": value.reason}
    if isinstance(value, tuple):
        return list(value)
    return number(float(value))


def score_from_json(data: JSON) -> ScoreValue:
    """The inverse of ``score_to_json``."""
    if type(data) is float:  # nearly all of them, and there are millions
        return data
    if data is None:
        return math.nan
    if isinstance(data, Mapping):
        return Unscored(data["unscored"])
    return tuple(data) if isinstance(data, list) else float(data)


def kept_score(value: ScoreValue) -> ScoreValue:
    """The score as a run's files keep it: no infinities, and numbers are floats."""
    return score_from_json(score_to_json(value))


def sample_to_json(sample: Sample) -> JSON:
    """The sample's fields."""
    return {
        "id": sample.id,
        "input": sample.input,
        "targets": list(sample.targets),
        "choices": list(sample.choices),
        "cluster": sample.cluster,
        "groups": dict(sample.groups),
        "metadata": dict(sample.metadata),
    }


def sample_from_json(data: JSON) -> Sample:
    """The inverse of ``sample_to_json``."""
    return Sample(
        data["id"],
        data["input"],
        tuple(data["targets"]),
        tuple(data["choices"]),
        data["cluster"],
        data["groups"],
        data["metadata"],
    )


def record_to_json(record: SampleRecord) -> JSON:
    """One line of samples/<task>.jsonl."""
    return {
        **sample_to_json(record.sample),
        "probe": record.probe,
        "variant": record.variant,
        "requests": [request_to_json(request) for request in record.requests],
        "responses": [response_to_json(response) for response in record.responses],
        **({"later_rounds": list(map(_round, record.later_rounds))} if record.later_rounds else {}),
        "scores": {name: score_to_json(value) for name, value in record.scores.items()},
        "error": record.error,
    }


def record_from_json(data: JSON) -> SampleRecord:
    """The inverse of ``record_to_json``."""
    return SampleRecord(
        sample_from_json(data),
        tuple(request_from_json(request) for request in data["requests"]),
        tuple(response_from_json(response) for response in data["responses"]),
        {name: score_from_json(value) for name, value in data["scores"].items()},
        data["probe"],
        data["variant"],
        tuple(map(_round_back, data.get("later_rounds", ()))),
    )


def _round(each: Round) -> JSON:
    return {
        "roles": [ask.role for ask in each.asks],
        "requests": [request_to_json(ask.request) for ask in each.asks],
        "responses": [response_to_json(response) for response in each.responses],
    }


def _round_back(data: JSON) -> Round:
    pairs = zip(data["roles"], data["requests"], strict=True)
    asks = tuple(Ask(role, request_from_json(request)) for role, request in pairs)
    responses = tuple(map(response_from_json, data["responses"]))
    if len(responses) != len(asks):
        raise ValueError(f"{len(asks)} requests and {len(responses)} responses in a round")
    return Round(asks, responses)


# --------------------------------------------------------------------------- estimates


def estimate_to_json(estimate: Estimate) -> JSON:
    """The estimate's fields, null for what is undefined."""
    return {
        "value": number(estimate.value),
        "stderr": number(estimate.stderr),
        "low": number(estimate.low),
        "high": number(estimate.high),
        "n": estimate.n,
        "method": estimate.method,
    }


def estimate_from_json(data: JSON) -> Estimate:
    """The inverse of ``estimate_to_json``."""
    value, stderr, low, high = (
        number_from_json(data[key]) for key in ("value", "stderr", "low", "high")
    )
    return Estimate(value, stderr, low, high, data["n"], data["method"])
