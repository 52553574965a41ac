from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from harness.authoring.io import serialization
from harness.results import result_json
from harness.types import (
    Classify,
    ClassProbs,
    Completion,
    DataSource,
    Estimate,
    ExtractAnswer,
    Failed,
    Generate,
    HubDataset,
    Loglikelihood,
    Logprob,
    Message,
    MetricResult,
    PseudoLoglikelihood,
    RollingLoglikelihood,
    RunResult,
    Sample,
    SampleRecord,
    Sampling,
    Tag,
    Tags,
    TaskResult,
    Unscored,
    Usage,
)

text = st.text()
floats = st.floats(allow_nan=False, allow_infinity=False)
places = st.lists(st.tuples(st.integers(0), st.integers(0)), max_size=3).map(tuple)
prompts = text | st.lists(st.builds(Message, text, text), max_size=3).map(tuple)
samplings = st.builds(
    Sampling, st.integers(1, 99), st.lists(text, max_size=2).map(tuple), floats, floats
)
requests = st.one_of(
    st.builds(Loglikelihood, prompts, text),
    st.builds(RollingLoglikelihood, text),
    st.builds(Generate, prompts, samplings),
    st.builds(Classify, text, st.lists(text, max_size=3).map(tuple)),
    st.builds(PseudoLoglikelihood, text, text),
    st.builds(ExtractAnswer, text, text, st.booleans()),
    st.builds(Tag, text, places),
)
log_probabilities = floats | st.just(-math.inf)
responses = st.one_of(
    st.builds(Logprob, log_probabilities, st.integers(0, 99), st.booleans()),
    st.builds(Completion, text, text, st.none() | st.integers(0, 9), st.none() | log_probabilities),
    st.builds(ClassProbs, st.lists(floats, max_size=3).map(tuple)),
    st.builds(Tags, places, st.lists(text, max_size=3).map(tuple)),
    st.builds(Failed, text),
)
names = st.dictionaries(text, text, max_size=2)
texts = st.lists(text, max_size=2).map(tuple)
samples = st.builds(Sample, text, text, texts, texts, st.none() | text, names, names)
values = st.one_of(
    floats,
    st.lists(floats | text, max_size=3).map(tuple),
    st.builds(Unscored, text),
)
records = st.builds(
    SampleRecord,
    samples,
    st.lists(requests, max_size=2).map(tuple),
    st.lists(responses, max_size=2).map(tuple),
    st.dictionaries(text, values, max_size=2),
    st.none() | text,
    st.integers(0, 3),
)


def through_json(value):
    return json.loads(serialization.dumps(value))


@given(records)
def test_records_survive(record: SampleRecord) -> None:
    assert (
        serialization.record_from_json(through_json(serialization.record_to_json(record))) == record
    )


@given(requests, requests)
def test_keys_tell_requests_apart(one, other) -> None:
    assert (serialization.request_key(one) == serialization.request_key(other)) == (one == other)


def test_the_key_of_a_request_never_changes() -> None:
    # Stored responses of earlier versions are found by it.
    assert serialization.request_key(Loglikelihood("a", " b")) == (
        "b688f462de6bc80a52864de797f234552a042c7e1ffe25e8e649fe27aab33f5e"
    )


def test_minus_infinity_survives() -> None:
    impossible = Logprob(-math.inf, 1, False)
    assert (
        serialization.response_from_json(through_json(serialization.response_to_json(impossible)))
        == impossible
    )


def test_a_result_survives() -> None:
    metric = MetricResult(Estimate(0.5, 0.1, 0.3, 0.7, 10, "mean"), None, "sig", 0.5)
    task = TaskResult(
        "t",
        "1",
        10,
        1,
        DataSource("hub", "hub:x", hub=HubDataset("x", "y")),
        "ff",
        {"f1": metric},
        {"side": {"left": {"f1": metric}}},
        {"typos": {"f1": {"mean_change": metric.estimate}}},
        {"template": "default"},
        ("a note",),
        {"side": {"f1": {"gap": metric.estimate}}},
        {"typos": {"unchanged": 3}},
    )
    result = RunResult("id", "complete", {"name": "m"}, {"t": task}, {"seconds": 1.5}, Usage(3, 1))
    assert result_json.result_from_json(through_json(result_json.result_to_json(result))) == result


def test_undefined_numbers_become_null() -> None:
    undefined = Estimate(math.nan, math.nan, math.nan, math.nan, 0, "mean of no samples")
    data = serialization.estimate_to_json(undefined)
    assert data["value"] is None
    assert math.isnan(serialization.estimate_from_json(through_json(data)).high)
