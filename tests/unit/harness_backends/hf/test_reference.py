"""Answers of models in half precision are held against float32, and may be off as its own are."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from harness.authoring.chat.encoding import Scored
from harness.types import Logprob, Sampling
from harness_backends.hf.checkpoint.half_precision import in_float32
from harness_backends.hf.engine.checked import CheckedEngine
from harness_backends.hf.engine.paths import Path as EnginePath
from harness_backends.hf.engine.reference import LEAST, SPREAD, Reference
from harness_backends.hf.loading import Checkpoint, load
from harness_backends.hf.memory import Budget
from harness_backends.hf.plain import Continue, PlainEngine
from harness_backends.hf.settings import Settings
from support.engine_requests import questions

Folders = Callable[[str], Path]
HALF = ("bfloat16", "float16")


def opened(folder: Path, dtype: str) -> Checkpoint:
    return load(str(folder), dtype, "cpu", Settings())


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("name", ["llama", "gemma2-softcap", "gpt2", "bloom-alibi"])
def test_a_model_of_half_precision_computes_in_float32(
    name: str, dtype: str, checkpoint_folder: Folders
) -> None:
    """As a copy that is kept in float32; GPT-2's head is its embedding."""
    model = opened(checkpoint_folder(name), dtype).model
    wide = copy.deepcopy(model).float()
    ids, weights = torch.arange(2, 30)[None], list(model.parameters())
    with torch.inference_mode():
        own = model(ids, use_cache=False).logits
        with in_float32(model):
            found = model(ids, use_cache=False).logits
        expected = wide(ids, use_cache=False).logits
        assert torch.equal(own, model(ids, use_cache=False).logits), "as before"
    assert found.dtype == torch.float32
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(own.float(), expected, rtol=1e-5, atol=1e-5)
    assert all(one is other for one, other in zip(weights, model.parameters(), strict=True))


def test_weights_are_put_back_where_a_module_fails() -> None:
    class Failing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 4).bfloat16()
            self.scale = nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
            self.register_buffer("shift", torch.zeros(4, dtype=torch.float16))

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            assert self.scale.dtype == self.shift.dtype == torch.float32
            raise ValueError(str(self.inner(rows).dtype))

    model = Failing()
    before = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    with pytest.raises(ValueError, match="float32"), in_float32(model):
        model(torch.ones(1, 4))
    after = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    assert before.keys() == after.keys()
    assert all(after[name] is tensor for name, tensor in before.items())
    assert not model._forward_hooks
    assert not model.inner._forward_pre_hooks


@pytest.mark.parametrize("dtype", HALF)
def test_an_answer_may_be_as_far_off_as_the_model_itself(
    dtype: str, checkpoint_folder: Folders
) -> None:
    checkpoint = opened(checkpoint_folder("llama"), dtype)
    wide = replace(checkpoint, model=copy.deepcopy(checkpoint.model).float(), dtype="float32")
    exact = PlainEngine(wide, Budget(1, 1))
    reference, items = Reference(checkpoint), questions(1)
    assert reference.error is None
    for index, own in PlainEngine(checkpoint, Budget(1, 1)).score(items):
        assert reference.difference(items[index], own.total) is None
    error = reference.error
    assert error is not None
    assert 1e-4 < error < 0.05
    for index, true in exact.score(items):
        item = items[index]
        most = max(LEAST, SPREAD * error) * item.targets**0.5
        for off, right in ((0.0, True), (0.9, True), (-1.2, False), (1.2, False)):
            problem = reference.difference(item, true.total + off * most)
            assert (problem is None) is right
        assert reference.difference(item, true.total, rounded=False) is None
        assert reference.difference(item, true.total + 0.2 * most, rounded=False)
        assert reference.difference(item, float("nan"))


def test_in_float32_nothing_is_measured_and_little_allowed(checkpoint_folder: Folders) -> None:
    reference = Reference(opened(checkpoint_folder("llama"), "float32"))
    item = questions(1)[0]
    ((_, own),) = PlainEngine(reference.checkpoint, Budget(1, 1)).score([item])
    assert reference.difference(item, own.total) is None
    assert reference.difference(item, own.total + 1e-3) == "log-probabilities 0.001 apart"
    assert reference.error is None


def test_a_model_that_mixes_types_is_held_against_its_own_numbers(
    checkpoint_folder: Folders,
) -> None:
    """Mamba's code multiplies what it holds in the type of its weights."""
    reference = Reference(opened(checkpoint_folder("mamba"), "bfloat16"))
    item = questions(1)[0]
    ((_, own),) = PlainEngine(reference.checkpoint, Budget(1, 1)).score([item])
    assert reference.difference(item, own.total) is None
    assert reference.difference(item, own.total + 1)
    assert (reference.rounds, reference.error) == (False, None)


