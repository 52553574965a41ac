"""The engine against the plain path: every architecture, any cut, order and batch."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.protocols import BackendOptions, CanForecast
from harness.types import (
    Generate,
    KeyedRequest,
    Loglikelihood,
    Logprob,
    Request,
    RollingLoglikelihood,
    Sampling,
)
from harness_backends.hf import batches, open_hf
from harness_backends.hf.engine.checked import CheckedEngine
from harness_backends.hf.memory import Budget
from harness_backends.hf.plain import Continue, PlainEngine
from harness_backends.hf.prefix_tree.decoding import TreeDecoder
from harness_backends.hf.prefix_tree.forward import Forward
from harness_backends.hf.prefix_tree.scoring import TreeScorer
from harness_backends.hf.settings import Settings
from support.engine_requests import open_checkpoint, questions

TREE = ("llama", "mistral-sliding", "qwen2", "qwen3", "gemma2-softcap", "gpt2", "gpt-neox")
WITHOUT = ("bloom-alibi", "mamba")
Folders = Callable[[str], Path]


def prompts(seed: int) -> list[Continue]:
    """Shared and repeated prompts, one the beginning of another, of very different lengths."""
    draw = random.Random(seed)
    shared = tuple(draw.randrange(2, 300) for _ in range(30))
    items = []
    for _ in range(8):
        prompt = shared[: draw.choice([1, 10, 30])]
        prompt += tuple(draw.randrange(2, 300) for _ in range(draw.choice([0, 1, 9])))
        sampling = Sampling(
            max_tokens=draw.choice([1, 4, 15]),
            stop=draw.choice([(), ("e",), (" ", "zz")]),
            temperature=draw.choice([0.0, 0.0, 1.0]),
            top_p=draw.choice([1.0, 0.8]),
        )
        items.append(Continue(prompt, sampling))
    return [*items, items[0], items[3]]


@pytest.mark.parametrize("name", TREE)
@pytest.mark.parametrize("budget", [(7, None), (40, 2), (4096, None)])
def test_tree_scores_are_the_plain_ones(
    name: str, budget: tuple[int, int | None], checkpoint_folder: Folders
) -> None:
    checkpoint = open_checkpoint(checkpoint_folder(name))
    items = questions(seed=budget[0])
    expected = dict(PlainEngine(checkpoint, Budget(1, 1)).score(items))
    scorer = TreeScorer(Forward(checkpoint), Budget(*budget))
    found = dict(scorer.score(items))
    assert sorted(found) == list(range(len(items)))
    for index, score in found.items():
        assert score.total == pytest.approx(expected[index].total, abs=1e-4)
        assert score.is_greedy == expected[index].is_greedy
        assert score.token_count == items[index].targets
    assert scorer.computed_tokens < sum(len(item.tokens) - 1 for item in items)


@pytest.mark.parametrize("name", TREE)
@pytest.mark.parametrize("budget", [(7, 3), (40, 1), (4096, None)])
def test_tree_texts_are_the_plain_ones(
    name: str, budget: tuple[int, int | None], checkpoint_folder: Folders
) -> None:
    checkpoint = open_checkpoint(checkpoint_folder(name))
    items = prompts(seed=budget[0])
    expected = dict(PlainEngine(checkpoint, Budget(1, 1)).generate(items))
    decoder = TreeDecoder(Forward(checkpoint), Budget(*budget), rows=4)
    found = dict(decoder.generate(items))
    assert sorted(found) == list(range(len(items)))
    for index, completion in found.items():
        assert completion.tokens == expected[index].tokens
        assert completion.logprob == pytest.approx(expected[index].logprob, abs=1e-4)


def ask_for(engine: CheckedEngine) -> tuple[list[Logprob], list[tuple[int, ...]]]:
    scores, texts = dict(engine.score(questions(1))), dict(engine.generate(prompts(1)))
    return [scores[i] for i in sorted(scores)], [texts[i].tokens for i in sorted(texts)]


@pytest.mark.parametrize("name", TREE)
def test_check_lets_the_tree_through(name: str, checkpoint_folder: Folders) -> None:
    checkpoint = open_checkpoint(checkpoint_folder(name))
    engine = CheckedEngine(checkpoint, Settings(), None)
    ask_for(engine)
    assert engine.name == "tree"
    assert engine.notes == []
    asked = sum(len(item.tokens) - 1 for item in questions(1))
    assert 0 < engine.computed_tokens < asked + sum(len(item.tokens) + 15 for item in prompts(1))


@pytest.mark.parametrize("name", WITHOUT)
def test_other_architectures_fall_back_and_come_out_right(
    name: str, checkpoint_folder: Folders
) -> None:
    checkpoint = open_checkpoint(checkpoint_folder(name))
    engine = CheckedEngine(checkpoint, Settings(), None)
    scores, texts = ask_for(engine)
    assert engine.name == "fork"
    assert len(engine.notes) == 1
    assert "tree path was not used" in engine.notes[0]
    reference = PlainEngine(checkpoint, Budget(1, 1))
    for index, score in reference.score(questions(1)):
        assert scores[index].total == pytest.approx(score.total, abs=1e-4)
    for index, completion in reference.generate(prompts(1)):
        assert texts[index] == completion.tokens


def test_a_path_that_is_wrong_is_not_used(
    checkpoint_folder: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attention that forgets the path: caught, and the answers are right all the same.

    The second copy of the weights that only this path computes from is freed with it.
    """
    from harness_backends.hf.prefix_tree import packed_linear
    from harness_backends.hf.prefix_tree.attention import TreePass

    checkpoint = open_checkpoint(checkpoint_folder("llama"))
    copied: list[bool] = []
    own = vars(checkpoint.model.lm_head)
    monkeypatch.setattr(packed_linear, "LEAST", 1)
    monkeypatch.setattr(TreePass, "_add", lambda *_: copied.append("forward" in own))
    engine = CheckedEngine(checkpoint, Settings(token_budget=16), None)
    scores, _ = ask_for(engine)
    assert engine.name == "fork"
    assert "apart" in engine.notes[0]
    assert all(copied) == torch.backends.mkldnn.is_available()
    assert "forward" not in own
    for index, score in PlainEngine(checkpoint, Budget(1, 1)).score(questions(1)):
        assert scores[index].total == pytest.approx(score.total, abs=1e-4)


