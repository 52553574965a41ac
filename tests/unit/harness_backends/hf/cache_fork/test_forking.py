"""Forked caches against single calls, on architectures that a prefix tree cannot serve."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.authoring.chat.encoding import Scored
from harness.protocols import BackendOptions
from harness.types import Generate, Loglikelihood, Logprob, Request, RollingLoglikelihood, Sampling
from harness_backends.hf import open_hf
from harness_backends.hf.cache_fork.caches import CachedModel
from harness_backends.hf.cache_fork.shared_prefixes import Costs
from harness_backends.hf.engine.checked import CheckedEngine
from harness_backends.hf.engine.paths import ForkEngine
from harness_backends.hf.loading import Checkpoint, load
from harness_backends.hf.memory import Budget
from harness_backends.hf.plain import Continue, PlainEngine
from harness_backends.hf.settings import Settings

OWN_ATTENTION = ("bloom-alibi", "mpt-alibi", "falcon-alibi", "gpt-j", "gpt-oss-sinks")
RECURRENT = ("mamba", "mamba2", "jamba", "bamba", "granite-hybrid", "qwen3-next")
TREE = ("llama", "gpt2", "mistral-sliding", "gemma2-softcap")
SINGLE_STEPS = ("mamba", "jamba")
Folders = Callable[[str], Path]
examples = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,  # another example could hold a tie that rounding decides
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
tokens = st.lists(st.integers(2, 40), min_size=1, max_size=12).map(tuple)


@st.composite
def sequences(draw: st.DrawFn) -> list[tuple[int, ...]]:
    """Sequences that branch off each other at several depths, of different lengths."""
    prefixes: list[tuple[int, ...]] = [()]
    for _ in range(draw(st.integers(1, 4))):
        prefixes.append(draw(st.sampled_from(prefixes)) + draw(tokens) + draw(tokens))
    count = draw(st.integers(2, 12))
    return [draw(st.sampled_from(prefixes)) + draw(tokens) for _ in range(count)]


budgets = st.sampled_from([(7, None), (40, 3), (4096, None)])


def open_checkpoint(folder: Path) -> Checkpoint:
    return load(str(folder), "auto", "cpu", Settings())


def eager_engine(checkpoint: Checkpoint, budget: Budget) -> ForkEngine:
    """One that forks whatever it can, as in a model in which calls take no time."""
    engine = ForkEngine(checkpoint, budget)
    engine._forker._costs = Costs(1, engine._forker.model.chunks)
    return engine


@pytest.mark.parametrize("name", [*OWN_ATTENTION, *RECURRENT, *TREE])
def test_scores_are_those_of_single_calls(name: str, checkpoint_folder: Folders) -> None:
    checkpoint = open_checkpoint(checkpoint_folder(name))
    reference = PlainEngine(checkpoint, Budget(1, 1))
    depths = set()

    @examples
    @given(sequences(), st.integers(1, 9), budgets)
    def check(found: list[tuple[int, ...]], targets: int, budget: tuple[int, int | None]) -> None:
        items = [Scored((1, *item), min(targets, len(item))) for item in found]
        engine = eager_engine(checkpoint, Budget(*budget))
        scores = {}
        for index, score in engine.score(items):
            assert index not in scores
            scores[index] = score
            depths.add(engine.way)
        for index, expected in reference.score(items):
            assert scores[index].total == pytest.approx(expected.total, abs=1e-4)
            assert scores[index].is_greedy == expected.is_greedy
            assert scores[index].token_count == items[index].targets
        assert engine.computed_tokens <= sum(len(item.tokens) - 1 for item in items)

    check()
    assert depths >= {"0 forks", "1 forks", "2 forks"}


@pytest.mark.parametrize("name", [*OWN_ATTENTION, *RECURRENT, *TREE])
def test_texts_are_those_of_single_calls(name: str, checkpoint_folder: Folders) -> None:
    checkpoint = open_checkpoint(checkpoint_folder(name))
    reference = PlainEngine(checkpoint, Budget(1, 1))

    @examples
    @given(sequences(), st.data(), budgets)
    def check(
        found: list[tuple[int, ...]], data: st.DataObject, budget: tuple[int, int | None]
    ) -> None:
        samplings = st.builds(
            Sampling,
            max_tokens=st.sampled_from([1, 4, 15]),
            stop=st.sampled_from([(), ("e",), (" ", "zz")]),
            temperature=st.sampled_from([0.0, 0.0, 1.0]),
            top_p=st.sampled_from([1.0, 0.8]),
        )
        items = [Continue(item, data.draw(samplings)) for item in found]
        said = dict(eager_engine(checkpoint, Budget(*budget)).generate(items))
        assert sorted(said) == list(range(len(items)))
        for index, expected in reference.generate(items):
            assert said[index].tokens == expected.tokens
            assert said[index].logprob == pytest.approx(expected.logprob, abs=1e-4)

    check()


# ---- which path is taken


def shots(seed: int, ragged: bool = True) -> list[Scored]:
    """Multiple choice: 60 shared tokens, three questions of about 36, choices of 1 to 4."""
    draw = random.Random(seed)
    beginning = tuple(draw.randrange(2, 300) for _ in range(60))
    items = []
    for question in range(3):
        length = 36 + question if ragged else 36
        context = beginning + tuple(draw.randrange(2, 300) for _ in range(length))
        for choice in range(4):
            ending = tuple(draw.randrange(2, 300) for _ in range(1 + choice if ragged else 3))
            items.append(Scored(context + ending, len(ending)))
    return items


def prompts(seed: int) -> list[Continue]:
    """Prompts of very different lengths, half of them on a shared beginning."""
    draw = random.Random(seed)
    beginning = tuple(draw.randrange(2, 300) for _ in range(60))
    return [
        Continue(
            beginning[: draw.choice([0, 60])]
            + tuple(draw.randrange(2, 300) for _ in range(draw.randint(1, 20))),
            Sampling(draw.choice([1, 6, 12])),
        )
        for _ in range(12)
    ]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        *[(name, "fork") for name in (*OWN_ATTENTION, *RECURRENT)],
        # Its state stays in the model, and padding on the left gets into it.
        ("recurrent-gemma", "one at a time"),
        # Rows that step together come out wrong.
        ("rwkv", "plain"),
    ],
)
def test_what_the_check_lets_through_is_right(
    name: str, path: str, checkpoint_folder: Folders
) -> None:
    checkpoint = open_checkpoint(checkpoint_folder(name))
    reference = PlainEngine(checkpoint, Budget(1, 1))
    engine = CheckedEngine(checkpoint, Settings(), None)
    scores, texts = dict(engine.score(shots(1))), dict(engine.generate(prompts(1)))
    assert engine.name == path
    assert "tree path was not used" in engine.notes[0]
    for index, score in reference.score(shots(1)):
        assert scores[index].total == pytest.approx(score.total, abs=1e-4)
    for index, said in reference.generate(prompts(1)):
        assert texts[index].tokens == said.tokens


@pytest.mark.parametrize("name", [*SINGLE_STEPS, "mamba2", "bloom-alibi"])
def test_how_a_model_goes_on_is_found_by_trying(name: str, checkpoint_folder: Folders) -> None:
    model = CachedModel(open_checkpoint(checkpoint_folder(name)))
    assert model.chunks == (name not in SINGLE_STEPS)
    grows = model.row_bytes(200) > model.row_bytes(100)
    assert grows == (name not in ("mamba", "mamba2"))


REQUESTS: Sequence[Request] = (
    *[
        Loglikelihood(
            "The river is long, and the town is old. " * 2 + f"It is {size}. How big?", answer
        )
        for size in ("old", "small", "by the sea")
        for answer in (" old", " small", " by the sea", " by the river")
    ],
    *[RollingLoglikelihood("the quick brown fox " * count) for count in (1, 4, 40)],
    *[
        Generate("The river is long, and the town is old. " * 2 + word, Sampling(count, (".",)))
        for word, count in (("old", 12), ("small", 3), ("", 7), ("by", 20))
    ],
    Generate("The river", Sampling(9, temperature=0.9, seed=4)),
)


@pytest.mark.parametrize("name", ["bloom-alibi", "mamba", "jamba", "mistral-sliding"])
def test_answers_do_not_depend_on_batch_order_or_what_else_is_asked(
    name: str, checkpoint_folder: Folders, answers: Callable[..., list[Any]]
) -> None:
    folder = str(checkpoint_folder(name))
    one = BackendOptions(folder, batch_size=1, values={"engine": "plain"})
    expected = answers(open_hf(one), REQUESTS)

    def check(order: list[int], budget: str = "512", **options: Any) -> None:
        values = {"engine": "fork", "token_budget": budget}
        backend = open_hf(BackendOptions(folder, values=values, **options))
        found = answers(backend, [REQUESTS[place] for place in order])
        for place, answer in zip(order, found, strict=True):
            if isinstance(answer, Logprob):
                assert answer.total == pytest.approx(expected[place].total, abs=1e-4)
                assert answer.is_greedy == expected[place].is_greedy
            else:
                assert answer.text == expected[place].text
                assert answer.finish_reason == expected[place].finish_reason
        assert backend.describe()["engine"] == "fork"
        assert backend.describe()["engine_notes"] == []

    forward = list(range(len(REQUESTS)))
    check(forward)
    check(forward, batch_size=1)
    check(forward[::-1], batch_size=3)
    check(random.Random(2).sample(forward, len(forward)), budget="64")
    check(forward[1::2], budget="11")


# ---- what is computed, and with how much memory


def count_tokens(model: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows by the tokens of each call, padding included."""
    fed: list[int] = []
    forward = type(model).forward

    @functools.wraps(forward)
    def counted(self: Any, input_ids: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        fed.append(input_ids.numel())
        return forward(self, input_ids, *args, **kwargs)

    monkeypatch.setattr(type(model), "forward", counted)
    return fed


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Shots; 32 tokens of each question; the other 4 and all but the last of each choice.
        ("bloom-alibi", 60 + 3 * 32 + 12 * (4 + 2)),
        # Every token after a fork is a call: each question is computed whole, then forked.
        ("mamba", 3 * 95 + 12 * (1 + 2)),
    ],
)
def test_every_token_fed_is_counted(
    name: str, expected: int, checkpoint_folder: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = open_checkpoint(checkpoint_folder(name))
    engine = ForkEngine(checkpoint, Budget(512))
    fed = count_tokens(checkpoint.model, monkeypatch)
    # Rows are equally long, so that no padding is fed.
    assert len(dict(engine.score(shots(3, ragged=False)))) == 12
    assert engine.computed_tokens == sum(fed) == expected
    fed.clear()
    assert len(dict(engine.generate(prompts(1)))) == 12
    assert engine.computed_tokens - expected == sum(fed)


def test_prompts_share_their_beginning(checkpoint_folder: Folders) -> None:
    engine = ForkEngine(open_checkpoint(checkpoint_folder("bloom-alibi")), Budget(512))
    said = dict(engine.generate(prompts(1)))
    shared = [item for item in prompts(1) if len(item.tokens) > 60]
    # The last token of each is said, not fed.
    asked = sum(len(item.tokens) + len(said[i].tokens) - 1 for i, item in enumerate(prompts(1)))
    assert engine.computed_tokens == asked - 60 * (len(shared) - 1)


@pytest.mark.parametrize("name", ["bloom-alibi", pytest.param("jamba", marks=pytest.mark.slow)])
def test_running_out_of_memory_loses_nothing(
    name: str, checkpoint_folder: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that holds one row in a call, and at first not even the shots."""
    checkpoint = open_checkpoint(checkpoint_folder(name))
    reference = PlainEngine(checkpoint, Budget(1, 1))
    scores, texts = dict(reference.score(shots(1))), dict(reference.generate(prompts(1)))
    forward = type(checkpoint.model).forward
    refused: list[int] = []

    @functools.wraps(forward)
    def small(self: Any, input_ids: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        if len(input_ids) > 1 or (input_ids.numel() > 50 and refused.count(1) < 2):
            refused.append(len(input_ids))
            raise torch.OutOfMemoryError("out of memory")
        return forward(self, input_ids, *args, **kwargs)

    engines = [ForkEngine(checkpoint, Budget(512)) for _ in range(2)]
    monkeypatch.setattr(type(checkpoint.model), "forward", small)
    found = dict(engines[0].score(shots(1)))
    assert min(refused) == 1
    assert max(refused) > 1
    refused.clear()
    said = dict(engines[1].generate(prompts(1)))
    assert min(refused) == 1
    assert max(refused) > 1
    for index, score in scores.items():
        assert found[index].total == pytest.approx(score.total, abs=1e-4)
    assert {i: said[i].tokens for i in said} == {i: texts[i].tokens for i in texts}


def test_caches_stay_within_their_memory(
    checkpoint_folder: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for two and a half rows' caches, no call has more than two rows."""
    from harness_backends.hf.cache_fork import scoring

    checkpoint = open_checkpoint(checkpoint_folder("bloom-alibi"))
    longest = max(len(item.tokens) for item in shots(1))
    room = int(2.5 * CachedModel(checkpoint).row_bytes(longest))
    monkeypatch.setattr(scoring, "cache_bytes", lambda _: room)
    engine = ForkEngine(checkpoint, Budget(512))
    rows: list[int] = []
    run = CachedModel.run

    def watched(self: CachedModel, ids: torch.Tensor, *rest: Any) -> Any:
        rows.append(len(ids))
        return run(self, ids, *rest)

    monkeypatch.setattr(CachedModel, "run", watched)
    assert len(dict(engine.score(shots(1)))) == 12
    assert max(rows) == 2


# ---- faults are noticed


def forgetful(model: Any, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """The model's forward ignores its cache once that holds more than ``after`` tokens."""
    forward = type(model).forward

    @functools.wraps(forward)
    def forgets(self: Any, *args: Any, **kwargs: Any) -> Any:
        cache = kwargs.get("past_key_values")
        if cache is not None and cache.get_seq_length() > after:
            kwargs["past_key_values"] = None
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(type(model), "forward", forgets)


@pytest.mark.parametrize(("after", "reason"), [(0, "UnforkableError"), (12, "apart")])
def test_a_forward_that_ignores_the_cache_is_not_used(
    after: int,
    reason: str,
    checkpoint_folder: Folders,
    monkeypatch: pytest.MonkeyPatch,
    answers: Callable[..., list[Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = str(checkpoint_folder("bloom-alibi"))
    expected = answers(open_hf(BackendOptions(folder, values={"engine": "plain"})), REQUESTS[:12])
    backend: Any = open_hf(BackendOptions(folder, values={"engine": "fork"}))
    forgetful(backend.checkpoint.model, monkeypatch, after)
    found = answers(backend, REQUESTS[:12])
    for answer, right in zip(found, expected, strict=True):
        assert answer.total == pytest.approx(right.total, abs=1e-4)
    (note,) = backend.describe()["engine_notes"]
    assert "fork path was not used" in note
    assert reason in note
    assert note in caplog.text
    assert backend.describe()["engine"] == "one at a time"


def test_each_depth_of_forks_is_checked(
    checkpoint_folder: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault that only forks of forks show comes after unforked answers were found right."""
    fork = CachedModel.fork
    monkeypatch.setattr(
        CachedModel, "fork", lambda self, cache, rows: fork(self, cache, [0] * len(rows))
    )
    checkpoint = open_checkpoint(checkpoint_folder("bloom-alibi"))
    engine = CheckedEngine(checkpoint, Settings(engine="fork"), None)
    apart = [Scored(tuple(range(at, at + 99)), 3) for at in range(2, 6)]
    assert len(dict(engine.score(apart))) == 4
    assert engine.notes == []
    scores = dict(engine.score(shots(1)))
    assert len(engine.notes) == 1
    for index, score in PlainEngine(checkpoint, Budget(1, 1)).score(shots(1)):
        assert scores[index].total == pytest.approx(score.total, abs=1e-4)
