from __future__ import annotations

import threading
from typing import Any

import pytest

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
    assert kept[6] is not records[6]
    with pytest.raises(IndexError):
        kept[7]


def test_what_cannot_be_pickled_is_held() -> None:
    lock = threading.Lock()
    kept = Spooled([Sample("a", ""), Sample("b", ""), Sample("c", "", metadata={"lock": lock})])
    kept.append(Sample("d", ""))
    assert kept[2].metadata["lock"] is lock
    assert kept[3] == Sample("d", "")


def test_values_may_be_packed_in_another_form() -> None:
    kept = Spooled(range(5), pack=str, unpack=int)
    assert list(kept) == list(range(5))


def test_a_file_of_more_than_four_bytes_can_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offsets, "MOST", 100)
    records = [record(number) for number in range(7)]
    kept = Spooled(records)
    assert kept._blobs._ends.itemsize == 8
    assert list(kept) == records