def test_quantised_weights_come_out_as_one_by_one(checkpoint_folder: Folders) -> None:
    """Weights rounded to 8 bits, with activations scaled per call: batches change the answer.

    The check must notice that no batched path gives the answers of single calls.
    """

    class Quantised(torch.nn.Module):
        def __init__(self, linear: torch.nn.Linear) -> None:
            super().__init__()
            self.scale = float(linear.weight.detach().abs().max()) / 127
            self.register_buffer("integers", (linear.weight.detach() / self.scale).round())

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            step = inputs.abs().max() / 7
            return (inputs / step).round() @ self.integers.T * (step * self.scale)

    checkpoint = open_checkpoint(checkpoint_folder("llama"))
    for layer in checkpoint.model.model.layers:
        layer.mlp.up_proj = Quantised(layer.mlp.up_proj)
        layer.self_attn.q_proj = Quantised(layer.self_attn.q_proj)
    engine = CheckedEngine(checkpoint, Settings(), None)
    scores, texts = ask_for(engine)
    assert len(engine.notes) == 3
    reference = PlainEngine(checkpoint, Budget(1, 1))
    for index, score in reference.score(questions(1)):
        assert scores[index].total == score.total
    for index, completion in reference.generate(prompts(1)):
        assert texts[index] == completion.tokens


