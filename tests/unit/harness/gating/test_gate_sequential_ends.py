"""The gate that judges while the run goes on: what is missing or broken, and finished runs."""

import math
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
    evaluate,
)
from harness.types import Unscored
from support.scored_runs import METRICS, binary, unscored
from support.sequential_gates import DROP, alone, config, feed

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
