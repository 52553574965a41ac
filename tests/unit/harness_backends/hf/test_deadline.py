"""A run's deadline holds within a batch: between passes and between steps of generation."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.errors import TimeIsUpError
from harness.protocols import BackendOptions, Deadline
from harness.types import Generate, KeyedRequest, Loglikelihood, Request, Sampling
from harness_backends.hf import open_hf
from support.deadlines import AfterLooks

Folders = Callable[[str], Path]
TEXTS = [
    Generate(f"Question: who is {number}? Answer:", Sampling(max_tokens=40)) for number in range(12)
]
"""Of a random model some end soon, others go on to the end."""


def keyed(requests: Sequence[Request]) -> list[KeyedRequest]:
    return [KeyedRequest(str(n), each, "t", str(n)) for n, each in enumerate(requests)]


@pytest.mark.parametrize("engine", ["tree", "fork", "plain"])
def test_a_long_answer_is_left_between_two_steps(checkpoint_folder: Folders, engine: str) -> None:
    deadline = AfterLooks(5.0, 0.0)
    values = {"engine": engine}
    folder = str(checkpoint_folder("llama"))
    model = open_hf(BackendOptions(folder, values=values, deadline=deadline))
    with pytest.raises(TimeIsUpError, match=r"max_seconds = 5\)"):
        list(model.run(keyed(TEXTS)))
    assert len(deadline.looks) == deadline.most
    assert model.usage.computed_tokens < 500
    assert model.describe()["engine_notes"] == [], "the path is not taken to be wrong"


def test_passes_of_scores_are_left_too(checkpoint_folder: Folders) -> None:
    deadline = AfterLooks(5.0, 0.0)
    values = {"token_budget": "16"}
    folder = str(checkpoint_folder("llama"))
    model = open_hf(BackendOptions(folder, values=values, deadline=deadline))
    asked = keyed([Loglikelihood(f"{number} and so on", " yes") for number in range(200)])
    answered = []
    with pytest.raises(TimeIsUpError):
        for key, _ in model.run(asked):
            answered.append(key)
    assert len(answered) < 100


def test_without_one_a_model_is_asked_to_the_end(checkpoint_folder: Folders) -> None:
    later = Deadline(3600.0, time.monotonic())
    for deadline in (None, later):
        model = open_hf(BackendOptions(str(checkpoint_folder("llama")), deadline=deadline))
        assert len(list(model.run(keyed([Loglikelihood("a", " b"), *TEXTS[:2]])))) == 3