@given(st.lists(st.integers(2, 300), min_size=2, max_size=40), st.data())
def test_the_scored_tokens_are_the_last_of_those_measured(
    llama_in_bfloat16: Checkpoint, tokens: list[int], data: st.DataObject
) -> None:
    """However few are scored, the sum that is expected is theirs."""
    item = Scored(tuple(tokens), data.draw(st.integers(1, len(tokens) - 1)))
    reference = Reference(llama_in_bfloat16)
    with in_float32(llama_in_bfloat16.model):
        ((_, true),) = PlainEngine(llama_in_bfloat16, Budget(1, 1)).score([item])
    assert reference.difference(item, true.total, rounded=False) is None


@pytest.fixture(scope="module")
def llama_in_bfloat16(checkpoint_folder: Folders) -> Checkpoint:
    return opened(checkpoint_folder("llama"), "bfloat16")


# ---- the engine


@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_keeps_the_path(
    architecture: str, dtype: str, checkpoint_folder: Folders
) -> None:
    items = questions(1)
    prompts = [Continue(each.tokens[:-1], Sampling(max_tokens=6)) for each in items[:6]]
    names = []
    for each in ("float32", dtype):
        engine = CheckedEngine(opened(checkpoint_folder(architecture), each), Settings(), None)
        assert sorted(index for index, _ in engine.score(items)) == list(range(len(items)))
        assert len(dict(engine.generate(prompts))) == len(prompts)
        names.append((engine.name, engine.doubts))
    assert names[0] == names[1]


class Slightly:
    """A path whose scores are off by less than rounding in bfloat16 is."""

    way, telling, computed_tokens = "", 1, 0

    def __init__(self, engine: PlainEngine, off: float) -> None:
        self._engine, self._off = engine, off

    def score(self, items: list[Scored]) -> Iterator[tuple[int, Logprob]]:
        for index, score in self._engine.score(items):
            yield index, Logprob(score.total - self._off, score.token_count, score.is_greedy)

    def close(self) -> None:
        """Holds nothing."""


@pytest.mark.parametrize(("off", "path"), [(0.0, "odd"), (0.005, "one at a time")])
def test_a_path_that_is_wrong_by_less_than_rounding_is_seen_in_float32(
    off: float, path: str, llama_in_bfloat16: Checkpoint
) -> None:
    engine = CheckedEngine(llama_in_bfloat16, Settings(), None)
    plain = PlainEngine(llama_in_bfloat16, Budget(1, 1))
    engine._paths[:-1] = [EnginePath("odd", lambda: Slightly(plain, off))]
    items = questions(1)
    assert len(dict(engine.score(items))) == len(items)
    assert engine.name == path
    assert engine.doubts == 0, "seen before any answer was passed on"
    if off:
        assert engine.notes == [
            "the odd path was not used: log-probabilities 0.005 apart in float32"
        ]


def test_a_path_that_does_not_run_in_float32_is_checked_by_its_answers(
    llama_in_bfloat16: Checkpoint,
) -> None:
    class Mixing(Slightly):
        def score(self, items: list[Scored]) -> Iterator[tuple[int, Logprob]]:
            for index, score in super().score(items):
                if llama_in_bfloat16.model.lm_head._forward_pre_hooks:
                    raise RuntimeError("expected m1 and m2 to have the same dtype")
                yield index, score

    plain = PlainEngine(llama_in_bfloat16, Budget(1, 1))
    for off, path in ((0.0, "odd"), (3.0, "one at a time")):
        engine = CheckedEngine(llama_in_bfloat16, Settings(), None)
        engine._paths[:-1] = [EnginePath("odd", lambda off=off: Mixing(plain, off))]  # type: ignore[misc]
        assert dict(engine.score(questions(1)))
        assert engine.name == path


def test_a_path_is_kept_where_only_the_reference_does_not_run_in_float32(
    llama_in_bfloat16: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mixing(self: PlainEngine, item: Scored) -> torch.Tensor:
        raise RuntimeError("expected m1 and m2 to have the same dtype")

    monkeypatch.setattr(PlainEngine, "logprobs", mixing)
    plain = PlainEngine(llama_in_bfloat16, Budget(1, 1))
    for off, path in ((0.0, "odd"), (3.0, "one at a time")):
        engine = CheckedEngine(llama_in_bfloat16, Settings(), None)
        engine._paths[:-1] = [EnginePath("odd", lambda off=off: Slightly(plain, off))]  # type: ignore[misc]
        assert dict(engine.score(questions(1)))
        assert (engine.name, engine.rounding_error) == (path, None)
