"""The gate that judges while the run goes on."""

import math
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from harness.authoring.io.gate_json import gate_to_json
from harness.comparison.comparability import TaskIdentity
from harness.errors import ConfigError, UnknownNameError
from harness.gating import (
    GateConfig,
    Rule,
    SequentialGate,
    committed_order,
    evaluate,
)
from harness.types import Unscored
from support.scored_runs import METRICS, binary, numbers, unscored

DROP = Rule("quiz.accuracy", "max_drop", 0.02)


def config(*rules: Rule, **options) -> GateConfig:
    return GateConfig(rules, mode="sequential", **options)


def alone(scores, clusters=None):
    return {"quiz": {name: (clusters or {}).get(name) for name in scores}}


def feed(gate: SequentialGate, scores, task: str = "quiz") -> int:
    """Gives the scores in the committed order until all is decided; how many were needed."""
    for count, name in enumerate(gate.order(task), start=1):
        if gate.update(task, name, scores[name]):
            return count
    return len(gate.order(task))


# ----------------------------------------------------------------- the committed order


def test_the_order_is_the_seeds_and_nothing_elses() -> None:
    names = [f"s{index}" for index in range(200)]
    shuffled = random.Random(1).sample(names, 200)
    order = committed_order(dict.fromkeys(names), 7)
    assert sorted(order) == sorted(names)
    assert order == committed_order(dict.fromkeys(shuffled), 7)
    assert order != committed_order(dict.fromkeys(names), 8)
    half = set(names[::2])
    smaller = committed_order(dict.fromkeys(names[::2]), 7)
    assert smaller == [name for name in order if name in half]


def test_the_order_is_as_good_as_random() -> None:
    names = [f"s{index}" for index in range(50)]
    places = Counter(
        committed_order(dict.fromkeys(names), seed).index("s0") for seed in range(2000)
    )
    assert len(places) == 50
    assert max(places.values()) < 75  # 40 are expected at each place


def test_clusters_stand_together() -> None:
    clusters = {f"s{index}": f"c{index % 7}" if index % 2 else None for index in range(60)}
    order = committed_order(clusters, 3)
    runs = [clusters[name] for name in order]
    assert sorted(order) == sorted(clusters)
    for cluster in {each for each in runs if each}:
        positions = [index for index, each in enumerate(runs) if each == cluster]
        assert positions == list(range(positions[0], positions[-1] + 1))


# ----------------------------------------------------------------- drops


def test_a_large_drop_is_blocked_early(scored) -> None:
    baseline = scored("main", binary(1000, range(800)))
    after = binary(1000, range(700))
    gate = SequentialGate(config(DROP), alone(after), baseline, {"quiz": METRICS}, 3)
    used = feed(gate, after)
    assert used < 300
    assert gate.decided and gate.blocked and not gate.open_tasks
    verdict = gate.conclude(
        scored("new", {name: after[name] for name in gate.order("quiz")[:used]})
    )
    assert verdict.exit_code == 1
    assert f"more than the 2 allowed: blocked after {used} of 1000 samples" in verdict.sentence
    assert verdict.samples_used == {"quiz": used}
    evidence = verdict.rules[0].evidence
    assert evidence is not None
    assert evidence.low >= 0.02
    assert evidence.baseline is not None and evidence.candidate is not None
    assert evidence.baseline - evidence.candidate == pytest.approx(evidence.value)


def test_no_change_passes_before_the_end(scored) -> None:
    before = binary(1000, range(800))
    baseline = scored("main", before)
    after = binary(1000, range(5, 805))
    gate = SequentialGate(config(DROP), alone(after), baseline, {"quiz": METRICS}, 3)
    assert feed(gate, after) < 800
    assert gate.conclude(scored("new", after)).verdict == "pass"


def test_the_same_model_never_blocks(scored) -> None:
    before = binary(300, range(200))
    baseline = scored("main", before)
    for seed in range(20):
        for population, expected in (("source", "inconclusive"), ("benchmark", "pass")):
            judged_by = config(DROP, population=population)
            gate = SequentialGate(judged_by, alone(before), baseline, {}, seed)
            feed(gate, before)
            assert gate.conclude(baseline).verdict == expected


