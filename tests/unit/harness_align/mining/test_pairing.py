"""Pairs of a strong and a weak model, their filters, and the judge in both orders."""

from __future__ import annotations

import pytest

from harness import plugins
from harness.config import ModelConfig
from harness.errors import DataError, ModelError, UsageError
from harness.protocols import BackendSpec
from harness.testing import FakeBackend
from harness.types import Completion, Failed, Generate, Loglikelihood, Logprob, Sampling
from harness_align.dataset.training_rows import Row, Rows
from harness_align.evaluation import judging
from harness_align.mining import pairing

ANSWERS = {
    "strong": {"a": " good answer", "b": " same", "c": " " + "long " * 40, "d": "", "e": " fine"},
    "weak": {"a": " bad", "b": " same ", "c": " short", "d": " x", "e": " poor"},
    "middle": {"a": " fair", "b": " other", "c": " mid", "d": " y", "e": " fine"},
}


@pytest.fixture
def registry():
    loaded = plugins.load()

    def opener(options):
        def answer(request):
            assert isinstance(request, Generate)
            return Completion(ANSWERS[options.model][request.prompt])

        return FakeBackend(answer, frozenset({Generate}))

    loaded.backends["fake"] = BackendSpec("fake", "answers from a table", opener)
    return loaded


def spec(*roles, **options):
    models = {role: ModelConfig(f"fake:{role}", cache=False) for role in roles}
    return pairing.PairSpec(models, **options)


PROMPTS = Rows("prompt", tuple(Row(i, text) for i, text in enumerate("abcde", 1)), "prompts.jsonl")


def test_the_strong_models_answer_is_chosen_and_every_drop_is_counted(registry):
    made = pairing.make(spec("strong", "weak"), PROMPTS, registry)
    assert [(row.prompt, row.chosen, row.rejected) for row in made.pairs.rows] == [
        ("a", " good answer", " bad"),
        ("e", " fine", " poor"),
    ]
    assert made.dropped == {
        "identical answers": 1,
        "one answer over 5 times as long": 1,
        "empty answer": 1,
    }
    assert pairing.describe(made)["pairs"] == 2


def test_a_model_that_fails_everywhere_is_an_error_with_its_reason(registry):
    def opener(options):
        def answer(request):
            del request
            return Failed("no room for a prompt")

        return FakeBackend(answer, frozenset({Generate}))

    registry.backends["fake"] = BackendSpec("fake", "fails", opener)
    with pytest.raises(ModelError, match="none of 5 prompts: no room for a prompt"):
        pairing.make(spec("strong", "weak"), PROMPTS, registry)


def test_where_a_pair_comes_from_is_kept(registry):
    options = Sampling(max_tokens=7, temperature=0.3, seed=5)
    made = pairing.make(spec("strong", "weak", sampling=options), PROMPTS, registry)
    facts = made.pairs.rows[0].facts
    assert (facts["chosen_model"], facts["rejected_model"]) == ("fake:strong", "fake:weak")
    assert (facts["max_tokens"], facts["temperature"], facts["seed"]) == (7, 0.3, 5)


def test_a_middle_model_makes_hard_pairs(registry):
    made = pairing.make(spec("strong", "weak", "middle"), PROMPTS, registry)
    found = {(row.prompt, row.facts["difficulty"]) for row in made.pairs.rows}
    assert found == {("a", "easy"), ("a", "hard"), ("b", "hard"), ("e", "easy")}


def test_a_reward_that_disagrees_drops_the_pair_and_its_gap_is_the_difficulty(registry, tmp_path):
    path = tmp_path / "short.py"
    path.write_text("def brief(prompts, texts):\n    return [-len(text) for text in texts]\n")
    agree = f"plugin:{path}:brief"
    with pytest.raises(DataError, match="does not prefer the stronger"):
        pairing.make(spec("strong", "weak", agree=agree), PROMPTS, registry)
    path.write_text("def brief(prompts, texts):\n    return [len(text) for text in texts]\n")
    only = Rows("prompt", (PROMPTS.rows[0], Row(9, "c")), "x")
    made = pairing.make(spec("strong", "weak", agree=agree, length_outlier=100.0), only, registry)
    assert {row.prompt: row.facts["difficulty"] for row in made.pairs.rows} == {
        "a": "hard",
        "c": "easy",
    }


def test_one_model_is_not_stronger_than_itself():
    with pytest.raises(UsageError, match="not stronger than itself"):
        pairing.PairSpec({"strong": ModelConfig("m"), "weak": ModelConfig("m")})


def test_a_judge_that_follows_the_place_gives_ties(registry):
    def answer(request):
        assert isinstance(request, Loglikelihood)
        return Logprob(-1.0 if request.continuation == " A" else -2.0, 1, False)

    registry.backends["judge"] = BackendSpec(
        "judge", "always A", lambda options: FakeBackend(answer, frozenset({Loglikelihood}))
    )
    judge = ModelConfig("judge", cache=False)
    assert judging.preferences(judge, registry, ["p"], ["old"], ["new"]) == [0.5]


def test_a_judge_that_follows_the_content_is_heard(registry):
    def answer(request):
        first = request.context.index("good") < request.context.index("bad")
        right = " A" if first else " B"
        return Logprob(-1.0 if request.continuation == right else -2.0, 1, False)

    registry.backends["judge"] = BackendSpec(
        "judge", "knows", lambda options: FakeBackend(answer, frozenset({Loglikelihood}))
    )
    judge = ModelConfig("judge", cache=False)
    assert judging.preferences(judge, registry, ["p", "q"], ["bad", "good"], ["good", "bad"]) == [
        1.0,
        0.0,
    ]


@pytest.mark.parametrize(
    ("said", "preferred"),
    [
        (lambda better: f"It is not easy. Answer: {better}", 1.0),
        (lambda better: "A", 0.5),
        (lambda better: "Both are fine.", None),
    ],
)
def test_a_judge_that_only_writes_is_read(registry, said, preferred):
    def answer(request):
        assert isinstance(request, Generate)
        first = request.prompt.index("good") < request.prompt.index("bad")
        return Completion(said("A" if first else "B"))

    registry.backends["judge"] = BackendSpec(
        "judge", "writes", lambda options: FakeBackend(answer, frozenset({Generate}))
    )
    judge = ModelConfig("judge", cache=False)
    assert judging.preferences(judge, registry, ["p"], ["bad"], ["good"]) == [preferred]
