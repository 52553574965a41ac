"""Verdicts on whole runs: what passes, what blocks, and that nothing passes in silence."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from harness.authoring.io.gate_json import gate_from_json, gate_to_json
from harness.errors import ConfigError, UnknownNameError
from harness.gating import GateConfig, GateVerdict, Rule, evaluate
from harness.types import Estimate
from support.scored_runs import METRICS, binary, numbers, unscored


def gate(candidate, baseline, *rules: Rule, **options) -> GateVerdict:
    return evaluate(GateConfig(rules, **options), candidate, baseline, {"quiz": METRICS})


DROP = Rule("quiz.accuracy", "max_drop", 0.02)


def test_a_large_drop_blocks_with_the_evidence(scored) -> None:
    baseline = scored("main", binary(1000, range(800)))
    candidate = scored("new", binary(1000, range(740)))
    verdict = gate(candidate, baseline, DROP)
    assert (verdict.verdict, verdict.exit_code) == ("block", 1)
    assert verdict.sentence == (
        "quiz.accuracy fell by 6.0 points (90 % interval 4.7 to 7.4, 1000 samples), "
        "more than the 2 allowed: blocked"
    )


def test_no_change_passes_where_n_is_large_enough(scored) -> None:
    baseline = scored("main", binary(1000, range(800)))
    candidate = scored("new", binary(1000, range(1, 801)))
    verdict = gate(candidate, baseline, DROP)
    assert (verdict.verdict, verdict.exit_code) == ("pass", 0)
    assert verdict.sentence.startswith("quiz.accuracy did not change (90 % interval")


def test_a_drop_near_the_margin_is_inconclusive(scored) -> None:
    baseline = scored("main", binary(300, range(240)))
    candidate = scored("new", binary(300, range(234)))
    verdict = gate(candidate, baseline, DROP)
    assert (verdict.verdict, verdict.exit_code) == ("inconclusive", 4)
    assert "too close to the drop of 2 allowed to tell" in verdict.sentence
    assert gate(candidate, baseline, DROP, inconclusive="fail").exit_code == 1
    assert gate(candidate, baseline, DROP, inconclusive="pass").exit_code == 0


def test_a_rise_is_worse_where_lower_is_better(scored) -> None:
    rng = np.random.default_rng(0)
    before = rng.uniform(0, 0.4, 400)
    rule = Rule("quiz.brier", "max_drop", 0.02)
    baseline = scored("main", numbers(before, "brier"))
    worse = scored("worse", numbers(before + rng.uniform(0, 0.2, 400), "brier"))
    better = scored("better", numbers(before * 0.5, "brier"))
    blocked = gate(worse, baseline, rule)
    assert blocked.verdict == "block"
    assert "quiz.brier rose by" in blocked.sentence
    passed = gate(better, baseline, rule)
    assert passed.verdict == "pass"
    assert "quiz.brier fell by" in passed.sentence
    evidence = blocked.rules[0].evidence
    assert evidence is not None
    assert evidence.value > 0 and evidence.low > 0.02


@pytest.mark.parametrize(
    ("wanted", "right", "expected", "words"),
    [
        (0.0, 840, "pass", "1000 samples), a gain is shown: passed"),
        (0.02, 840, "pass", "more than the gain of 2 asked for: passed"),
        (0.04, 840, "inconclusive", "too close to the gain of 4 asked for to tell"),
        (0.0, 800, "inconclusive", "did not change (90 % interval"),
        (0.0, 780, "block", "1000 samples), a loss is shown: blocked"),
        (0.2, 840, "block", "less than the gain of 20 asked for: blocked"),
    ],
)
def test_a_gain_must_be_shown(scored, wanted, right, expected, words) -> None:
    baseline, candidate = scored("main", binary(1000, range(800))), binary(1000, range(right))
    rule = Rule("quiz.accuracy", "min_gain", wanted)
    verdict = gate(scored("new", candidate), baseline, rule)
    assert (verdict.verdict, verdict.rules[0].kind) == (expected, "min_gain")
    assert words in verdict.sentence
    moved = {840: "rose by 4.0 points", 800: "did not change", 780: "fell by 2.0 points"}
    assert moved[right] in verdict.sentence
    assert "inf" not in verdict.sentence and "nan" not in verdict.sentence


def test_a_gain_is_a_fall_where_lower_is_better_and_a_drop_turned_round(scored) -> None:
    before = np.random.default_rng(0).uniform(0.2, 0.6, 400)
    baseline = scored("main", numbers(before, "brier"))
    better = scored("better", numbers(before * 0.5, "brier"))
    gained = gate(better, baseline, Rule("quiz.brier", "min_gain", 0.0)).rules[0]
    dropped = gate(better, baseline, Rule("quiz.brier", "max_drop", 0.0)).rules[0]
    assert gained.verdict == dropped.verdict == "pass"
    assert "quiz.brier fell by" in gained.sentence
    assert gained.evidence.value == -dropped.evidence.value > 0
    assert (gained.evidence.low, gained.evidence.high) == (
        -dropped.evidence.high,
        -dropped.evidence.low,
    )
    assert gate(baseline, better, Rule("quiz.brier", "min_gain", 0.0)).verdict == "block"


def test_a_change_of_rounding_errors_is_no_gain(scored) -> None:
    before = np.full(400, 0.5)
    baseline = scored("main", numbers(before, "accuracy"))
    nudged = scored("new", numbers(before + 1e-7, "accuracy"))
    verdict = gate(nudged, baseline, Rule("quiz.accuracy", "min_gain", 0.0))
    assert verdict.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("rule", "right", "expected", "words"),
    [
        (Rule("quiz.accuracy", "max_drop", 0.0), 798, "pass", "no loss is shown (one of "),
        (Rule("quiz.accuracy", "max_drop", 0.01), 792, "pass", "no loss beyond the 1 allowed"),
        (Rule("quiz.accuracy", "max_drop", 0.0), 700, "block", "more than the 0 allowed"),
        (Rule("quiz.accuracy", "max_drop", 0.1), 798, "pass", "less than the drop of 10 allowed"),
        (Rule("quiz.accuracy", "min_gain", 0.01), 810, "pass", "not shown to be less than"),
        (Rule("quiz.accuracy", "min", 0.8), 798, "pass", "not shown to break the minimum of 0.8"),
        (Rule("quiz.accuracy", "min", 0.5), 798, "pass", "above the minimum of 0.5"),
        (Rule("quiz.accuracy", "target", 0.8, 0.001), 798, "pass", "not shown to break 0.8"),
        (Rule("quiz.accuracy", "target", 0.1, 0.01), 798, "block", "outside 0.1"),
    ],
)
def test_a_rule_may_pass_unless_it_is_broken(scored, rule, right, expected, words) -> None:
    rule = replace(rule, pass_unless_broken=True)
    baseline, candidate = scored("main", binary(1000, range(800))), binary(1000, range(right))
    verdict = gate(scored("new", candidate), baseline, rule)
    assert verdict.verdict == expected
    assert words in verdict.sentence
    assert str(rule).endswith(", passes unless broken")


def test_a_rule_that_passes_unless_broken_still_wants_its_samples(scored) -> None:
    rule = Rule("quiz.accuracy", "max_drop", 0.0, pass_unless_broken=True)
    baseline = scored("main", binary(1000, range(800)))
    verdict = gate(scored("new", binary(900, range(800))), baseline, rule)
    assert verdict.verdict == "inconclusive"
    assert "did not run 100 of the baseline's 1000 samples" in verdict.sentence


@pytest.mark.parametrize(
    ("rule", "right", "expected", "words"),
    [
        (Rule("quiz.accuracy", "min", 0.7), 800, "pass", "above the minimum of 0.7"),
        (Rule("quiz.accuracy", "min", 0.9), 800, "block", "below the minimum of 0.9"),
        (Rule("quiz.accuracy", "min", 0.8), 800, "inconclusive", "too close to the minimum"),
        (Rule("quiz.accuracy", "max", 0.9), 800, "pass", "below the maximum of 0.9"),
        (Rule("quiz.accuracy", "max", 0.7), 800, "block", "above the maximum of 0.7"),
        (Rule("quiz.accuracy", "target", 0.8, 0.05), 800, "pass", "within 0.8 ± 0.05"),
        (Rule("quiz.accuracy", "target", 0.5, 0.05), 800, "block", "outside 0.5 ± 0.05"),
        (Rule("quiz.accuracy", "target", 0.8, 0.01), 800, "inconclusive", "too close to the edge"),
    ],
)
def test_bounds_on_the_metric_itself(scored, rule, right, expected, words) -> None:
    verdict = gate(scored("new", binary(1000, range(right))), None, rule)
    assert verdict.verdict == expected
    assert words in verdict.sentence


def test_the_interval_shown_leaves_out_the_bound_exactly_when_it_decides(scored) -> None:
    baseline = scored("main", binary(500, range(400)))
    for lost in range(0, 60, 4):
        candidate = scored(f"new{lost}", binary(500, range(lost, 400)))
        verdict = gate(candidate, baseline, DROP)
        evidence = verdict.rules[0].evidence
        assert evidence is not None
        expected = (
            "block" if evidence.low > 0.02 else "pass" if evidence.high < 0.02 else "inconclusive"
        )
        assert verdict.verdict == expected


def test_several_rules_are_corrected_for_each_other(scored) -> None:
    baseline = scored("main", binary(400, range(320)))
    candidate = scored("new", binary(400, range(306)))
    drop = Rule("quiz.accuracy", "max_drop", 0.016)
    alone = gate(candidate, baseline, drop)
    assert alone.verdict == "block"  # with p between 5 %/3 and 5 %
    others = (Rule("quiz.accuracy", "min", 0.5), Rule("quiz.accuracy", "max", 0.99))
    together = gate(candidate, baseline, drop, *others)
    assert [each.verdict for each in together.rules] == ["inconclusive", "pass", "pass"]
    assert "alone it would block; not beside the other rules" in together.sentence


def test_corpus_metrics_are_resampled_in_pairs(scored) -> None:
    rng = np.random.default_rng(1)

    def rows(right: float):
        first = rng.random(600) < 0.5
        good = rng.random(600) < right
        statistics = np.stack([first & good, first, ~first & good, ~first], axis=1).astype(float)
        return {f"s{i}": {"recall_macro": tuple(row)} for i, row in enumerate(statistics.tolist())}

    baseline, candidate = scored("main", rows(0.9)), scored("new", rows(0.75))
    rule = Rule("quiz.recall_macro", "max_drop", 0.03)
    verdict = gate(candidate, baseline, rule)
    assert verdict.verdict == "block"
    assert "paired bootstrap" in verdict.rules[0].evidence.method
    assert gate(baseline, baseline, rule).verdict == "pass"
    # Without the task's metric there is no honest number, and that is no pass.
    missing = evaluate(GateConfig((rule,)), candidate, baseline, {})
    assert missing.verdict == "block"
    assert "its task is not installed" in missing.sentence


def test_clusters_make_the_verdict_more_careful(scored) -> None:
    clusters = {f"s{index:04}": str(index // 20) for index in range(400)}
    before, after = binary(400, range(320)), binary(400, range(300))
    alone = gate(scored("b", after), scored("a", before), DROP)
    together = gate(
        scored("d", after, clusters=clusters), scored("c", before, clusters=clusters), DROP
    )
    assert alone.verdict == "block"
    assert together.verdict == "inconclusive"  # all that changed is one passage


# ----------------------------------------------------------------- never a silent pass


def reason(verdict: GateVerdict) -> str:
    assert (verdict.verdict, verdict.exit_code) == ("block", 1)
    assert verdict.sentence.endswith(": blocked")
    return verdict.sentence


def test_what_cannot_be_judged_blocks(scored) -> None:
    good = binary(200, range(150))
    baseline = scored("main", good)
    f1 = scored("f1", numbers(np.full(200, 0.7)))
    assert "missing from the run" in reason(gate(f1, None, Rule("quiz.accuracy", "min", 0.5)))
    assert "no sample has quiz.accuracy in both" in reason(gate(f1, baseline, DROP))
    other = scored("other", good, task="exam")
    assert "did not evaluate its task" in reason(gate(other, baseline, DROP))
    both = Rule("exam.accuracy", "max_drop", 0.02)
    assert "the baseline did not evaluate exam" in reason(
        evaluate(GateConfig((both,)), other, baseline)
    )
    renamed = {f"x{name}": values for name, values in good.items()}
    assert "no sample has" in reason(gate(scored("apart", renamed), baseline, DROP))
    bare = scored("bare", good, samples=False)
    assert "holds no samples" in reason(gate(bare, baseline, DROP))
    broken = scored("broken", good, status="incomplete")
    assert "incomplete" in reason(gate(broken, baseline, DROP))


def test_a_nan_score_blocks(scored) -> None:
    good = numbers(np.linspace(0.2, 0.9, 100))
    broken = good | {"s0003": {"f1": math.nan}}
    rule = Rule("quiz.f1", "max_drop", 0.5)
    assert "nan" in reason(gate(scored("b", broken), scored("a", good), rule))
    floor = Rule("quiz.f1", "min", 0.0)
    assert "nan" in reason(gate(scored("c", broken), None, floor))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "2"}, "task version"),
        ({"data_sha256": "e" * 64}, "data (SHA-256)"),
        ({"settings": {"num_fewshot": "5", "template": "default"}}, "few-shot"),
        ({"settings": {"num_fewshot": "0", "template": "lm_eval"}}, "prompt template"),
    ],
)
def test_runs_that_differ_in_kind_block(scored, change, words) -> None:
    good = binary(200, range(150))
    verdict = gate(scored("new", good, **change), scored("main", good), DROP)
    assert words in reason(verdict)


def test_rules_that_could_never_block_are_errors(scored) -> None:
    run = scored("new", binary(100, range(70)))
    for name, hint in (("quiz.acuracy", "quiz.accuracy"), ("qiz.accuracy", "quiz.accuracy")):
        with pytest.raises(UnknownNameError) as caught:
            gate(run, run, Rule(name, "max_drop", 0.1))
        assert hint in str(caught.value)
    with pytest.raises(ConfigError, match="needs a baseline"):
        gate(run, None, DROP)
    share = scored("share", binary(100, range(50), "share"))
    with pytest.raises(ConfigError, match="neither direction is better"):
        gate(share, share, Rule("quiz.share", "max_drop", 0.1))


@pytest.mark.parametrize(("kind", "value"), [("max_drop", 5.0), ("min", 80.0), ("max", -0.1)])
def test_bounds_on_another_scale_are_errors(scored, kind, value) -> None:
    run = scored("new", binary(100, range(70), "share_right"))
    with pytest.raises(ConfigError, match=r"outside of what quiz\.share_right can be, 0 to 1"):
        gate(run, run, Rule("quiz.share_right", kind, value))
    assert gate(run, run, Rule("quiz.share_right", "max_drop", 1.0)).verdict == "pass"


def test_a_model_that_fails_on_many_samples_does_not_pass(scored) -> None:
    good = binary(1000, range(900))
    baseline = scored("main", good)
    few = scored("few", unscored(good, [f"s{index:04}" for index in range(900, 930)]))
    many = scored("many", unscored(good, [f"s{index:04}" for index in range(900, 1000)]))
    passed = gate(few, baseline, DROP)
    assert passed.verdict == "pass"
    assert "970 samples, 30 more not scored in both runs" in passed.sentence
    refused = gate(many, baseline, DROP)
    assert refused.verdict == "inconclusive"
    assert "because 100 of 1000 samples could not be scored" in refused.sentence
    assert gate(many, baseline, DROP, max_unscored=0.2).verdict == "pass"
    floor = gate(many, None, Rule("quiz.accuracy", "min", 0.5))
    assert floor.verdict == "inconclusive"


def test_too_few_samples_are_inconclusive(scored) -> None:
    rule = Rule("quiz.f1", "max_drop", 0.9)
    run = scored("one", numbers([0.3]))
    other = scored("two", numbers([0.9]))
    verdict = gate(other, run, rule)
    assert verdict.verdict == "inconclusive"
    assert "too little data for an interval" in verdict.sentence


def test_what_a_probe_measured_can_be_bounded(scored) -> None:
    flips = {"typos": {"accuracy": {"flip_rate": Estimate(0.08, 0.01, 0.06, 0.1, 500, "mean")}}}
    run = scored("new", binary(100, range(70)), probes=flips)
    name = "quiz.typos.accuracy.flip_rate"
    assert gate(run, None, Rule(name, "max", 0.15)).verdict == "pass"
    assert gate(run, None, Rule(name, "max", 0.05)).verdict == "block"
    with pytest.raises(ConfigError, match="a probe measured"):
        gate(run, run, Rule(name, "max_drop", 0.05))


def test_the_verdict_as_json(scored) -> None:
    baseline = scored("main", binary(1000, range(800)))
    candidate = scored("new", binary(1000, range(740)))
    rules = DROP, Rule("quiz.accuracy", "min", 0.5)
    verdict = gate(candidate, baseline, *rules)
    data = json.loads(json.dumps(gate_to_json(verdict)))
    assert data["verdict"] == "block"
    assert data["samples_used"] == data["samples_planned"] == {"quiz": 1000}
    assert data["config_sha256"] == GateConfig(rules).sha256({"quiz": 1000})
    first = data["rules"][0]
    assert (first["metric"], first["rule"]) == ("quiz.accuracy", "max_drop = 0.02")
    assert first["value"] == pytest.approx(0.06)
    assert first["low"] < 0.06 < first["high"]
    assert first["confidence"] == pytest.approx(0.9)
    assert data["rules"][1]["verdict"] == "pass"
    back = gate_from_json(data)
    assert gate_to_json(back) == data
    assert (back.sentence, back.exit_code) == (verdict.sentence, 1)
    assert back.rules[0].evidence.low == verdict.rules[0].evidence.low


@pytest.mark.parametrize("verdict", ["odd", "", None])
def test_an_unknown_verdict_is_read_as_inconclusive_never_as_a_pass(verdict) -> None:
    back = gate_from_json({"verdict": verdict, "rules": [{"verdict": verdict}]})
    assert (back.verdict, back.exit_code, back.sentence) == ("inconclusive", 4, "")
    assert back.rules[0].verdict == "inconclusive"


def test_settings_that_differ_from_the_baselines_gate_are_said(scored) -> None:
    good = binary(1000, range(800))
    first = gate(scored("main", good), scored("older", good), DROP)
    gated = scored("gated", good, gate=first)
    same = gate(scored("new", good), gated, DROP)
    assert same.notes == ()
    looser = gate(scored("new2", good), gated, Rule("quiz.accuracy", "max_drop", 0.1), alpha=0.2)
    assert any("alpha is 0.2" in note for note in looser.notes)
    assert any("max_drop = 0.1" in note for note in looser.notes)
    assert any("left out" in note and "max_drop = 0.02" in note for note in looser.notes)
    fewer = gate(scored("new3", binary(900, range(720))), gated, DROP)
    assert fewer.notes == ("quiz: 900 samples planned, 1000 for the baseline's gate",)
    half = {name: good[name] for name in sorted(good)[:500]}
    ended = scored("ended", half, gate=first)
    late = gate(scored("new4", good), ended, DROP)
    assert any("ended early by its own gate, after 500 of 1000" in note for note in late.notes)
