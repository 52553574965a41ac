"""``harness.ask``: responses in the order of the requests, through the response store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from harness import ModelConfig, ask
from harness.errors import UnknownNameError, UsageError
from harness.protocols import BackendOptions
from harness.testing import FakeBackend
from harness.types import (
    Completion,
    Failed,
    Generate,
    KeyedRequest,
    Loglikelihood,
    Logprob,
    Request,
    Response,
)

A, B = Generate("a"), Generate("b")


def shout(request: object) -> Response:
    assert isinstance(request, Generate)
    return Completion(str(request.prompt).upper())


class Backwards(FakeBackend):
    """Answers the last request first."""

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        yield from super().run(list(reversed(requests)))


class BySample(FakeBackend):
    """Answers each sample with its id, whatever is asked."""

    by_sample = True

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        self.asked += requests
        yield from ((each.key, Completion(each.sample_id)) for each in requests)


def texts(responses: Sequence[Response]) -> list[str]:
    return [each.text for each in responses if isinstance(each, Completion)]


def test_responses_are_in_order_and_equal_requests_asked_once() -> None:
    backend = Backwards(shout)
    assert texts(ask(backend, [A, B, A], cache=False)) == ["A", "B", "A"]
    assert len(backend.asked) == 2


def test_stored_responses_are_not_asked_again() -> None:
    backend = FakeBackend(shout)
    assert ask(backend, [A], stored_only=True) == [None]
    ask(backend, [A])
    assert texts(ask(backend, [B, A])) == ["B", "A"]
    assert len(backend.asked) == 2
    ask(backend, [A], cache=False)
    assert len(backend.asked) == 3
    assert ask(backend, [A, Generate("c")], stored_only=True) == [Completion("A"), None]


def test_answers_by_sample_are_kept_apart_and_not_stored() -> None:
    backend = BySample(shout)
    for _ in range(2):
        answers = ask(backend, [A, A, B], sample_ids=["one", "two", "two"])
        assert texts(answers) == ["one", "two", "two"]
    assert len(backend.asked) == 6
    assert texts(ask(backend, [A, A])) == ["0", "1"]


def test_a_request_that_the_model_does_not_answer_is_refused_before_any_is_asked() -> None:
    backend = FakeBackend(shout)
    backend.supports = frozenset({Generate})
    with pytest.raises(UsageError, match="riddles asks for Loglikelihood, which that one cannot"):
        ask(backend, [A, Loglikelihood("a", "b")], task="riddles", name="that one")
    assert not backend.asked


def test_requests_that_the_backend_refuses_are_not_asked() -> None:
    class Choosy(FakeBackend):
        def check(self, requests: Sequence[Request]) -> None:
            raise UsageError(f"none of these {len(requests)}")

    backend = Choosy(shout)
    with pytest.raises(UsageError, match="none of these 2"):
        ask(backend, [A, B])
    assert not backend.asked


def test_a_failure_is_a_response() -> None:
    (answer,) = ask(FakeBackend(lambda _: Failed("too long")), [A], cache=False)
    assert answer == Failed("too long")


def test_a_config_opens_the_model_and_closes_it(registry) -> None:
    given: list[BackendOptions] = []
    made: list[FakeBackend] = []

    def opened(options: BackendOptions) -> FakeBackend:
        given.append(options)
        made.append(FakeBackend(shout))
        return made[-1]

    registry.backends["fake"] = replace(
        registry.backends["fake"], open=opened, options={"depth": ""}
    )
    config = ModelConfig("fake:x", batch_size=3, seed=7, settings={"depth": "2"}, cache=False)
    assert texts(ask(config, [A], registry=registry)) == ["A"]
    assert [each.closed for each in made] == [True]
    (options,) = given
    assert (options.model, options.batch_size, options.seed) == ("x", 3, 7)
    assert options.values == {"depth": "2"}
    with pytest.raises(UnknownNameError, match="width"):
        ask(replace(config, settings={"width": "1"}), [A], registry=registry)


def test_the_demo_model_answers_by_its_name() -> None:
    (answer,) = ask("demo", [Loglikelihood("The dog", " barks")], cache=False)
    assert isinstance(answer, Logprob)
    assert answer.total < 0