@pytest.mark.parametrize(
    ("rule", "right", "expected"),
    [
        (Rule("quiz.accuracy", "min_gain", 0.0), 950, "pass"),
        (Rule("quiz.accuracy", "min_gain", 0.0), 800, "inconclusive"),
        (Rule("quiz.accuracy", "min_gain", 0.0), 600, "block"),
        (Rule("quiz.accuracy", "min_gain", 0.3), 850, "block"),
        (Rule("quiz.accuracy", "max_drop", 0.0, pass_unless_broken=True), 800, "pass"),
        (Rule("quiz.accuracy", "max_drop", 0.0, pass_unless_broken=True), 600, "block"),
    ],
)
def test_gains_are_tested_sample_by_sample(scored, rule, right, expected) -> None:
    baseline = scored("main", binary(1000, range(800)))
    gate = SequentialGate(config(rule), alone(binary(1000, [])), baseline, {"quiz": METRICS})
    candidate = binary(1000, range(right))
    feed(gate, candidate)
    verdict = gate.conclude(scored("new", candidate))
    assert verdict.verdict == expected
    evidence = verdict.rules[0].evidence
    assert evidence is not None
    if rule.kind == "min_gain" and expected == "pass":
        assert evidence.low > 0
        assert "a gain is shown" in verdict.sentence


def test_completion_order_does_not_matter(scored) -> None:
    baseline = scored("main", binary(400, range(300)))
    after = binary(400, range(240))
    verdicts = []
    for shuffle in range(4):
        gate = SequentialGate(config(DROP), alone(after), baseline, {}, 3)
        names = random.Random(shuffle).sample(sorted(after), len(after))
        for name in names:
            gate.update("quiz", name, after[name])
        verdicts.append(gate.conclude(baseline))
    assert len({each.sentence for each in verdicts}) == 1
    in_order = SequentialGate(config(DROP), alone(after), baseline, {}, 3)
    feed(in_order, after)
    assert in_order.conclude(baseline).rules == verdicts[0].rules


def test_a_sample_may_not_come_twice_or_uninvited(scored) -> None:
    before = binary(10, range(5))
    gate = SequentialGate(config(DROP), alone(before), scored("main", before), {})
    gate.update("quiz", "s0000", before["s0000"])
    for name in ("s0000", "nobody"):
        with pytest.raises(ValueError, match=name):
            gate.update("quiz", name, {})


def test_lower_is_better_is_turned_round(scored) -> None:
    rng = np.random.default_rng(0)
    before = rng.uniform(0, 0.3, 400)
    baseline = scored("main", numbers(before, "brier"))
    rule = Rule("quiz.brier", "max_drop", 0.02)
    for change, expected in ((0.3, "block"), (-0.2, "pass")):
        after = numbers(np.clip(before + change, 0, 1), "brier")
        gate = SequentialGate(config(rule), alone(after), baseline, {"quiz": METRICS})
        feed(gate, after)
        verdict = gate.conclude(baseline)
        assert verdict.verdict == expected
        evidence = verdict.rules[0].evidence
        assert evidence is not None
        assert (evidence.value > 0) == (change > 0)


def test_clusters_are_the_units(scored) -> None:
    clusters = {f"s{index:04}": f"c{index // 10}" for index in range(400)}
    before = binary(400, range(400))
    after = binary(400, range(200, 400))
    baseline = scored("main", before, clusters=clusters)
    gate = SequentialGate(config(DROP), alone(after, clusters), baseline, {}, 3)
    used = feed(gate, after)
    assert used % 10 == 0  # decided only when a cluster is complete
    verdict = gate.conclude(baseline)
    assert verdict.verdict == "block"
    assert "40 clusters" in verdict.rules[0].evidence.method
    singly = SequentialGate(config(DROP), alone(after), baseline, {}, 3)
    assert feed(singly, after) < used


