"""Requests, responses, samples, scores and estimates to JSON and back; hashes of them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from harness.types import (
    Ask,
    Classify,
    ClassProbs,
    Completion,
    Embed,
    Embedding,
    Estimate,
    ExtractAnswer,
    Failed,
    Generate,
    Loglikelihood,
    Logprob,
    Message,
    PseudoLoglikelihood,
    Request,
    Response,
    RollingLoglikelihood,
    Round,
    Sample,
    SampleRecord,
    Sampling,
    ScoreValue,
    Spent,
    Tag,
    Tags,
    Unscored,
)

JSON = Any
_IMPOSSIBLE = "-inf"
"""The log-probability of an impossible text; NaN is null."""


_one_line = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_canonical = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode


def dumps(value: JSON, indent: int | None = None) -> str:
    """JSON text; refuses NaN and infinities, which are not JSON."""
    if indent is None:
        return _one_line(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)


def canonical_hash(value: JSON) -> str:
    """SHA-256 (hex) of the value's canonical JSON."""
    return hashlib.sha256(_canonical(value).encode()).hexdigest()


def number(value: float | None) -> float | None:
    """None for NaN and infinities, which JSON does not have."""
    return value if value is not None and math.isfinite(value) else None


def number_from_json(value: float | None) -> float:
    """The inverse of ``number``: not-a-number for None."""
    return math.nan if value is None else value


# --------------------------------------------------------------------------- requests, responses

_KINDS: Mapping[str, type[Request | Response]] = {
    "loglikelihood": Loglikelihood,
    "rolling": RollingLoglikelihood,
    "generate": Generate,
    "classify": Classify,
    "pseudo_loglikelihood": PseudoLoglikelihood,
    "extract": ExtractAnswer,
    "tag": Tag,
    "embed": Embed,
    "logprob": Logprob,
    "completion": Completion,
    "classprobs": ClassProbs,
    "tags": Tags,
    "embedding": Embedding,
    "failed": Failed,
}
"""The name of each kind under ``type``; the other members of its JSON object are its fields."""
_NAMES = {kind: name for name, kind in _KINDS.items()}
_FIELDS = {
    kind: tuple(each.name for each in dataclasses.fields(kind))
    for kind in (*_KINDS.values(), Sampling, Message)
}
_SINCE: Mapping[type, tuple[str, ...]] = {Classify: ("pair",)}
"""Fields that are left out where they are None: keys of stored responses are hashes of the JSON."""
_REQUESTS = get_args(Request)
_RESPONSES = get_args(Response)


def request_to_json(request: Request) -> JSON:
    """A JSON object with the request's type under ``type``."""
    return {"type": _NAMES[type(request)], **_members(request)}


def request_from_json(data: JSON) -> Request:
    """The inverse of ``request_to_json``."""
    return _value(data, _REQUESTS)  # type: ignore[no-any-return]


def request_key(request: Request) -> str:
    """The stable key of a request: a hash of all that it asks, decoding parameters included."""
    return canonical_hash(request_to_json(request))


def response_to_json(response: Response) -> JSON:
    """A JSON object with the response's type under ``type``."""
    data = {"type": _NAMES[type(response)], **_members(response)}
    for name in ("total", "logprob"):
        if name in data:
            data[name] = _IMPOSSIBLE if data[name] == -math.inf else number(data[name])
    return data


def response_from_json(data: JSON) -> Response:
    """The inverse of ``response_to_json``; a log-probability of null is not a number.

    Fields that older versions did not store are as by default.
    """
    if "total" in data:
        total = data["total"]
        data = data | {"total": -math.inf if total == _IMPOSSIBLE else number_from_json(total)}
    elif data.get("logprob") == _IMPOSSIBLE:
        data = data | {"logprob": -math.inf}
    return _value(data, _RESPONSES)  # type: ignore[no-any-return]


def _members(value: Any) -> JSON:
    found = {name: _plain(getattr(value, name)) for name in _FIELDS[type(value)]}
    for name in _SINCE.get(type(value), ()):
        if found[name] is None:
            del found[name]
    return found


def _plain(value: Any) -> JSON:
    if isinstance(value, tuple):
        return list(map(_plain, value))
    return _members(value) if type(value) in _FIELDS else value


def _value(data: JSON, kinds: Sequence[type]) -> Any:
    kind = _KINDS.get(data["type"])
    if kind is None or kind not in kinds:
        raise ValueError(f"unknown type {data['type']!r}")
    fields: dict[str, Any] = {name: data[name] for name in _FIELDS[kind] if name in data}
    for name, value in fields.items():
        if value.__class__ is list:
            fields[name] = tuple(map(_message, value))
        elif value.__class__ is dict:
            fields[name] = Sampling(**{**value, "stop": tuple(value["stop"])})
    return kind(**fields)


def _message(item: JSON) -> Any:
    """A turn of a chat, or a pair of places in a text; what else stands in lists is as it is."""
    if item.__class__ is list:
        return tuple(item)
    return Message(item["role"], item["content"]) if item.__class__ is dict else item


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
        **({"repeat": record.repeat} if record.repeat else {}),
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
        data.get("repeat", 0),
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


def spent_to_json(spent: Spent) -> JSON:
    """What was measured of a run or a training; the rest is left out."""
    found = dataclasses.asdict(spent)
    return {name: value for name, value in found.items() if value is not None and value != ""}


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
