"""A backend that needs no model, and checks of backends and executors."""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import get_args

from harness.authoring.io import serialization
from harness.protocols import CanCheck, CanForecast, Executor, ModelBackend, ModelSource
from harness.types import (
    Classify,
    ClassProbs,
    Completion,
    Embed,
    Embedding,
    ExtractAnswer,
    Failed,
    Generate,
    KeyedRequest,
    Loglikelihood,
    Logprob,
    PseudoLoglikelihood,
    Request,
    Response,
    RollingLoglikelihood,
    Tag,
    Tags,
    Usage,
)

ALL_REQUESTS: frozenset[type] = frozenset(get_args(Request))
Answerer = Callable[[Request], Response]


def arbitrary_answer(request: Request) -> Response:
    """A valid response that depends on the request alone."""
    digest = hashlib.sha256(serialization.request_key(request).encode()).digest()
    share = int.from_bytes(digest[:4], "big") / 2**32
    match request:
        case Loglikelihood(_, continuation):
            return Logprob(-1.0 - 10 * share, max(1, len(continuation.split())), share > 0.5)
        case RollingLoglikelihood(text):
            return Logprob(-float(len(text)) * (0.5 + share), max(1, len(text)), False)
        case PseudoLoglikelihood(text):
            return Logprob(-float(len(text)) * (0.5 + share), max(1, len(text.split())), False)
        case ExtractAnswer(_, context):
            words = context.split() or [""]
            return Completion(words[digest[0] % len(words)])
        case Generate():
            return Completion(f"answer {digest.hex()[:6]}", "stop", 2)
        case Classify(_, labels):
            weights = [1 + digest[index % 32] for index in range(len(labels))]
            return ClassProbs(tuple(weight / sum(weights) for weight in weights))
        case Tag(text, words):
            places = words or tuple(match.span() for match in re.finditer(r"\S+", text))
            tags = ("O", "B-person", "B-location")
            return Tags(places, tuple(tags[digest[at % 32] % 3] for at in range(len(places))))
        case Embed():
            return Embedding(tuple(each / 255 - 0.5 for each in digest[:8]))


class FakeBackend:
    """Answers with a function of the request, in shuffled order; counts what it was asked.

    Args:
        answer: Request → response.
        supports: Request types it says it answers.
        seed: Of the order in which answers come.
    """

    def __init__(
        self,
        answer: Answerer = arbitrary_answer,
        supports: frozenset[type] = ALL_REQUESTS,
        seed: int = 0,
    ) -> None:
        self._answer, self._seed = answer, seed
        self.supports = supports
        self.fingerprint = "fake"
        self.usage = Usage()
        self.asked: list[KeyedRequest] = []
        self.closed = False

    def describe(self) -> Mapping[str, object]:
        """Says that it is a fake."""
        return {"backend": "fake", "name": "fake"}

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        """Answers each request once."""
        order = list(requests)
        random.Random(self._seed).shuffle(order)
        for request in order:
            self.asked.append(request)
            yield request.key, self._answer(request.request)

    def close(self) -> None:
        """Notes that it was closed."""
        self.closed = True


def keyed(requests: Sequence[Request], task: str = "task") -> list[KeyedRequest]:
    """The requests with their keys, as the runner gives them to a backend."""
    return [
        KeyedRequest(serialization.request_key(request), request, task, str(index))
        for index, request in enumerate(requests)
    ]


def check_backend(backend: ModelBackend, requests: Sequence[Request]) -> None:
    """Asserts that a backend answers each request once, rightly typed, whatever the order.

    Raises:
        AssertionError: It does not; the message says what.
    """
    assert isinstance(backend, ModelBackend), "lacks a member of harness.protocols.ModelBackend"
    json.dumps(dict(backend.describe()))
    work = keyed(requests)
    for each in work:
        assert type(each.request) in backend.supports, (
            f"cannot answer {type(each.request).__name__}"
        )
    if isinstance(backend, CanCheck):
        backend.check(requests)
    if isinstance(backend, CanForecast):
        forecast = backend.forecast(work)
        assert forecast is None or isinstance(forecast, Usage), f"forecast gave {forecast!r}"
    first = _answered(backend, work)
    second = _answered(backend, work[::-1])
    kinds = {
        Loglikelihood: Logprob,
        RollingLoglikelihood: Logprob,
        Generate: Completion,
        Classify: ClassProbs,
        PseudoLoglikelihood: Logprob,
        ExtractAnswer: Completion,
        Tag: Tags,
        Embed: Embedding,
    }
    for each in work:
        response = first[each.key]
        assert isinstance(response, kinds[type(each.request)] | Failed), f"gave {response!r}"
        _assert_close(response, second[each.key])
        as_json = json.loads(serialization.dumps(serialization.response_to_json(response)))
        _assert_close(serialization.response_from_json(as_json), response)


def check_executor(
    executor: Executor, source: ModelSource, alone: ModelBackend, requests: Sequence[Request]
) -> None:
    """Asserts that an executor's backend is, to the rest of the harness, the model opened here.

    Args:
        executor: What is checked.
        source: A model.
        alone: The same model, opened here.
        requests: What both are asked.

    Raises:
        AssertionError: It has another fingerprint or gives other answers; the message says what.
    """
    assert isinstance(executor, Executor), "lacks a member of harness.protocols.Executor"
    spread = executor.open(source)
    try:
        assert spread.fingerprint == alone.fingerprint, "the fingerprint is another"
        assert spread.supports == alone.supports, "it supports other requests"
        check_backend(spread, requests)
        work = keyed(requests)
        here, there = _answered(alone, work), _answered(spread, work)
        for key, response in here.items():
            _assert_close(there[key], response)
        assert spread.usage.requests >= 0
    finally:
        spread.close()


def _answered(backend: ModelBackend, work: Sequence[KeyedRequest]) -> dict[str, Response]:
    pairs = list(backend.run(work))
    assert sorted(key for key, _ in pairs) == sorted(each.key for each in work), (
        "not every request is answered exactly once"
    )
    return dict(pairs)


def _assert_close(one: Response, other: Response) -> None:
    match one, other:
        case Logprob(a), Logprob(b):
            assert math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-4), f"{one} is not {other}"
        case Completion(a), Completion(b):
            assert a == b, f"{one} is not {other}"
        case ClassProbs(a), ClassProbs(b):
            assert all(math.isclose(x, y, abs_tol=1e-4) for x, y in zip(a, b, strict=True))
        case Embedding(a), Embedding(b):
            assert all(math.isclose(x, y, abs_tol=1e-4) for x, y in zip(a, b, strict=True))
        case Tags(), Tags():
            assert one == other, f"{one} is not {other}"
        case _:
            assert type(one) is type(other), f"{one} is not {other}"
