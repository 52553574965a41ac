"""What a verdict promises where data are missing, metrics are odd, and builds follow builds."""

import json
from dataclasses import replace

import numpy as np
import pytest

from harness.authoring.metrics import Corpus, Mean
from harness.errors import ConfigError, DataError
from harness.gating import GateConfig, Rule, SequentialGate, evaluate, parse_gate
from harness.gating.power import discordance_of, power
from harness.gating.series import share, take_part
from harness.types import Estimate, Unscored
from support import scored_runs
from support.scored_runs import binary, numbers, unscored

DROP = Rule("quiz.accuracy", "max_drop", 0.02)


def gate(candidate, baseline, *rules, **options):
    return evaluate(
        GateConfig(rules, **options), candidate, baseline, {"quiz": scored_runs.METRICS}
    )


# ----------------------------------------------------------------- failures and missing samples


def test_failing_where_the_answer_would_be_wrong_hides_no_drop(scored) -> None:
    baseline = scored("main", binary(1000, range(800)))
    after = binary(1000, range(40, 800))  # 4 points lost …
    hidden = unscored(after, [f"s{index:04}" for index in range(40)])  # … and not answered
    verdict = gate(scored("new", hidden), baseline, DROP)
    assert verdict.verdict == "inconclusive"
    evidence = verdict.rules[0].evidence
    assert evidence is not None and evidence.high > 0.04
    assert "40 more not scored" in verdict.sentence


def test_failing_where_the_baseline_was_wrong_costs_nothing(scored) -> None:
    before = binary(1000, range(800))
    failed = unscored(before, [f"s{index:04}" for index in range(960, 1000)])
    assert gate(scored("new", failed), scored("main", before), DROP).verdict == "pass"


def test_a_floor_counts_failures_as_wrong(scored) -> None:
    answers = binary(400, range(360))
    hidden = unscored(answers, [f"s{index:04}" for index in range(385, 400)])
    rule = Rule("quiz.accuracy", "min", 0.9)
    evidence = gate(scored("new", hidden), None, Rule("quiz.accuracy", "min", 0.91)).rules[0]
    assert evidence.verdict == "inconclusive"  # 360 of 385 would be 93.5 %, of 400 90 %
    assert gate(scored("new2", hidden), None, replace(rule, value=0.8)).verdict == "pass"


@pytest.mark.parametrize("mode", ["fixed", "sequential"])
def test_fewer_samples_than_the_baseline_never_pass(scored, mode) -> None:
    before = binary(1600, range(1500))
    baseline = scored("main", before)
    few = scored("new", {name: before[name] for name in sorted(before)[:1500]})
    for rule in (DROP, Rule("quiz.accuracy", "min", 0.1)):
        verdict = gate(few, baseline, rule, mode=mode)
        assert verdict.verdict == "inconclusive"
        assert "did not run 100 of the baseline's 1600 samples" in verdict.sentence
        assert gate(few, baseline, rule, mode=mode, max_missing=0.1).verdict == "pass"


def test_failures_of_what_has_no_bound_are_no_pass(scored) -> None:
    before = numbers(np.linspace(5, 50, 300), "length")
    failed = {**before, "s0003": {"length": Unscored("timeout")}}
    rule = Rule("quiz.length", "max_drop", 10)
    verdict = gate(scored("new", failed), scored("main", before), rule)
    assert verdict.verdict == "inconclusive"
    assert "what quiz.length can be has no bound" in verdict.sentence
    assert gate(scored("same", before), scored("main", before), rule).verdict == "pass"


# ----------------------------------------------------------------- clusters of unequal sizes


def uneven(n: int) -> dict[str, str]:
    sizes = np.random.default_rng(5).pareto(1.2, n).astype(int) + 1
    names = np.repeat(np.arange(n), np.minimum(sizes, 40))[:n]
    return {f"s{index:04}": f"c{names[index]}" for index in range(n)}