def test_several_rules_share_alpha(scored) -> None:
    before, after = binary(1000, range(800)), binary(1000, range(720))
    baseline = scored("main", before)
    one = SequentialGate(config(DROP), alone(after), baseline, {"quiz": METRICS}, 3)
    rules = (DROP, Rule("quiz.accuracy", "min", 0.3), Rule("quiz.accuracy", "max", 0.99))
    three = SequentialGate(config(*rules), alone(after), baseline, {"quiz": METRICS}, 3)
    feed(one, after)
    feed(three, after)
    first, second = one.conclude(baseline).rules[0], three.conclude(baseline).rules[0]
    assert first.verdict == second.verdict == "block"
    assert first.samples_used < second.samples_used
    assert first.evidence.confidence == pytest.approx(0.9)
    assert second.evidence.confidence == pytest.approx(1 - 2 * 0.05 / 3)


# ----------------------------------------------------------------- bounds on the metric itself


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule("quiz.accuracy", "min", 0.5), "pass"),
        (Rule("quiz.accuracy", "min", 0.95), "block"),
        (Rule("quiz.accuracy", "max", 0.95), "pass"),
        (Rule("quiz.accuracy", "max", 0.5), "block"),
        (Rule("quiz.accuracy", "target", 0.75, 0.2), "pass"),
        (Rule("quiz.accuracy", "target", 0.4, 0.2), "block"),
        (Rule("quiz.accuracy", "target", 0.99, 0.02), "block"),
    ],
)
def test_floors_ceilings_and_targets_are_sequential_too(scored, rule, expected) -> None:
    scores = binary(800, range(600))
    gate = SequentialGate(config(rule), alone(scores), None, {"quiz": METRICS}, 3)
    assert feed(gate, scores) < 500
    verdict = gate.conclude(scored("new", scores))
    assert verdict.verdict == expected
    evidence = verdict.rules[0].evidence
    assert evidence is not None and evidence.low < 0.75 < evidence.high


def test_a_floor_at_the_truth_rarely_blocks() -> None:
    scores = binary(300, range(240))
    rule = Rule("quiz.accuracy", "min", 0.8)
    blocks = 0
    for seed in range(150):
        gate = SequentialGate(config(rule), alone(scores), None, {"quiz": METRICS}, seed)
        feed(gate, scores)
        blocks += gate.blocked
    assert blocks <= 15  # 5 % are 7.5; three standard errors more are 15.5


def test_corpus_metrics_wait_for_the_end(scored) -> None:
    rows = {f"s{i}": {"recall_macro": (1.0, 1.0, 0.0, 0.0) if i % 2 else (0.0, 0.0, 1.0, 1.0)}
            for i in range(100)}  # fmt: skip
    rows |= {f"s{i}": {"recall_macro": (0.0, 1.0, 0.0, 0.0)} for i in (1, 3, 5)}
    rule = Rule("quiz.recall_macro", "min", 0.5)
    gate = SequentialGate(config(rule), alone(rows), None, {"quiz": METRICS}, 3)
    assert feed(gate, rows) == 100
    verdict = gate.conclude(scored("new", rows))
    assert verdict.verdict == "pass"
    drop = Rule("quiz.recall_macro", "max_drop", 0.1)
    with pytest.raises(ConfigError, match="cannot be judged sequentially") as caught:
        SequentialGate(config(drop), alone(rows), scored("main", rows), {"quiz": METRICS})
    assert 'mode = "fixed"' in str(caught.value)


def test_unbounded_scores_are_refused_or_wait(scored) -> None:
    lengths = numbers(np.linspace(5, 50, 60), "length")
    with pytest.raises(ConfigError, match=r"per-sample scores in \[0, 1\]"):
        SequentialGate(
            config(Rule("quiz.length", "max_drop", 1)), alone(lengths), scored("m", lengths), {}
        )
    floor = Rule("quiz.length", "min", 10)
    gate = SequentialGate(config(floor), alone(lengths), None, {"quiz": METRICS})
    assert feed(gate, lengths) == 60
    assert gate.conclude(scored("new", lengths)).verdict == "pass"


