from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.authoring.io import offsets, spooled
from harness.authoring.io.spooled import Spooled
from harness.types import (
    Completion,
    Failed,
    Generate,
    Logprob,
    Message,
    Sample,
    SampleRecord,
    Sampling,
    ScoreValue,
    Unscored,
)


@pytest.fixture(autouse=True)
def in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooled, "HELD", 2)
    monkeypatch.setattr(spooled, "IN_MEMORY", 64)
    monkeypatch.setattr(spooled, "PART", 2)


def record(number: int) -> SampleRecord:
    metadata: dict[Any, object] = {"pair": (1, 2.5), "text": "ü", 3: None}
    sample = Sample(f"s{number}", "in", ("a",), ("a", "b"), "c", {"side": "left"}, metadata)
    prompt = (Message("user", "hello"),)
    requests = (Generate(prompt, Sampling(stop=("\n",))), Generate("plain"))
    responses = (Completion("yes", tokens=3), Logprob(float("-inf"), 2, True), Failed("why"))
    scores: dict[str, ScoreValue] = {"m": -0.0, "n": (1.0, "x"), "o": Unscored("no")}
    return SampleRecord(sample, requests, responses, scores, "probe", number)


def test_values_come_back_equal_and_in_order() -> None:
    records = [record(number) for number in range(7)]
    kept = Spooled(records)
    assert list(kept) == records
    assert [repr(each.scores) for each in kept] == [repr(each.scores) for each in records]
    assert (kept[-1], kept[2:4], len(kept)) == (records[-1], records[2:4], 7)
    assert kept[5] is not records[5]
    with pytest.raises(IndexError):
        kept[7]


def test_what_cannot_be_pickled_is_held() -> None:
    lock = threading.Lock()
    kept = Spooled([Sample("a", ""), Sample("b", ""), Sample("c", "", metadata={"lock": lock})])
    kept.append(Sample("d", ""))
    kept.append(Sample("e", ""))
    assert kept[2].metadata["lock"] is lock
    assert [each.id for each in kept] == list("abcde")


@given(
    st.integers(0, 9),
    st.integers(1, 5),
    st.lists(st.one_of(st.integers(), st.just("read")), max_size=40),
    st.randoms(),
)
def test_it_is_read_between_writing_as_a_list_is(
    held: int, part: int, steps: list[int | str], rng: random.Random
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spooled, "HELD", held)
        patch.setattr(spooled, "PART", part)
        kept, known = Spooled[int](pack=str, unpack=int), list[int]()
        for step in steps:
            if isinstance(step, int):
                kept.append(step)
                known.append(step)
            elif known:
                place = rng.randrange(-len(known), len(known))
                assert kept[place] == known[place]
        assert (len(kept), list(kept), kept[1:7:2]) == (len(known), known, known[1:7:2])


def test_a_file_of_more_than_four_bytes_can_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offsets, "MOST", 100)
    records = [record(number) for number in range(7)]
    kept = Spooled(records)
    assert kept._blobs._ends.itemsize == 8
    assert list(kept) == records
