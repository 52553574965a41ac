"""The gate that judges while the run goes on."""

import random
from collections import Counter

import numpy as np
import pytest

from harness.errors import ConfigError
from harness.gating import (
    Rule,
    SequentialGate,
    committed_order,
)
from support.scored_runs import METRICS, binary, numbers
from support.sequential_gates import DROP, alone, config, feed

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