def test_a_metric_that_only_some_samples_have_waits_for_the_end(scored) -> None:
    scores = {
        name: values | ({"share": 1.0} if index % 3 else {})
        for index, (name, values) in enumerate(binary(90, range(60)).items())
    }
    rule = Rule("quiz.share", "min", 0.5)
    gate = SequentialGate(config(rule), alone(scores), None, {"quiz": METRICS})
    assert feed(gate, scores) == 90
    verdict = gate.conclude(scored("new", scores))
    assert verdict.verdict == "pass"
    assert verdict.rules[0].evidence.n == 60


# ----------------------------------------------------------------- what is missing or broken


def test_failed_samples_speak_for_neither_side_unless_all_failed(scored) -> None:
    before = binary(300, range(300))
    baseline = scored("main", before)
    nothing = {name: {} for name in before}
    for scores in (nothing, unscored(before, sorted(before))):
        gate = SequentialGate(config(DROP), alone(before), baseline, {})
        assert feed(gate, scores) == 300
        verdict = gate.conclude(baseline)
        assert verdict.verdict == "block"
        assert "none of 300 samples could be scored" in verdict.sentence
    # One in twenty failing slows a pass that the margin of 10 points still allows.
    wide = Rule("quiz.accuracy", "max_drop", 0.1)
    some = {n: ({} if i % 20 == 0 else v) for i, (n, v) in enumerate(before.items())}
    gate = SequentialGate(config(wide), alone(before), baseline, {}, 3)
    slower = feed(gate, some)
    assert gate.conclude(baseline).verdict == "pass"
    gate = SequentialGate(config(wide), alone(before), baseline, {}, 3)
    assert feed(gate, before) < slower


@pytest.mark.parametrize("value", [math.nan, 3.5, (1.0, 2.0)])
def test_broken_scores_block(scored, value) -> None:
    before = binary(50, range(40))
    baseline = scored("main", before)
    gate = SequentialGate(config(DROP), alone(before), baseline, {})
    feed(gate, {name: {"accuracy": value} for name in before})
    verdict = gate.conclude(baseline)
    assert verdict.verdict == "block"
    assert verdict.sentence.endswith(": blocked")


def test_what_is_missing_blocks_before_the_first_model_call(scored) -> None:
    before = binary(50, range(40))
    baseline = scored("main", before)
    identity = TaskIdentity.of_result(baseline.result.tasks["quiz"])
    changed = {"quiz": replace(identity, data_sha256="e" * 64)}
    apart = {"quiz": {"x1": None}}
    nowhere = {"exam": {"s0000": None}}
    for planned, identities, words in (
        (alone(before), changed, "not comparable with the baseline"),
        (apart, {}, "no planned sample has a score in the baseline"),
        (nowhere, {}, "does not evaluate its task"),
    ):
        gate = SequentialGate(config(DROP), planned, baseline, {}, 0, identities)
        assert gate.decided and gate.blocked
        assert words in gate.conclude(baseline).sentence
    same = SequentialGate(config(DROP), alone(before), baseline, {}, 0, {"quiz": identity})
    assert not same.decided


def test_rules_that_could_never_block_are_errors(scored) -> None:
    before = binary(50, range(40))
    with pytest.raises(UnknownNameError, match="acuracy"):
        SequentialGate(
            config(Rule("quiz.acuracy", "min", 0.1)),
            alone(before),
            None,
            {"quiz": METRICS},
        )
    with pytest.raises(ConfigError, match="needs a baseline"):
        SequentialGate(config(DROP), alone(before), None, {"quiz": METRICS})