def test_nothing_changed_is_never_blocked_whatever_the_clusters_sizes(scored) -> None:
    clusters = uneven(400)
    before = binary(400, range(200))
    # In small clusters the candidate lost, in the largest it won as much: the metric is the same.
    sizes = {each: list(clusters.values()).count(each) for each in clusters.values()}
    names = sorted(before, key=lambda name: sizes[clusters[name]])
    lost = [each for each in names if before[each]["accuracy"] == 1][:60]
    won = [each for each in reversed(names) if before[each]["accuracy"] == 0][:60]
    changed = dict.fromkeys(lost, 0.0) | dict.fromkeys(won, 1.0)
    after = before | {name: {"accuracy": value} for name, value in changed.items()}
    baseline = scored("main", before, clusters=clusters)
    for population in ("source", "benchmark"):
        for seed in range(20):
            config = GateConfig((DROP,), mode="sequential", population=population)
            sequential = SequentialGate(config, {"quiz": clusters}, baseline, {}, seed)
            for name in sequential.order("quiz"):
                sequential.update("quiz", name, after[name])
            assert not sequential.blocked


def test_the_interval_of_uneven_clusters_holds_the_drop(scored) -> None:
    clusters = uneven(400)
    before, after = binary(400, range(400)), binary(400, range(120, 400))
    baseline = scored("main", before, clusters=clusters)
    config = GateConfig((DROP,), mode="sequential", population="benchmark")
    found = evaluate(config, scored("new", after, clusters=clusters), baseline, {})
    evidence = found.rules[0].evidence
    assert evidence is not None and evidence.low <= 0.3 <= evidence.high
    assert "of this benchmark" in evidence.method


# ----------------------------------------------------------------- ideals


def test_an_unchanged_model_at_its_ideal_is_not_blocked(scored) -> None:
    rng = np.random.default_rng(2)
    share = numbers((rng.random(500) < 0.5).astype(float), "share")
    rule = Rule("quiz.share", "max_drop", 0.05, ideal=0.5)
    verdict = gate(scored("new", share), scored("main", share), rule)
    assert verdict.verdict == "pass"
    assert verdict.sentence.startswith("quiz.share@0.5 did not change")


def test_an_unchanged_gap_far_from_its_ideal_is_no_loss() -> None:
    from harness.authoring.metrics import ScoreColumn
    from harness.comparison.measure import PairedMetric, Pairs
    from harness.comparison.metric_kinds import SummedRows

    def gap(sums):
        return sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3]

    rng = np.random.default_rng(0)
    first, hit = np.arange(200) < 100, rng.random(200)
    right = np.where(first, hit < 0.9, hit < 0.5)
    table = np.stack([right & first, first, right & ~first, ~first], axis=1).astype(float)
    rows = ScoreColumn("gap", [*map(str, range(200))], [*map(tuple, table.tolist())])
    metric = SummedRows("t.gap", Corpus("gap", gap, None, ideal=0.0, bounds=(-1.0, 1.0)), True)
    change = PairedMetric("t.gap", Pairs(rows, rows), metric).distance_change(0.0)
    assert change.value == 0
    assert change.above(0.0) > 0.5  # no loss is shown …
    assert change.below(0.1) < 0.01  # … and a large one is excluded
    low, high = change.interval(0.95)
    assert low < 0 < high


def test_nearer_to_the_ideal_passes_and_further_blocks(scored) -> None:
    biased, fair = (
        binary(800, range(640), "share"),
        binary(800, range(400), "share"),
    )
    rule = Rule("quiz.share", "max_drop", 0.02, ideal=0.5)
    baseline, candidate = scored("a", biased), scored("b", fair)
    better = gate(candidate, baseline, rule)
    assert better.verdict == "pass"
    assert "is 30.0 points nearer to 0.5" in better.sentence
    worse = gate(baseline, candidate, rule)
    assert worse.verdict == "block"
    assert "further from 0.5" in worse.sentence
    other_side = scored("c", binary(800, range(160), "share"))
    assert gate(other_side, baseline, rule).verdict == "inconclusive"


def test_the_metrics_own_ideal_is_used(scored) -> None:
    scores = binary(400, range(200), "share")
    known = {"quiz": [Mean("share", None, ideal=0.5)]}
    rule = Rule("quiz.share", "max_drop", 0.1)
    run = scored("main", scores)
    assert evaluate(GateConfig((rule,)), run, run, known).verdict == "pass"


