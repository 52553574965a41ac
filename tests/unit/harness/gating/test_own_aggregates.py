"""Metrics that only their own code computes, in comparisons and gates."""

from dataclasses import dataclass

import numpy as np

from harness.authoring.metrics import Mean
from harness.comparison.metric_kinds import OwnCode
from harness.gating import GateConfig, Rule, evaluate
from harness.results.baseline import load_run
from harness.types import Estimate, Score
from support import scored_runs


@dataclass(frozen=True)
class Ratio:
    """A metric of its own code, which keys rows by their names."""

    name: str = "own"
    higher_is_better: bool | None = True

    def aggregate(self, rows):
        by_name = {row.sample_id: row.value for row in rows}
        total = sum(value[0] for value in by_name.values())
        value = total / sum(value[1] for value in by_name.values())
        return Estimate(value, np.nan, np.nan, np.nan, len(rows), "own")


def pairs_of_counts(right: float, seed: int):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, 300)
    hits = np.random.default_rng(1).random((300, 6)).T[0] < right
    return {f"s{i}": {"own": (float(hits[i] * sizes[i]), float(sizes[i]))} for i in range(300)}


def test_a_metric_of_its_own_code_is_gated(make_run, monkeypatch) -> None:
    monkeypatch.setattr(scored_runs, "METRICS", (*scored_runs.METRICS, Ratio()))
    good = load_run(make_run("good", pairs_of_counts(0.9, 0)))
    bad = load_run(make_run("bad", pairs_of_counts(0.6, 0)))
    assert good.result.tasks["quiz"].metrics["own"].kind == "aggregate"
    rule, known = Rule("quiz.own", "max_drop", 0.1), {"quiz": [Ratio()]}
    assert evaluate(GateConfig((rule,)), good, good, known).verdict == "pass"
    blocked = evaluate(GateConfig((rule,)), bad, good, known)
    assert blocked.verdict == "block"
    assert "half-samples" in blocked.rules[0].evidence.method
    missing = evaluate(GateConfig((rule,)), bad, good, {})
    assert "its task is not installed" in missing.sentence
    installed = evaluate(GateConfig((rule,)), bad, good, {"quiz": [Mean("accuracy")]})
    assert "its task is not installed" not in installed.sentence
    assert installed.verdict == "block"


def test_half_samples_cover_a_ratio() -> None:
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(1, 6, 80).astype(float)
        hits = (rng.random(80) < 0.7) * sizes
        rows = [Score(str(i), "own", (hits[i], sizes[i])) for i in range(80)]
        low, high = OwnCode("quiz.own", Ratio()).level(rows).interval(0.95)
        covered += low <= 0.7 <= high
    assert covered >= 52  # 57 are expected; two and a half standard errors less


class BoundedRatio(Ratio):
    bounds = (0.0, 1.0)


def test_a_change_of_a_metric_of_its_own_code_stays_within_what_it_can_be() -> None:
    rng = np.random.default_rng(3)
    before, after = (
        [
            Score(f"s{i}", "own", (float(value), 1.0), cluster=f"c{i % 5}")
            for i, value in enumerate(rng.random(20) < share)
        ]
        for share in (0.05, 0.95)
    )
    free, kept = (
        OwnCode("quiz.own", metric).combined(before, after, (-1.0, 1.0)).interval(0.9999)
        for metric in (Ratio(), BoundedRatio())
    )
    assert free[1] > 1
    assert kept == (max(-1.0, free[0]), 1.0)
    assert OwnCode("quiz.own", BoundedRatio()).level(after).interval(0.9999)[1] == 1.0