def test_two_tasks_are_judged_each_in_its_order(scored) -> None:
    rules = (Rule("quiz.accuracy", "min", 0.4), Rule("exam.accuracy", "min", 0.4))
    scores = binary(400, range(320))
    planned = {"quiz": dict.fromkeys(scores), "exam": dict.fromkeys(scores)}
    metrics = {"quiz": METRICS, "exam": METRICS}
    gate = SequentialGate(config(*rules), planned, None, metrics, 3)
    assert gate.open_tasks == {"quiz", "exam"}
    for name in gate.order("quiz"):
        if "quiz" in gate.open_tasks:
            assert not gate.update("quiz", name, scores[name])
    assert gate.open_tasks == {"exam"}
    assert not gate.decided
    feed(gate, scores, "exam")
    assert gate.decided


# ----------------------------------------------------------------- judging a finished run


def test_a_finished_run_gives_the_verdict_that_the_run_would_have_ended_with(scored) -> None:
    baseline = scored("main", binary(1000, range(800)))
    after = binary(1000, range(720))
    live = SequentialGate(config(DROP), alone(after), baseline, {"quiz": METRICS}, 3)
    used = feed(live, after)
    early = {name: after[name] for name in live.order("quiz")[:used]}
    ended = live.conclude(scored("ended", early))
    stopped = scored("stopped", early, gate=ended)
    for run in (scored("whole", after), stopped):
        replayed = evaluate(config(DROP), run, baseline, {"quiz": METRICS}, 3)
        assert gate_to_json(replayed) == gate_to_json(ended)
    with pytest.raises(ConfigError, match="ended early by its sequential gate"):
        evaluate(GateConfig((DROP,)), stopped, baseline, {"quiz": METRICS})


def test_an_early_end_is_not_judged_again_as_if_it_were_the_whole(scored) -> None:
    scores = binary(400, range(320))
    rule = config(Rule("quiz.accuracy", "min", 0.4))
    gate = SequentialGate(rule, alone(scores), None, {"quiz": METRICS}, 3)
    used = feed(gate, scores)
    early = {name: scores[name] for name in gate.order("quiz")[:used]}
    ended = gate.conclude(scored("ended", early))
    stopped = scored("stopped", early, gate=ended)
    with pytest.raises(ConfigError, match=f"{used} of 400 samples"):
        evaluate(rule, stopped, None, {"quiz": METRICS}, 3)
    whole = scored("whole", scores)
    again = evaluate(rule, stopped, whole, {"quiz": METRICS}, 3)
    assert again.rules == ended.rules


def test_an_unfinished_run_is_inconclusive(scored) -> None:
    before = binary(1000, range(800))
    baseline = scored("main", before)
    gate = SequentialGate(config(DROP), alone(before), baseline, {}, 3)
    for name in gate.order("quiz")[:40]:
        gate.update("quiz", name, before[name])
    verdict = gate.conclude(baseline)
    assert verdict.verdict == "inconclusive"
    assert "after 40 of 1000 samples" in verdict.sentence
    empty = SequentialGate(config(DROP), alone(before), baseline, {}, 3).conclude(baseline)
    assert "no samples were judged" in empty.sentence


def test_false_blocks_of_a_noisy_but_equal_model_stay_below_alpha(scored) -> None:
    rng = np.random.default_rng(8)
    right = rng.random(150) < 0.7
    before = {f"s{i:04}": {"accuracy": float(each)} for i, each in enumerate(right)}
    baseline = scored("main", before)
    blocks = 0
    for seed in range(60):
        other = rng.permutation(right)  # as accurate, on other samples
        after = {f"s{i:04}": {"accuracy": float(each)} for i, each in enumerate(other)}
        gate = SequentialGate(config(DROP), alone(after), baseline, {}, seed)
        feed(gate, after)
        blocks += gate.blocked
    assert blocks <= 3


def test_unscored_is_named_beside_n(scored) -> None:
    before = binary(200, range(200))
    baseline = scored("main", before)
    after = before | {"s0000": {"accuracy": Unscored("no answer")}}
    rule = Rule("quiz.accuracy", "max_drop", 0.001)
    gate = SequentialGate(config(rule), alone(before), baseline, {}, 3)
    feed(gate, after)
    assert "199 samples, 1 more not scored in both runs" in gate.conclude(baseline).sentence