def test_a_maximum_of_a_distance_is_a_target() -> None:
    table = {"metric": "winobias.gap@0", "max": 0.1}
    (rule,) = parse_gate({"rule": [table]}).rules
    assert (rule.metric, str(rule)) == ("winobias.gap", "target = 0 ± 0.1")


# ----------------------------------------------------------------- every metric


def test_a_mean_needs_no_installed_task(scored) -> None:
    runs = [scored(name, binary(500, range(right))) for name, right in (("a", 450), ("b", 300))]
    assert runs[0].result.tasks["quiz"].metrics["accuracy"].kind == "mean"
    assert evaluate(GateConfig((DROP,)), runs[1], runs[0], {}).verdict == "block"


# ----------------------------------------------------------------- tiers and relative drops


def test_only_blocking_rules_decide(scored) -> None:
    baseline = scored("main", binary(1000, range(800)))
    worse = scored("new", binary(1000, range(700)))
    floor = Rule("quiz.accuracy", "min", 0.5)
    advice = replace(DROP, tier="advisory")
    verdict = gate(worse, baseline, floor, advice)
    assert (verdict.verdict, verdict.exit_code) == ("pass", 0)
    assert verdict.rules[1].verdict == "block"
    assert "[1 of 1 advisory rules broken]" in verdict.sentence
    assert gate(worse, baseline, floor, DROP).verdict == "block"


@pytest.mark.parametrize("mode", ["fixed", "sequential"])
def test_a_drop_can_be_a_share_of_the_baseline(scored, mode) -> None:
    before = binary(3000, range(1500))
    baseline = scored("main", before)
    rule = Rule("quiz.accuracy", "max_relative_drop", 0.1)
    for lost, expected in ((400, "block"), (0, "pass"), (150, "inconclusive")):
        candidate = scored(f"new{lost}", binary(3000, range(lost, 1500)))
        verdict = gate(candidate, baseline, rule, mode=mode)
        assert verdict.verdict == expected
        evidence = verdict.rules[0].evidence
        assert evidence.low <= lost / 1500 + 0.02 and evidence.high >= lost / 1500 - 0.02
    assert "%" in verdict.sentence


@pytest.mark.parametrize("mode", ["fixed", "sequential"])
def test_a_share_of_almost_nothing_is_no_margin(scored, mode) -> None:
    run = scored("main", binary(400, range(2)))
    rule = Rule("quiz.accuracy", "max_relative_drop", 0.1)
    verdict = gate(run, run, rule, mode=mode)
    assert verdict.verdict == "block"
    assert "too near 0 for a share of it" in verdict.sentence


def test_a_rule_set_that_resampling_cannot_resolve_is_refused(scored) -> None:
    names = [f"m{i}" for i in range(600)]
    rows = {f"s{i}": {"recall_macro": (1.0, 1.0, 0.0, 0.0)} for i in range(20)}
    run = scored("main", rows)
    rules = tuple(Rule(f"quiz.{name}", "min", 0.5) for name in names)
    known = {"quiz": [Corpus(name, lambda sums: sums[:, 0]) for name in names]}
    with pytest.raises(ConfigError, match="resamples"):
        evaluate(GateConfig(rules, alpha=0.05), run, None, known)


# ----------------------------------------------------------------- inconclusive, series, power


def test_a_warning_goes_on_and_says_so(scored) -> None:
    before, after = (scored(n, binary(100, range(r))) for n, r in (("a", 80), ("b", 78)))
    verdict = gate(after, before, DROP, inconclusive="warn")
    assert verdict.exit_code == 0
    assert verdict.annotation is not None and "inconclusive" in verdict.annotation
    assert gate(after, before, DROP, inconclusive="pass").annotation is None


