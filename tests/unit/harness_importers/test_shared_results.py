"""Real files of other programs: what is recomputed from samples is what they publish."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from support.others_results import read


@pytest.fixture
def theirs(shared: Path) -> Path:
    return shared / "data" / "other_harnesses"


def test_lm_eval(theirs: Path) -> None:
    (path,) = theirs.glob("lm_eval/results_*.json")
    published = json.loads(path.read_text("utf-8"))["results"]
    for source in (path, path.parent):
        found = read(source)
        assert set(found.result.tasks) == set(published)
        for name, task in found.result.tasks.items():
            metric = task.metrics["exact_match"]
            assert metric.estimate.value == published[name]["exact_match,none"]
            assert metric.estimate.stderr == pytest.approx(
                published[name]["exact_match_stderr,none"], abs=1e-12
            )
            assert (task.n, metric.kind, metric.higher_is_better) == (5000, "published", True)
            assert metric.estimate.low <= metric.estimate.value < metric.estimate.high < 0.002
    # Ten of 5,000 samples are in the file: they do not stand for all of them.
    kept = found.records["math_perturbed_full"]
    assert (len(kept), {len(each.scores) for each in kept}) == (10, {0})
    assert kept[0].sample.targets == ("3",)
    assert any("10 of 5,000" in note for note in found.result.tasks["math_perturbed_full"].notes)


def test_inspect_with_samples(theirs: Path) -> None:
    path = theirs / "inspect" / "data_arc_qwen.json"
    (score,) = json.loads(path.read_text("utf-8"))["results"]["scores"]
    metric = read(path).result.tasks["arc_easy"].metrics["accuracy"]
    assert metric.kind == "mean"
    assert metric.estimate.value == score["metrics"]["accuracy"]["value"] == 1 / 3
    assert metric.estimate.stderr == pytest.approx(score["metrics"]["stderr"]["value"])


def test_inspect_graded_by_a_model_without_samples(theirs: Path) -> None:
    found = read(theirs / "inspect" / "data_with_llm_scoring.json")
    estimate = found.result.tasks["simpleqa_verified"].metrics["accuracy"].estimate
    assert (estimate.value, estimate.n) == (0.431, 1000)
    assert estimate.stderr == pytest.approx(0.01566794448817344)
    assert "published" in estimate.method
    assert not found.scored().samples


def test_helm(theirs: Path) -> None:
    folder = theirs / "helm" / "mmlu_philosophy_gpt2"
    stats = json.loads((folder / "stats.json").read_text("utf-8"))
    found = read(folder)
    checked = 0
    for name, task in found.result.tasks.items():
        split = "valid" if name.endswith("_valid") else "test"
        assert task.n == len(found.records[name]) == {"test": 9, "valid": 1}[split]
        for metric, result in task.metrics.items():
            (mean,) = (
                each["mean"]
                for each in stats
                if each["name"] == {"name": metric.replace("_at_", "@"), "split": split}
            )
            assert result.kind == "mean"
            assert math.isclose(result.estimate.value, mean)
            checked += 1
    assert checked == 16