def test_running_out_of_memory_loses_nothing(
    checkpoint_folder: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that holds 24 tokens or 2 rows a pass: budgets halve until they fit."""
    checkpoint = open_checkpoint(checkpoint_folder("llama"))
    expected, texts = ask_for(CheckedEngine(checkpoint, Settings(), None))
    base = checkpoint.model.model
    forward = type(base).forward
    refused = []

    def small(self: Any, input_ids: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        decoding = len(set(kwargs["position_ids"][0].tolist())) < input_ids.shape[1]
        if input_ids.shape[1] > 24 or (decoding and input_ids.shape[1] > 20):
            refused.append(input_ids.shape[1])
            raise torch.OutOfMemoryError("out of memory")
        return forward(self, input_ids, *args, **kwargs)

    opened = Forward(checkpoint)
    monkeypatch.setattr(type(base), "forward", small)
    scorer = TreeScorer(opened, Budget(512))
    found = dict(scorer.score(questions(1)))
    decoder = TreeDecoder(opened, Budget(512), rows=8)
    made = dict(decoder.generate(prompts(1)))
    assert refused
    for index, score in enumerate(expected):
        assert found[index].total == pytest.approx(score.total, abs=1e-4)
    assert [made[index].tokens for index in range(len(texts))] == texts


def test_decoding_goes_on_with_fewer_rows(
    checkpoint_folder: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = open_checkpoint(checkpoint_folder("llama"))
    items = [Continue((0, 5 + place), Sampling(max_tokens=9)) for place in range(8)]
    expected = dict(PlainEngine(checkpoint, Budget(1, 1)).generate(items))
    from harness_backends.hf.prefix_tree.kv_cache import KVCache

    begin = KVCache.begin_step

    def small(self: KVCache) -> torch.Tensor:
        if len(self) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return begin(self)

    monkeypatch.setattr(KVCache, "begin_step", small)
    decoder = TreeDecoder(Forward(checkpoint), Budget(512), rows=8)
    found = dict(decoder.generate(items))
    assert {i: c.tokens for i, c in found.items()} == {i: c.tokens for i, c in expected.items()}


REQUESTS: Sequence[Request] = (
    *[
        Loglikelihood(f"The river is long. The town is {size}. Question: how big? Answer:", answer)
        for size in ("old", "small", "by the sea")
        for answer in (" old", " small", " by the sea", " by the river")
    ],
    *[RollingLoglikelihood("the quick brown fox " * count) for count in (1, 4, 40)],
    *[
        Generate(f"The river is long. The town is {word}", Sampling(count, (".",)))
        for word, count in (("old", 12), ("small", 3), ("", 7), ("by", 20))
    ],
    Generate("The river", Sampling(9, temperature=0.9, seed=4)),
    Generate("The river", Sampling(9, temperature=0.9, seed=5)),
)


@pytest.mark.parametrize("name", ["llama", "gemma2-softcap", "gpt2"])
def test_answers_do_not_depend_on_batch_order_or_what_else_is_asked(
    name: str, checkpoint_folder: Folders, answers: Callable[..., list[Any]]
) -> None:
    folder = str(checkpoint_folder(name))
    expected = answers(open_hf(BackendOptions(folder, values={"engine": "plain"})), REQUESTS)

    def check(order: list[int], **options: Any) -> None:
        backend = open_hf(BackendOptions(folder, **options))
        found = answers(backend, [REQUESTS[place] for place in order])
        for place, answer in zip(order, found, strict=True):
            if isinstance(answer, Logprob):
                assert answer.total == pytest.approx(expected[place].total, abs=1e-4)
                assert answer.is_greedy == expected[place].is_greedy
            else:
                assert answer.text == expected[place].text
                assert answer.finish_reason == expected[place].finish_reason
        assert backend.describe()["engine"] == "tree"

    forward = list(range(len(REQUESTS)))
    check(forward)
    check(forward, batch_size=1)
    check(forward[::-1], batch_size=3)
    check(forward, values={"token_budget": "11"})
    check(random.Random(2).sample(forward, len(forward)), values={"token_budget": "64"})
    check(forward[1::2])  # the others were cached: less is shared
    check(forward[::3])


def test_tokens_asked_are_computed_or_reused(
    checkpoint_folder: Folders, answers: Callable[..., list[Any]]
) -> None:
    backend = open_hf(BackendOptions(str(checkpoint_folder("llama"))))
    answers(backend, REQUESTS[:12])
    usage = backend.usage
    assert usage.computed_tokens + usage.reused_tokens == usage.prompt_tokens
    tree_tokens = {
        tokens[:length]
        for pair in backend.opened._encoder.loglikelihoods(REQUESTS[:12])  # type: ignore[arg-type]
        for tokens in [pair.tokens[:-1]]  # type: ignore[union-attr]
        for length in range(1, len(tokens) + 1)
    }
    # Short common beginnings are computed again.
    assert len(tree_tokens) <= usage.computed_tokens <= len(tree_tokens) + 12 * 4


def test_a_forecast_is_what_comes(
    checkpoint_folder: Folders,
    answers: Callable[..., list[Any]],
    keyed: Callable[..., list[KeyedRequest]],
) -> None:
    backend = open_hf(BackendOptions(str(checkpoint_folder("llama"))))
    assert isinstance(backend, CanForecast)
    found = backend.forecast(keyed(REQUESTS[:12]))
    assert backend.usage.computed_tokens == 0, "nothing is run"
    answers(backend, REQUESTS[:12])
    assert found == backend.usage


def test_answers_come_while_others_wait(
    checkpoint_folder: Folders, keyed: Callable[..., list[Any]]
) -> None:
    backend = open_hf(
        BackendOptions(str(checkpoint_folder("llama")), values={"token_budget": "16"})
    )
    running = backend.run(keyed(REQUESTS))
    next(running)
    early = backend.usage.computed_tokens
    answered = 1 + sum(1 for _ in running)
    assert answered == len(REQUESTS)
    assert 0 < early < backend.usage.computed_tokens / 2


def test_batches_do_not_change_answers(
    checkpoint_folder: Folders,
    answers: Callable[..., list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = str(checkpoint_folder("llama"))
    expected = answers(open_hf(BackendOptions(folder)), REQUESTS)
    monkeypatch.setattr(batches, "REQUESTS", 4)
    found = answers(open_hf(BackendOptions(folder)), REQUESTS)
    for first, second in zip(expected, found, strict=True):
        if isinstance(first, Logprob):
            assert second.total == pytest.approx(first.total, abs=1e-4)
        else:
            assert second.text == first.text
    assert answers(open_hf(BackendOptions(folder)), []) == []


def test_batches_gather_what_begins_alike(
    checkpoint_folder: Folders,
    answers: Callable[..., list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "REQUESTS", 4)
    computed = []
    for order in (list(REQUESTS[:12]), random.Random(1).sample(REQUESTS[:12], 12)):
        backend = open_hf(BackendOptions(str(checkpoint_folder("llama"))))
        answers(backend, order)
        computed.append(backend.usage.computed_tokens / backend.usage.prompt_tokens)
    assert computed[0] < 0.5
    assert computed[1] == computed[0]


def test_repeats_of_a_question_read_its_prompt_once(
    checkpoint_folder: Folders, answers: Callable[..., Any]
) -> None:
    """Drawn answers whose seeds differ share the whole prompt, so K of them cost one reading."""
    prompt, new = "the quick brown fox jumps over the lazy dog by the river " * 3, 4
    alone, together = (open_hf(BackendOptions(str(checkpoint_folder("llama")))) for _ in range(2))
    drawn = [
        Generate(prompt, Sampling(max_tokens=new, temperature=1.0, seed=seed)) for seed in range(6)
    ]
    one = [answers(alone, [each])[0].text for each in drawn]
    assert [each.text for each in answers(together, drawn)] == one
    assert len(set(one)) > 1
    length = together.usage.prompt_tokens // 6
    assert length > 40
    assert together.usage.computed_tokens <= length + 6 * new
    assert alone.usage.computed_tokens >= 6 * length