def test_a_series_never_spends_more_than_alpha(tmp_path) -> None:
    assert sum(share(0.05, t, None) for t in range(1, 10_000)) < 0.05
    assert sum(share(0.05, t, 20) for t in range(1, 100)) == pytest.approx(0.05)
    config = GateConfig((DROP,), series="main", builds=3, series_folder=str(tmp_path))
    builds = [take_part(config, f"build {t}") for t in range(3)]
    assert [build.number for build in builds] == [1, 2, 3]
    assert all(build.config.alpha_to_block == pytest.approx(0.05 / 3) for build in builds)
    assert take_part(config, "build 1").number == 2  # begun and not finished: tried again
    with pytest.raises(ConfigError, match="spent its budget"):
        take_part(config, "build 3")
    with pytest.raises(ConfigError, match="was begun with"):
        take_part(replace(config, alpha=0.1), "build 4")
    (tmp_path / "main.json").write_text("{}")
    with pytest.raises(DataError, match="no state of a series"):
        take_part(config, "build 5")


def test_judging_a_run_again_spends_nothing(scored, tmp_path) -> None:
    config = GateConfig((DROP,), series="main", series_folder=str(tmp_path))
    run = scored("main", binary(200, range(100)))
    for _ in range(2):
        build = take_part(config, "runs/a", "a")
        verdict = build.finish("a", evaluate(build.config, run, run, {}))
        assert build.number == 1
    assert "series main: build 1 may block at alpha = 0.03" in verdict.notes[-1]
    assert take_part(config, "runs/b", "b").number == 2
    entries = json.loads((tmp_path / "main.json").read_text())["entries"]
    assert [entry["run"] for entry in entries] == ["a", "b"]


def test_a_block_that_the_series_cannot_afford_is_inconclusive(scored) -> None:
    baseline = scored("main", binary(400, range(320)))
    candidate = scored("new", binary(400, range(303)))
    alone = gate(candidate, baseline, DROP)
    assert alone.verdict == "block"
    late = gate(candidate, baseline, DROP, series="main", block_alpha=1e-6)
    assert late.verdict == "inconclusive"
    assert "not within the series main" in late.sentence


def test_power_agrees_with_the_gates_that_are_run(scored) -> None:
    config = GateConfig((Rule("quiz.accuracy", "max_drop", 0.05),))
    found = power(config, config.rules[0], 200, 0.1)
    verdicts = []
    for seed in range(120):
        draw = np.random.default_rng(seed).random(200)
        before = numbers(np.where(draw < 0.05, 1.0, 0.0), "accuracy")
        after = numbers(np.where((draw >= 0.05) & (draw < 0.1), 1.0, 0.0), "accuracy")
        verdicts.append(gate(scored(f"a{seed}", after), scored(f"b{seed}", before),
                             *config.rules).verdict)  # fmt: skip
    passed = verdicts.count("pass") / len(verdicts)
    assert abs(passed - found.harmless.passes) < 0.14  # three standard errors
    assert found.needed == pytest.approx(6.2 * 0.1 / 0.05**2, abs=3)
    assert found.warning is None
    assert power(config, config.rules[0], 40, 0.2).warning is not None


def test_discordance_of_pairs_that_agree_is_not_zero() -> None:
    same = np.ones(100)
    assert discordance_of(same, same) == pytest.approx(0.03)
    assert discordance_of(same, 1 - same) == 1


def test_a_rule_that_no_interval_can_judge_is_refused(scored) -> None:
    run = scored("main", numbers([7.0, 7.0, 7.0], "length"))
    verdict = gate(run, run, Rule("quiz.length", "max_drop", 1), inconclusive="pass")
    assert (verdict.verdict, verdict.exit_code) == ("inconclusive", 2)
    assert "no interval can be trusted" in verdict.sentence
    assert "it takes at least 50 samples" in verdict.sentence


def test_what_a_probe_measured_keeps_its_own_interval(scored) -> None:
    flips = Estimate(0.0, 0.0, 0.0, 0.278, 10, "changed predictions; mean, Wilson")
    probes = {"typos": {"accuracy": {"flip_rate": flips}}}
    run = scored("main", binary(10, range(8)), probes=probes)
    name = "quiz.typos.accuracy.flip_rate"
    assert gate(run, None, Rule(name, "max", 0.01)).verdict == "inconclusive"
    assert gate(run, None, Rule(name, "max", 0.3)).verdict == "pass"
