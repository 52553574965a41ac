"""The alignment examples do what they say, on real models. Minutes long: marked slow."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from statistics import fmean

import pytest

from harness import read_result
from support.shared_data import SMOLLM2

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def example(root: Path, monkeypatch):
    """Imports an example script, which finds its neighbours as it does when it is started."""
    monkeypatch.syspath_prepend(str(root / "examples" / "alignment"))

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
    target, *guards = result.aims.rules
    assert target.evidence.low > 0
    assert [each.verdict for each in guards] == ["pass", "pass"]
    assert result.verdict.exit_code == 0


def test_overdoing_it_is_blocked_for_what_a_guard_lost(example, tmp_path):
    result = example("debias").debias(tmp_path, overdo=True)
    guards = [each for each in result.aims.rules if each.kind == "max_drop"]
    assert "block" in [each.verdict for each in guards]
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


def looks(result):
    return [value for _, name, value in result.metrics]


def test_a_healthy_training_ends_at_its_best_by_a_real_task(example, tmp_path):
    result = example("hacking").tell(tmp_path)
    perplexities = looks(result)
    assert perplexities[0] > perplexities[1] > perplexities[2]
    assert result.aims.rules[0].evidence.low > 0
    assert result.verdict.exit_code == 0


def test_a_gamed_reward_is_stopped_by_a_real_task(example, tmp_path):
    result = example("hacking").tell(tmp_path, hack=True)
    first, *later = looks(result)
    assert len(later) < 8, "it must end before its last step"
    assert min(later) > first
    steps = result.curves["training"]
    last = max(steps)
    assert steps[last]["reward"] > steps[1]["reward"] + 0.2
    assert steps[last]["rewards/held_out/mean"] < steps[1]["rewards/held_out/mean"] - 0.1
    guard = result.aims.rules[-1]
    assert guard.verdict == "pass"
    assert result.kept_step == 0
    assert guard.evidence.candidate == guard.evidence.baseline
    assert "kept the weights of the base" in (result.job.out / "report.html").read_text()


def test_a_gamed_reward_that_nobody_watches_is_blocked_and_its_gap_shown(example, tmp_path):
    result = example("hacking").tell(tmp_path, hack=True, watched=False)
    found = effects(result)
    assert found["reward change"].low > 0
    assert found["held-out reward change"].high < 0
    assert found["reward gap"].low > 0
    assert result.aims.rules[-1].verdict == "block"
    assert result.verdict.exit_code == 1
    page = (result.job.out / "report.html").read_text()
    assert "reward gap" in page
    assert "rewards/held_out/mean ends at" in page


def test_flips_before_and_after_a_hardening_are_those_that_the_probe_reports(example, tmp_path):
    robust = example("robust")
    result = robust.harden(tmp_path, rehearse=True, steps=5, learned=100, judged=80)
    for name in ("probed-before", "probed"):
        run = result.aligned.job.out / name
        told = read_result(run).tasks["sst2"].probes["typos"]["accuracy"]["flip_rate"]
        assert fmean(robust.flips(run, "typos").values()) == pytest.approx(told.value)
        assert told.value > 0
    assert len(result.verdict.rules) == 3
    assert result.flips["typos"].rules[0].evidence.n == 80


def test_what_withstands_an_attack_is_what_the_attack_reports(example, tmp_path):
    attacked = example("attacked")
    result = attacked.harden(tmp_path, rehearse=True, steps=5, opinions=60, judged=50, rounds=2)
    for name, side in (("attack-before", "baseline"), ("attack-after", "candidate")):
        folder = result.last.job.out.parent / name
        told = json.loads((folder / "attack.json").read_text())["tasks"]["sst2"]["measures"]
        expected = told["after_attack_accuracy"]["value"]
        assert fmean(attacked.withstands(folder)) == pytest.approx(expected)
        evidence = result.withstood.rules[0].evidence
        assert getattr(evidence, side) == pytest.approx(expected)
    first, second = (
        (tmp_path / "sets-attacked-all-development-0" / f"pairs-{number}.jsonl").read_text()
        for number in (1, 2)
    )
    assert second.startswith(first)
    assert len(second) > len(first) > 60


@pytest.mark.skipif(not SMOLLM2.is_dir(), reason=f"no SmolLM2 at {SMOLLM2}")
@pytest.mark.shared
def test_pairs_mined_from_a_real_model_teach_it_its_task(example, tmp_path, shared):
    mined = example("published_mined")
    trial = sys.modules["published_sets"].Trial(
        str(SMOLLM2), shared / "data", tmp_path, rehearse=True
    )
    result = mined.learn(trial)
    assert result.aims.rules[0].evidence.low > 0.1
    assert result.verdict.exit_code == 0


def test_a_weak_model_learns_from_a_strong_one(example, tmp_path):
    result = example("contrastive").contrast(tmp_path)
    assert result.aims.rules[0].evidence.low > 0
    assert result.verdict.exit_code == 0


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "train"),
    [
        ("bias", "debias"),
        ("contrastive", "repair"),
        ("mined", "learn"),
        ("preferences", "prefer"),
        ("sentiment", "reinforce"),
    ],
)
def test_a_training_that_changes_nothing_passes_no_published_example(
    name, train, example, tmp_path, shared, monkeypatch
):
    nothing = {"steps": 2, "learning_rate": 1e-9}
    module = example(f"published_{name}")
    for settings in ("SETTINGS", "SFT", "DPO"):
        if hasattr(module, settings):
            monkeypatch.setattr(module, settings, {**getattr(module, settings), **nothing})
    sets = sys.modules["published_sets"]
    trial = sets.Trial(str(shared / "models/stories260k"), shared / "data", tmp_path, rehearse=True)
    result = getattr(module, train)(trial)
    assert result.verdict.exit_code == 4, result.verdict.sentence
