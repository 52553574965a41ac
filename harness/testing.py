"""The kit for plugin authors: a backend that needs no model, and checks of every contract.

from harness.testing import FakeBackend, check_task

def test_my_task(tmp_path):
    check_task(MyTask(), DataSource("path", "x", (str(tmp_path / "rows.jsonl"),)))
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

from harness.authoring.io import serialization
from harness.protocols import Metric, ModelBackend, Probe, Reporter, Task
from harness.types import (
    Classify,
    ClassProbs,
    Completion,
    DataSource,
    Estimate,
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
    RunResult,
    Sample,
    SampleRecord,
    Score,
    Unscored,
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


def check_task(task: Task, data: DataSource, answer: Answerer = arbitrary_answer) -> None:
    """Asserts that a task keeps its contract on the samples of ``data``.

    Samples stream again equally, ids are unique, requests and records survive JSON, every score
    names a declared metric and is finite or says why not, and each metric aggregates.

    Raises:
        AssertionError: It does not; the message says what.
    """
    assert isinstance(task, Task), "lacks a member of harness.protocols.Task"
    assert task.name, "the name is empty"
    assert str(task.version), "the version is empty"
    samples = list(task.samples(data))
    assert samples, "no samples"
    assert samples == list(task.samples(data)), "a second reading gives other samples"
    assert len({sample.id for sample in samples}) == len(samples), "an id occurs twice"
    metrics = {metric.name: metric for metric in task.metrics}
    assert len(metrics) == len(task.metrics), "a metric occurs twice"
    rows: dict[str, list[Score]] = {name: [] for name in metrics}
    for sample in samples:
        requests = tuple(task.requests(sample, ()))
        assert requests, f"sample {sample.id!r} has no request"
        responses = tuple(map(answer, requests))
        scores = task.score(sample, responses)
        assert set(scores) <= set(metrics), f"undeclared metrics {set(scores) - set(metrics)}"
        record = SampleRecord(sample, requests, responses, scores)
        line = json.dumps(serialization.record_to_json(record))
        assert serialization.record_from_json(json.loads(line)).requests == requests, "lost in JSON"
        for name, value in scores.items():
            if isinstance(value, Unscored):
                assert value.reason, "unscored without a reason"
                continue
            if not isinstance(value, tuple):
                assert math.isfinite(value), f"{name} of {sample.id!r} is {value}"
            rows[name].append(Score(sample.id, name, value, cluster=sample.cluster))
    for name, metric in metrics.items():
        if rows[name]:
            check_metric(metric, rows[name])


def check_metric(metric: Metric, rows: Sequence[Score]) -> None:
    """Asserts that a metric aggregates ``rows`` to an estimate that holds together.

    Raises:
        AssertionError: It does not; the message says what.
    """
    estimate = metric.aggregate(rows)
    assert isinstance(estimate, Estimate), f"{metric.name} gave {estimate!r}"
    assert estimate.n == len(rows), f"{metric.name}: n is {estimate.n}, not {len(rows)}"
    assert estimate.method, f"{metric.name} names no method"
    assert estimate == metric.aggregate(rows) or math.isnan(estimate.value), "differs when repeated"
    if not math.isnan(estimate.low):
        assert estimate.low <= estimate.high, f"{metric.name}: the interval is upside down"


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
    first = _answered(backend, work)
    second = _answered(backend, work[::-1])
    kinds = {
        Loglikelihood: Logprob,
        RollingLoglikelihood: Logprob,
        Generate: Completion,
        Classify: ClassProbs,
        PseudoLoglikelihood: Logprob,
        ExtractAnswer: Completion,
    }
    for each in work:
        response = first[each.key]
        assert isinstance(response, kinds[type(each.request)] | Failed), f"gave {response!r}"
        _assert_close(response, second[each.key])
        as_json = json.loads(serialization.dumps(serialization.response_to_json(response)))
        _assert_close(serialization.response_from_json(as_json), response)


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
        case _:
            assert type(one) is type(other), f"{one} is not {other}"


def check_probe(probe: Probe, samples: Sequence[Sample]) -> None:
    """Asserts that a probe keeps ids and targets, never empties a text, and repeats itself.

    Raises:
        AssertionError: It does not; the message says what.
    """
    assert isinstance(probe, Probe), "lacks a member of harness.protocols.Probe"
    for sample in samples:
        variants = list(probe.perturb(sample, random.Random(7)))
        assert variants == list(probe.perturb(sample, random.Random(7))), "the seed does not decide"
        for variant in variants:
            if not isinstance(variant, Sample):
                assert variant is None or variant.reason, "skipped without a reason"
                continue
            assert variant.id == sample.id, f"{sample.id!r} became {variant.id!r}"
            assert variant.targets == sample.targets, f"the targets of {sample.id!r} changed"
            assert bool(variant.input.strip()) == bool(sample.input.strip()), "emptied the text"


def check_reporter(reporter: Reporter, result: RunResult, out: Path) -> None:
    """Asserts that a reporter renders ``result`` and returns the file it wrote, if any.

    Raises:
        AssertionError: It does not; the message says what.
    """
    path = reporter.render(result, out)
    assert path is None or (path.is_file() and out in path.parents), f"no file at {path}"
