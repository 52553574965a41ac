"""What a gate will do, said before it runs; and which rules are refused by then."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, binom

from harness.authoring.metrics import Corpus, Mean, ScoreColumn
from harness.comparison.measure import CannotCompare, rows
from harness.comparison.metric_kinds import MeanScores, SummedRows
from harness.errors import ConfigError
from harness.gating import GateConfig, Rule
from harness.gating.beforehand import check_samples, refused
from harness.gating.resampled_power import Source, resampled_power
from support.scored_runs import numbers


def column(values, clusters=None) -> ScoreColumn:
    return ScoreColumn("m", [f"s{i}" for i in range(len(values))], values, clusters)


def test_a_bound_on_the_metric_is_passed_as_often_as_the_exact_test_passes_it() -> None:
    right = [1.0] * 160 + [0.0] * 40
    rule = Rule("t.m", "min", 0.75)
    found = resampled_power(GateConfig((rule,)), rule, 200, 0.0,
                            Source(MeanScores("t.m"), column(right)), True, None)  # fmt: skip
    hits = np.arange(201)
    passed = beta.ppf(0.05, hits, 201 - hits) >= 0.75
    expected = float(binom.pmf(hits, 200, 0.8) @ passed)
    assert abs(found.harmless.passes - expected) < 4 * np.sqrt(expected * (1 - expected) / 200)
    assert found.name == "a candidate like the baseline"
    (name, beyond), = found.drops  # fmt: skip
    assert name == "a candidate at 0.7"
    assert beyond.passes < 0.05 < beyond.blocks
    # Four times the samples that suffice at half of the distance.
    rule = Rule("t.m", "min", 0.775)
    source = Source(MeanScores("t.m"), column(right))
    near = resampled_power(GateConfig((rule,)), rule, 200, 0.0, source, True, None)
    assert near.needed == pytest.approx(4 * found.needed, rel=0.1)


def recall(sums):
    with np.errstate(invalid="ignore"):
        return (sums[:, 0] / sums[:, 1] + sums[:, 2] / sums[:, 3]) / 2


MACRO = SummedRows("t.m", Corpus("m", recall, bounds=(0.0, 1.0)), True)


def classified(right: float, n: int, seed: int) -> ScoreColumn:
    rng = np.random.default_rng(seed)
    hit, first = rng.random(n) < right, np.arange(n) % 2 == 0
    table = np.stack([hit & first, first, hit & ~first, ~first], axis=1).astype(float)
    return column([*map(tuple, table.tolist())])


def test_a_corpus_metric_is_judged_by_what_a_repeated_run_changed() -> None:
    rule = Rule("t.m", "max_drop", 0.1)
    config = GateConfig((rule,))

    def found(after: ScoreColumn, n: int):
        before = classified(0.8, 200, 0)
        return resampled_power(config, rule, n, 0.0, Source(MACRO, before, after), True, None)

    noisy, calm = classified(0.8, 200, 1), list(classified(0.8, 200, 0).values)
    calm[0], calm[2] = calm[2], calm[0]
    assert found(noisy, 200).harmless.passes < 0.85 < found(column(calm), 200).harmless.passes
    few, many = found(noisy, 100), found(noisy, 600)
    assert few.harmless.passes < many.harmless.passes
    assert many.drops[1][0] == "a true drop of 0.4"
    assert many.drops[1][1].blocks == 1
    assert few.needed == pytest.approx(many.needed, rel=0.35)


def test_clusters_are_drawn_whole() -> None:
    names = [f"c{i // 10}" for i in range(200)]
    values = [float(i // 10 % 2) for i in range(200)]
    drawn = Source(MeanScores("t.m"), column(values, names)).draw(
        100, 0.0, np.random.default_rng(0)
    )
    clusters = drawn.baseline.clusters
    assert clusters is not None and len(set(clusters)) == 10
    for name in set(clusters):
        of_one = [v for v, c in zip(drawn.baseline.values, clusters, strict=True) if c == name]
        assert len(of_one) == 10 and len(set(of_one)) == 1


def test_a_share_of_almost_nothing_has_no_power() -> None:
    rule = Rule("t.m", "max_relative_drop", 0.1)
    source = Source(MeanScores("t.m"), column([1.0] + [0.0] * 99))
    with pytest.raises(CannotCompare, match="too near 0"):
        resampled_power(GateConfig((rule,)), rule, 100, 0.1, source, True, None)


# ----------------------------------------------------------------- refused beforehand


class Noisy:
    """A function of sums that chance raises."""

    def __call__(self, sums):
        return sums[:, 0] / sums[:, 1]

    def noise(self, sums):
        return np.full(len(sums), 0.1)


class Rare:
    """A function of sums that needs five positives."""

    def __call__(self, sums):
        return sums[:, 0] / sums[:, 1]

    def doubt(self, sums):
        return f"{sums[0, 0]:.0f} positives, and it takes 5" if sums[0, 0] < 5 else None


class Own:
    name, higher_is_better = "own", True

    def aggregate(self, rows):
        raise AssertionError("not computed beforehand")


METRICS = {"t": (Mean("mean"), Corpus("ece", Noisy()), Corpus("f1", Rare()), Own())}


@pytest.mark.parametrize(
    ("metric", "n", "clusters", "words"),
    [
        ("mean", 30, 1, "1 clusters (30 samples) planned, and it takes at least 2"),
        ("mean", 1, None, None),
        ("ece", 12, None, "12 samples planned, and it takes at least 20"),
        ("ece", 20, None, None),
        ("own", 3, None, "3 samples planned, and it takes at least 4"),
        ("absent", 3, None, None),
    ],
)
def test_a_rule_that_no_answers_could_decide(metric, n, clusters, words) -> None:
    planned = {"t": {f"s{i}": None if clusters is None else f"c{i % clusters}" for i in range(n)}}
    rule = Rule(f"t.{metric}", "max", 0.5)
    assert refused(rule, planned, None, METRICS) == words
    advice = Rule(f"t.{metric}", "max", 0.5, tier="advisory")
    check_samples(GateConfig((advice,)), planned, None, METRICS)
    if words is not None:
        with pytest.raises(ConfigError) as caught:
            check_samples(GateConfig((rule,)), planned, None, METRICS)
        assert words in str(caught.value)


def test_classes_are_counted_in_the_baseline_among_the_planned_samples(scored) -> None:
    from dataclasses import replace

    run = scored("main", numbers(np.zeros(100), "f1"))
    samples = {
        name: replace(each, scores={"f1": (float(place < 8), 1.0)})
        for place, (name, each) in enumerate(run.samples["quiz"].items())
    }
    run = replace(run, samples={"t": samples})
    rule = Rule("t.f1", "max_drop", 0.05)
    every = dict.fromkeys(samples)
    assert refused(rule, {"t": every}, run, METRICS) is None
    few = dict.fromkeys([*samples][5:])
    assert refused(rule, {"t": few}, run, METRICS) == "3 positives, and it takes 5"
    assert len(rows(samples, "f1")) == 100
