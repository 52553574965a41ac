"""Batches of requests: every request once, within the limits, cut where neighbours share least."""

from __future__ import annotations

from itertools import takewhile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.types import Generate, KeyedRequest, Loglikelihood, Request, RollingLoglikelihood
from harness_backends.hf import batches
from harness_backends.hf.batches import cut_batches

texts = st.text("ab", max_size=9)
requests = st.lists(
    st.one_of(
        st.builds(Loglikelihood, texts, st.just(" c")),
        st.builds(Generate, texts),
        st.builds(RollingLoglikelihood, texts),
    ),
    max_size=25,
)


def keyed(asked: list[Request]) -> list[KeyedRequest]:
    return [KeyedRequest(str(place), request, "", "") for place, request in enumerate(asked)]


def text_of(item: KeyedRequest) -> str:
    match item.request:
        case Loglikelihood(context=str(text)) | Generate(prompt=str(text)):
            return text
        case RollingLoglikelihood(text=text):
            return text
    raise AssertionError(item)


def common(left: str, right: str) -> int:
    pairs = zip(left, right, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=requests, most=st.integers(1, 6), characters=st.integers(1, 30))
def test_waves_hold_every_request_once_within_the_limits(
    asked: list[Request], most: int, characters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "REQUESTS", most)
    monkeypatch.setattr(batches, "CHARACTERS", characters)
    cut = cut_batches(keyed(asked))
    assert sorted(int(item.key) for batch in cut for item in batch) == list(range(len(asked)))
    for batch in cut:
        assert 1 <= len(batch) <= most
        prompts = {isinstance(item.request, Generate) for item in batch}
        assert len(prompts) == 1
        if prompts == {False} and len(batch) > 1:
            assert sum(len(text_of(item)) for item in batch) <= characters


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(texts, min_size=1, max_size=25), most=st.integers(1, 6))
def test_waves_part_where_neighbours_share_least(
    asked: list[str], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "REQUESTS", most)
    cut = [
        [text_of(item) for item in batch] for batch in cut_batches(keyed([*map(Generate, asked)]))
    ]
    row = [text for batch in cut for text in batch]
    assert row == sorted(asked)
    start = 0
    for batch in cut[:-1]:
        end = start + len(batch)
        allowed = range((2 * start + most + 1) // 2, start + most + 1)
        assert end in allowed
        shared = {place: common(row[place - 1], row[place]) for place in allowed}
        assert shared[end] == min(shared.values())
        start = end


def test_subjects_come_into_waves_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "CHARACTERS", 1000)
    asked: list[Request] = [
        Loglikelihood(f"{'shots of ' * 8}{subject}? {question}", " yes")
        for question in range(8)
        for subject in ("art", "law", "zoology")
    ]
    cut = cut_batches(keyed(asked))
    assert [{text_of(item).split("?")[0][-3:] for item in batch} for batch in cut] == [
        {"art"},
        {"law"},
        {"ogy"},
    ]
