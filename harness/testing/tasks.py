"""Checks of tasks, metrics and probes."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence

from harness.authoring.io import serialization
from harness.authoring.metrics import Infers
from harness.protocols import FollowUp, HasValue, Metric, Probe, ScoresRounds, Task, bounds_of
from harness.testing.backends import Answerer, arbitrary_answer
from harness.types import (
    MODEL,
    Ask,
    DataSource,
    Estimate,
    Request,
    Response,
    Round,
    Sample,
    SampleRecord,
    Score,
    Unscored,
)

_MOST_ROUNDS = 100


def check_task(task: Task, data: DataSource, answer: Answerer = arbitrary_answer) -> None:
    """Asserts that a task keeps its contract on the samples of ``data``.

    Samples stream again equally, ids are unique, requests and records survive JSON, every score
    names a declared metric and is finite or says why not, and each metric aggregates. Whoever a
    task asks, ``answer`` answers.

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
        if not isinstance(task, FollowUp):
            assert requests, f"sample {sample.id!r} has no request"
        responses = tuple(map(answer, requests))
        rounds = _rounds(task, sample, requests, responses, answer)
        if isinstance(task, FollowUp) and isinstance(task, ScoresRounds):
            scores = task.score_rounds(sample, rounds)
        else:
            scores = task.score(sample, [each for one in rounds for each in one.responses])
        assert set(scores) <= set(metrics), f"undeclared metrics {set(scores) - set(metrics)}"
        later = rounds[1:] if requests else rounds
        record = SampleRecord(sample, requests, responses, scores, later_rounds=later)
        line = json.dumps(serialization.record_to_json(record))
        assert serialization.record_from_json(json.loads(line)).rounds == rounds, "lost in JSON"
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


def _rounds(
    task: Task,
    sample: Sample,
    requests: Sequence[Request],
    responses: Sequence[Response],
    answer: Answerer,
) -> tuple[Round, ...]:
    """All rounds of a sample, each asked twice: equal rounds must give equal requests."""
    asks = tuple(Ask(MODEL, each) for each in requests)
    rounds = (Round(asks, tuple(responses)),) if requests else ()
    while isinstance(task, FollowUp) and (asks := tuple(task.follow_up(sample, rounds))):
        assert all(isinstance(each, Ask) for each in asks), f"follow_up gave {asks!r:.100}"
        assert asks == tuple(task.follow_up(sample, rounds)), "follow_up differs when repeated"
        rounds = (*rounds, Round(asks, tuple(answer(each.request) for each in asks)))
        assert len(rounds) <= _MOST_ROUNDS, (
            f"sample {sample.id!r} still asks in round {len(rounds)}"
        )
    return rounds


def check_metric(metric: Metric, rows: Sequence[Score]) -> None:
    """Asserts that a metric aggregates ``rows``, and none at all, to an estimate that holds.

    An interval that cannot be told is NaN on both sides.

    Raises:
        AssertionError: It does not; the message says what.
    """
    assert isinstance(metric, Metric), "lacks a member of harness.protocols.Metric"
    estimate = metric.aggregate(rows)
    assert isinstance(estimate, Estimate), f"{metric.name} gave {estimate!r}"
    assert estimate.n == len(rows), f"{metric.name}: n is {estimate.n}, not {len(rows)}"
    assert estimate.method, f"{metric.name} names no method"
    assert repr(estimate) == repr(metric.aggregate(rows)), f"{metric.name}: differs when repeated"
    assert math.isnan(estimate.low) == math.isnan(estimate.high), (
        f"{metric.name}: only one end of the interval is NaN"
    )
    assert not estimate.low > estimate.high, f"{metric.name}: the interval is upside down"
    assert not estimate.stderr < 0, f"{metric.name}: the standard error is negative"
    low, high = bounds_of(metric) or (-math.inf, math.inf)
    assert not estimate.value < low, f"{metric.name}: {estimate.value} is below the bound {low}"
    assert not estimate.value > high, f"{metric.name}: {estimate.value} is above the bound {high}"
    empty = metric.aggregate(())  # what an interrupted run has of a task that it did not reach
    assert empty.n == 0, f"{metric.name}: n of no rows is {empty.n}"
    if isinstance(metric, Infers) and rows:
        own = metric.infer(rows)
        assert _same_number(own.value, estimate.value), f"{metric.name}: infer() is {own.value}"
        both = metric.infer_combination(rows, rows, (0.0, 1.0)).value
        assert _same_number(both, estimate.value), f"{metric.name}: infer_combination() is {both}"
    if isinstance(metric, HasValue):
        for part in (rows, rows[::2], ()):
            whole, alone = metric.aggregate(part).value, metric.value(part)
            assert _same_number(whole, alone), f"{metric.name}: value() is {alone}, not {whole}"


def _same_number(one: float, other: float) -> bool:
    """Whether two numbers are equal but for rounding, or both undefined."""
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) or (one != one and other != other)


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
