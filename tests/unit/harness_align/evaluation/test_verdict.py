"""A shown gain on the target, no shown loss on the guards."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

from harness import join_verdicts, load_plugins
from harness.authoring import metrics
from harness.authoring.metrics import MetricRef
from harness.errors import UnknownNameError, UsageError
from harness.protocols import TaskSpec
from harness.results.baseline import ScoredRun
from harness.results.score_table import ScoredSample
from harness.stats import estimates
from harness.types import DataSource, MetricResult, RunResult, TaskResult, Unscored, Usage
from harness_align.evaluation import verdict as judging
from harness_align.evaluation.verdict import judge, named, standing


def scored(values, higher=True):
    """A run of tasks, each with a metric ``acc``; task → values."""
    tasks, samples = {}, {}
    for task, numbers in values.items():
        known = [each for each in numbers if not isinstance(each, Unscored)]
        tasks[task] = TaskResult(
            task,
            "1",
            len(numbers),
            0,
            DataSource("sample", "x"),
            "0",
            {"acc": MetricResult(estimates.mean(known), higher)},
        )
        samples[task] = {
            str(i): ScoredSample(str(i), {"acc": value}) for i, value in enumerate(numbers)
        }
    return ScoredRun(RunResult("r", "complete", {}, tasks), samples)


BAD, GOOD, MIXED = [0.0] * 80 + [1.0] * 20, [0.0] * 20 + [1.0] * 80, [0.0, 1.0] * 50


TARGET = (MetricRef("t"),)


def decide(before, after, targets=TARGET, guards=(), higher=True):
    registry = load_plugins()
    for task in before:
        registry.tasks[task] = TaskSpec(
            task, "", lambda _: SimpleNamespace(metrics=[metrics.Mean("acc")])
        )
    return judge(scored(before, higher), scored(after, higher), targets, guards, registry)


def test_a_shown_gain_passes():
    verdict = decide({"t": BAD}, {"t": GOOD})
    assert (verdict.verdict, verdict.exit_code) == ("pass", 0)
    assert "t.acc rose by 60.0 points" in verdict.sentence
    assert "a gain is shown" in verdict.sentence


def test_no_change_is_inconclusive():
    verdict = decide({"t": MIXED}, {"t": MIXED})
    assert (verdict.verdict, verdict.exit_code) == ("inconclusive", 4)


def test_a_loss_on_the_target_blocks():
    assert decide({"t": GOOD}, {"t": BAD}).exit_code == 1


def test_a_loss_on_a_guard_blocks_whatever_was_gained():
    verdict = decide({"t": BAD, "g": GOOD}, {"t": GOOD, "g": BAD}, guards=(MetricRef("g", "acc"),))
    assert (verdict.verdict, verdict.exit_code) == ("block", 1)
    assert "g.acc fell by 60.0 points" in verdict.sentence
    assert "more than the 0 allowed: blocked" in verdict.sentence


def test_a_guard_without_a_shown_loss_passes_and_says_what_would_have_been_seen():
    verdict = decide({"t": BAD, "g": MIXED}, {"t": GOOD, "g": MIXED}, guards=(MetricRef("g"),))
    assert verdict.verdict == "pass"
    guard = verdict.rules[1]
    assert "no loss is shown (one of " in guard.sentence
    assert guard.evidence.detectable > guard.evidence.high > 0


def test_lower_is_better_turns_gains_round():
    assert decide({"t": GOOD}, {"t": BAD}, higher=False).verdict == "pass"
    assert decide({"t": BAD}, {"t": GOOD}, higher=False).verdict == "block"


def test_closer_to_an_ideal_is_a_gain_from_either_side():
    half = (MetricRef("t", "acc", 0.5),)
    assert decide({"t": GOOD}, {"t": MIXED}, half, higher=None).verdict == "pass"
    assert decide({"t": BAD}, {"t": MIXED}, half, higher=None).verdict == "pass"
    assert decide({"t": MIXED}, {"t": BAD}, half, higher=None).verdict == "block"
    assert decide({"t": GOOD}, {"t": BAD}, half, higher=None).verdict == "inconclusive"


def test_a_metric_without_direction_needs_an_ideal():
    with pytest.raises(UsageError, match=r"t\.acc@0\.5"):
        decide({"t": GOOD}, {"t": BAD}, higher=None)


def test_losses_of_many_guards_are_corrected():
    """One guard of 20 that loses by chance at p = 1 % must not block."""
    before = {"t": BAD, **{f"g{i}": MIXED for i in range(20)}}
    slightly = [*MIXED[:86], *[0.0] * 14]  # seven of a hundred lost
    after = {"t": GOOD, **{f"g{i}": MIXED for i in range(20)}, "g0": slightly}
    alone = decide(before, after, guards=(MetricRef("g0"),))
    among = decide(before, after, guards=tuple(MetricRef(f"g{i}") for i in range(20)))
    assert alone.verdict == "block"
    assert among.verdict == "pass"


def test_nothing_judged_is_inconclusive():
    verdict = join_verdicts([])
    assert (verdict.verdict, verdict.exit_code) == ("inconclusive", 4)
    assert verdict.sentence == "nothing was judged"


def test_aims_are_read_with_metric_and_ideal():
    tasks = ["squad", "squad.v2"]
    assert MetricRef.parse("squad", tasks) == MetricRef("squad")
    assert MetricRef.parse("squad.f1", tasks) == MetricRef("squad", "f1")
    assert MetricRef.parse("squad.v2.f1@0.5", tasks) == MetricRef("squad.v2", "f1", 0.5)
    with pytest.raises(UnknownNameError, match="squad"):
        MetricRef.parse("squat.f1", tasks)
    with pytest.raises(UsageError, match="half"):
        MetricRef.parse("squad.f1@half", tasks)


def test_a_metric_that_the_task_lacks_lists_the_known_ones():
    with pytest.raises(UnknownNameError, match="acc"):
        decide({"t": BAD}, {"t": GOOD}, (MetricRef("t", "ac"),))


@pytest.mark.parametrize(
    ("higher", "ideal", "expected"),
    [(True, None, 0.2), (False, None, -0.2), (None, 0.5, -0.3), (True, 0.1, -0.1)],
)
def test_how_good_a_value_is_goes_by_its_direction_or_its_ideal(higher, ideal, expected):
    result = scored({"t": BAD}, higher).result
    aim = named(MetricRef("t", "", ideal), result)
    assert aim.metric == "acc"
    assert standing(aim, result) == pytest.approx((0.2, expected))


def test_a_metric_without_a_direction_needs_an_ideal():
    with pytest.raises(UsageError, match="neither better high nor low"):
        named(MetricRef("t"), scored({"t": BAD}, None).result)


def test_a_metric_that_is_nan_blocks_rather_than_passes():
    values = {"t": BAD, "g": GOOD}
    verdict = decide(values, {"t": GOOD, "g": [math.nan] * 100}, guards=(MetricRef("g"),))
    assert (verdict.verdict, verdict.exit_code) == ("block", 1)
    assert "nan" in verdict.sentence


def test_a_guard_whose_samples_cannot_be_scored_does_not_pass_in_silence():
    failed = [*GOOD[:90], *[Unscored("no answer")] * 10]
    verdict = decide({"t": BAD, "g": GOOD}, {"t": GOOD, "g": failed}, guards=(MetricRef("g"),))
    assert [each.verdict for each in verdict.rules] == ["pass", "inconclusive"]
    assert "10 of 100 samples could not be scored" in verdict.rules[1].sentence


def test_entries_of_the_record_say_what_was_measured():
    verdict = decide({"t": BAD, "g": GOOD}, {"t": GOOD, "g": BAD}, guards=(MetricRef("g"),))
    told = judging.to_json(replace(verdict, notes=("hides a group",)), verdict, None)
    assert (told["decision"], told["notes"], told["gate"]) == ("block", ["hides a group"], None)
    target, guard = told["judgements"]
    assert (target["role"], guard["role"]) == ("target", "guard")
    assert target["gain"]["value"] == -guard["gain"]["value"] == pytest.approx(0.6)
    assert target["gain"]["low"] == pytest.approx(-guard["gain"]["high"])
    assert (target["baseline"], target["candidate"]) == pytest.approx((0.2, 0.8))
    assert 0 < target["minimum_detectable"] < 1


def test_joined_verdicts_end_as_the_worst_does():
    passed, blocked = decide({"t": BAD}, {"t": GOOD}), decide({"t": GOOD}, {"t": BAD})
    unclear = decide({"t": MIXED}, {"t": MIXED})
    assert join_verdicts([passed, unclear]).exit_code == 4
    assert join_verdicts([passed, unclear, blocked]).exit_code == 1
    assert len(join_verdicts([passed, unclear]).rules) == 2


@pytest.mark.parametrize(
    ("wrap", "facts", "said", "noted"),
    [
        (False, {"chat_template": True}, 40, 1),
        (True, {"chat_template": True}, 40, 0),  # trained as it is asked
        (False, {"chat_template": False}, 40, 0),
        (False, {}, 40, 0),  # a backend that says nothing of it
        (False, {"chat_template": True}, 0, 0),  # choices are scored as plain text
    ],
)
def test_plain_training_that_is_measured_as_a_conversation_is_noted(wrap, facts, said, noted):
    run = replace(scored({"t": GOOD}).result, model=facts, usage=Usage(completion_tokens=said))
    assert len(judging.notes_on(run, wrap)) == noted
