from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import PluginError
from harness.run import scheduler
from harness.run.cache import ResponseStore
from harness.testing import FakeBackend, arbitrary_answer, keyed
from harness.types import Failed, Generate, KeyedRequest, Loglikelihood, Response

requests = st.lists(
    st.one_of(
        st.builds(Loglikelihood, st.text(max_size=3), st.text(min_size=1, max_size=3)),
        st.builds(Generate, st.text(max_size=3)),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(requests, st.integers(0, 99), st.data())
def test_every_request_is_answered_once_in_any_order(asked, seed, data) -> None:
    work = data.draw(st.permutations(keyed(asked)))
    backend = FakeBackend(seed=seed)
    with ResponseStore(None) as store:
        answers = list(scheduler.answers(work, backend, store))
        assert sorted(a.key for a in answers) == sorted({each.key for each in work})
        assert len(backend.asked) == len({each.key for each in work})
        by_key = {answer.key: answer.response for answer in answers}
        assert all(by_key[each.key] == arbitrary_answer(each.request) for each in work)


@settings(deadline=None)
@given(requests, st.integers(0, 30))
def test_what_the_store_knows_is_not_asked_again(asked, known_count) -> None:
    work = scheduler.unique(keyed(asked))
    backend = FakeBackend()
    with ResponseStore(None) as store:
        for each in work[:known_count]:
            store.put(backend.fingerprint, each.key, arbitrary_answer(each.request))
        answers = list(scheduler.answers(work, backend, store))
    assert sum(answer.cached for answer in answers) == len(work[:known_count])
    assert {each.key for each in backend.asked} == {each.key for each in work[known_count:]}


def test_a_response_is_stored_before_it_is_yielded(tmp_path: Path) -> None:
    work = keyed([Generate("a"), Generate("b")])
    backend = FakeBackend()
    with ResponseStore(tmp_path / "store.sqlite") as store:
        first = next(scheduler.answers(work, backend, store))
    with ResponseStore(tmp_path / "store.sqlite") as store:
        assert store.get_many(backend.fingerprint, [first.key]) == {first.key: first.response}


def test_a_failure_is_given_but_not_kept() -> None:
    work = keyed([Generate("a")])
    backend = FakeBackend(lambda request: Failed("down"))
    with ResponseStore(None) as store:
        assert [a.response for a in scheduler.answers(work, backend, store)] == [Failed("down")]
        assert store.get_many(backend.fingerprint, [work[0].key]) == {}


class Careless(FakeBackend):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        answers = list(super().run(requests))
        if self.how == "twice":
            answers.append(answers[0])
        elif self.how == "unasked":
            answers.append(("nobody's key", answers[0][1]))
        else:
            answers.pop()
        yield from answers


@pytest.mark.parametrize("how", ["twice", "unasked", "left out"])
def test_a_careless_backend_is_found_out(how: str) -> None:
    with ResponseStore(None) as store, pytest.raises(PluginError, match="backend"):
        list(scheduler.answers(keyed([Generate("a"), Generate("b")]), Careless(how), store))
