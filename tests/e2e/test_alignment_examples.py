"""The alignment examples do what they say, on real models. Minutes long: marked slow."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def example(root: Path):
    """Imports an example script."""

    def load(name: str):
        path = root / "examples" / "alignment" / f"{name}.py"
        specification = importlib.util.spec_from_file_location(f"example_{name}", path)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        sys.modules[specification.name] = module
        specification.loader.exec_module(module)
        return module

    return load


def effects(result):
    return {each.name: each.estimate for each in result.effects.estimates}


def test_a_bias_is_trained_away_and_nothing_else_is_lost(example, tmp_path):
    result = example("debias").debias(tmp_path)
    target, *guards = result.verdict.judgements
    assert target.gain.low > 0
    assert [each.decision for each in guards] == ["pass", "pass"]
    assert result.verdict.exit_code == 0


def test_overdoing_it_is_blocked_for_what_a_guard_lost(example, tmp_path):
    result = example("debias").debias(tmp_path, overdo=True)
    guards = [each for each in result.verdict.judgements if each.role == "guard"]
    assert "block" in [each.decision for each in guards]
    assert result.verdict.exit_code == 1


@pytest.mark.shared
def test_stories_become_more_cheerful_at_a_stated_distance(example, tmp_path, shared):
    result = example("stories").cheer(str(shared / "models/stories260k"), tmp_path)
    assert result.verdict.exit_code == 0
    assert effects(result)["reward change"].low > 0
    assert effects(result)["KL per token"].low > 0
    assert "reward" in next(iter(result.curves["training"].values()))


@pytest.mark.shared
def test_a_reward_model_of_human_preferences_is_measured_beside_length(example, tmp_path, shared):
    result = example("preferences").reward_model(
        str(shared / "models/stories260k"),
        shared / "data/hh_rlhf/harmless-base_test.jsonl.gz",
        tmp_path,
        steps=10,
    )
    found = effects(result)
    assert found["pairwise accuracy"].n > 200
    assert found["pairwise accuracy"].low < found["pairwise accuracy"].high
    assert found["pairwise accuracy, equal length"].n > 10


def test_a_weak_model_learns_from_a_strong_one(example, tmp_path):
    """The task's gain is about 12 points; its interval on 120 questions just touches 0."""
    result = example("contrastive").contrast(tmp_path)
    assert result.verdict.judgements[0].gain.value > 0.05
    assert result.verdict.decision != "block"
