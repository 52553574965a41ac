from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.authoring.metrics import Mean
from harness.run import scheduler
from harness.run.cache import ResponseStore
from harness.scoring import aggregation, validity
from harness.testing import FakeBackend, arbitrary_answer, keyed
from harness.types import (
    Classify,
    ClassProbs,
    Completion,
    ExtractAnswer,
    Failed,
    Generate,
    Loglikelihood,
    Logprob,
    PseudoLoglikelihood,
    Request,
    Response,
    RollingLoglikelihood,
    Sample,
    Tag,
    Tags,
    Unscored,
)

EVERY: list[Request] = [
    Loglikelihood("a", "b"),
    RollingLoglikelihood("a b"),
    PseudoLoglikelihood("a b", "a c"),
    Generate("a"),
    ExtractAnswer("a", "b"),
    Classify("a", ("x", "y")),
    Tag("a b", ((0, 1), (2, 3))),
]
NOT_NUMBERS: list[Response] = [
    Logprob(math.nan, 1, False),
    Logprob(math.inf, 1, False),
    ClassProbs((math.nan, 1.0)),
    ClassProbs((math.inf, 0.0)),
    ClassProbs((-0.5, 1.5)),
    Completion("x", logprob=math.nan),
]


@pytest.mark.parametrize("request_", EVERY, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("of", EVERY, ids=lambda each: type(each).__name__)
def test_a_response_fits_the_requests_of_its_kind_alone(request_: Request, of: Request) -> None:
    answer = arbitrary_answer(of)
    assert validity.fits(request_, answer) == (type(answer) is type(arbitrary_answer(request_)))
    assert validity.checked(answer) is answer


def test_tags_are_one_a_word() -> None:
    asked, places = Tag("a b", ((0, 1), (2, 3))), ((0, 1), (2, 3))
    assert validity.fits(asked, Tags(places, ("O", "O")))
    assert not validity.fits(asked, Tags(places, ("O",)))
    assert not validity.fits(asked, Tags(((0, 1),), ("O",)))  # other words than were asked for
    assert validity.fits(Tag("a b"), Tags(((0, 3),), ("O",)))


def test_probabilities_are_one_a_label() -> None:
    assert not validity.fits(Classify("a", ("x", "y", "z")), ClassProbs((0.5, 0.5)))


@pytest.mark.parametrize("response", NOT_NUMBERS, ids=repr)
def test_what_is_not_a_number_is_a_failure(response: Response) -> None:
    assert validity.checked(response) == Failed("not a number")


def test_an_impossible_text_is_an_answer() -> None:
    for response in (Logprob(-math.inf, 1, False), Completion("x", logprob=-math.inf)):
        assert validity.checked(response) is response


@pytest.mark.parametrize(
    "bad", [*NOT_NUMBERS[:1], Completion("text", "stop", None, None)], ids=repr
)
def test_a_stored_row_that_cannot_be_the_answer_is_asked_for_again(bad: Response) -> None:
    (work,) = keyed([Loglikelihood("a", "b")])
    backend = FakeBackend()
    with ResponseStore(None) as store:
        store.put(backend.fingerprint, work.key, bad)
        (first,) = scheduler.answers([work], backend, store)
        (second,) = scheduler.answers([work], backend, store)
    assert (first.cached, second.cached) == (False, True)
    assert first.response == second.response == arbitrary_answer(work.request)


class Statistics:
    """A task that gives what it is told to."""

    name, version = "statistics", "1"
    metrics = (Mean("value"),)

    def __init__(self, value: object) -> None:
        self._value = value

    def score(self, sample: Sample, responses: object) -> dict[str, object]:
        return {"value": self._value}


@given(st.lists(st.floats() | st.text(max_size=2), max_size=4).map(tuple) | st.floats())
def test_a_score_that_is_not_a_number_is_no_score(value: object) -> None:
    task: Any = Statistics(value)
    (given_,) = aggregation.score(task, Sample("1", "a"), ()).values()
    parts = value if isinstance(value, tuple) else (value,)
    if all(isinstance(part, str) or math.isfinite(part) for part in parts):
        assert given_ == value
    else:
        assert given_ == Unscored("not a number")
