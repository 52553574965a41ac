"""A path of the engine that computes something else is found and not used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.types import (
    Logprob,
)
from harness_backends.hf.engine.checked import CheckedEngine
from harness_backends.hf.engine.paths import Path as EnginePath
from harness_backends.hf.memory import Budget
from harness_backends.hf.plain import PlainEngine
from harness_backends.hf.settings import Settings
from support.engine_requests import open_checkpoint, questions

Folders = Callable[[str], Path]


class WrongAt:
    """A path whose scores are right but those of items that ``wrong`` picks."""

    way, telling, computed_tokens = "", 1, 0

    def __init__(self, engine, wrong) -> None:
        self._engine, self._wrong = engine, wrong

    def score(self, items):
        by_length = sorted(range(len(items)), key=lambda index: len(items[index].tokens))
        for index in by_length:  # the longest come last
            ((_, score),) = self._engine.score([items[index]])
            off = 1.0 if self._wrong(items[index]) else 0.0
            yield index, Logprob(score.total - off, score.token_count, score.is_greedy)

    def close(self) -> None:
        """Holds nothing."""


def engine_wrong_at(checkpoint, wrong) -> CheckedEngine:
    engine = CheckedEngine(checkpoint, Settings(), None)
    plain = PlainEngine(checkpoint, Budget(1, 1))
    engine._paths[:-1] = [EnginePath("odd", lambda: WrongAt(plain, wrong))]
    return engine


def test_the_longest_answer_is_checked_and_earlier_ones_are_doubted(
    checkpoint_folder: Folders,
) -> None:
    checkpoint = open_checkpoint(checkpoint_folder("llama"))
    items = questions(1)
    longest = max(len(item.tokens) for item in items)
    engine = engine_wrong_at(checkpoint, lambda item: len(item.tokens) == longest)
    found = dict(engine.score(items))
    assert engine.name == "one at a time"
    assert engine.doubts == 1
    for index, score in PlainEngine(checkpoint, Budget(1, 1)).score(items):
        assert found[index].total == pytest.approx(score.total, abs=1e-4)


def test_a_later_answer_is_checked_at_random(checkpoint_folder: Folders) -> None:
    """Wrong in the middle only, neither among the first nor the longest: seen in time."""
    checkpoint = open_checkpoint(checkpoint_folder("llama"))
    items = questions(1)[:8] * 4
    ranked = sorted(range(len(items)), key=lambda index: len(items[index].tokens))
    middle = {items[index].tokens for index in ranked[4:-8]}
    engine = engine_wrong_at(checkpoint, lambda item: item.tokens in middle)
    for _ in range(6):
        list(engine.score(items))
    assert engine.name == "one at a time"


def test_a_path_that_another_worker_doubts_is_left(checkpoint_folder: Folders) -> None:
    checkpoint = open_checkpoint(checkpoint_folder("llama"))
    unasked, asked = (engine_wrong_at(checkpoint, lambda item: False) for _ in range(2))
    list(asked.score(questions(1)))
    for engine, doubts in ((unasked, 0), (asked, 1)):
        engine.distrust(["another", "odd"])
        assert (engine.name, engine.doubts) == ("one at a time", doubts)
        engine.distrust(["odd", "one at a time"])
        assert (engine.name, engine.doubts) == ("one at a time", doubts), "the reference stays"


def test_a_path_that_fails_at_once_is_no_reason_to_doubt(checkpoint_folder: Folders) -> None:
    checkpoint = open_checkpoint(checkpoint_folder("llama"))
    engine = engine_wrong_at(checkpoint, lambda item: True)
    list(engine.score(questions(1)))
    assert engine.name == "one at a time"
    assert engine.doubts == 0
