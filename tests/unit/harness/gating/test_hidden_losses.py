"""A verdict names the groups that got worse while a ruled metric as a whole did not."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from harness import gating, parse_gate
from harness.results.baseline import load_run
from support.scored_runs import MakeRun

N = 300
"""Samples of each group."""


def notes(
    make_run: MakeRun,
    before: Mapping[str, Mapping[str, float]],
    after: Mapping[str, Mapping[str, float]],
    metric: str,
    kind: str = "max_drop",
) -> list[str]:
    """Of a gate on one metric of two runs whose samples' groups are their names' beginnings."""
    groups = {name: name.partition("-")[0] for name in before}
    runs = [
        load_run(make_run(name, scores, groups=groups))
        for name, scores in (("before", before), ("after", after))
    ]
    config = parse_gate({"rule": [{"metric": metric, kind: 0.5}]})
    bare = gating.evaluate(config, runs[1], runs[0])
    found = gating.in_context(bare, runs[1], runs[0], {})
    assert (found.verdict, found.rules) == (bare.verdict, bare.rules), "a note decides nothing"
    return [note for note in found.notes if "hides" in note]


def scores(metric: str, **right: int) -> dict[str, dict[str, float]]:
    """Group → how many of its samples score 1, the others 0."""
    return {
        f"{group}-{place:03d}": {metric: float(place < count)}
        for group, count in right.items()
        for place in range(N)
    }


def test_a_group_that_fell_while_the_whole_rose_is_named(make_run: MakeRun) -> None:
    before = scores("accuracy", arts=150, law=200, maths=200)
    after = scores("accuracy", arts=290, law=201, maths=150)
    (note,) = notes(make_run, before, after, "quiz.accuracy")
    assert note.startswith(
        "quiz.accuracy as a whole hides topic maths, which is worse: 0.667 → 0.500, "
        "95 % interval of the change -0.2"
    )


def test_where_the_whole_fell_its_groups_are_no_news(make_run: MakeRun) -> None:
    before, after = scores("accuracy", arts=150, law=200), scores("accuracy", arts=151, law=100)
    assert not notes(make_run, before, after, "quiz.accuracy")


def test_lower_may_be_better(make_run: MakeRun) -> None:
    before, after = scores("brier", arts=150, law=200), scores("brier", arts=50, law=250)
    (note,) = notes(make_run, before, after, "quiz.brier")
    assert "topic law, which is worse" in note


def test_groups_on_either_side_of_an_ideal_cancel(make_run: MakeRun) -> None:
    """The whole comes to one half as one group goes far below it, and no other moves."""
    before, after = scores("share", age=210, race=143), scores("share", age=210, race=90)
    (note,) = notes(make_run, before, after, "quiz.share@0.5")
    assert "hides topic race, which is further from 0.5: 0.477 → 0.300" in note
    assert not notes(make_run, after, before, "quiz.share@0.5")


def test_a_metric_without_direction_and_ideal_has_no_worse(make_run: MakeRun) -> None:
    before, after = scores("share", age=210, race=143), scores("share", age=210, race=90)
    assert not notes(make_run, before, after, "quiz.share", "min")


def test_what_no_rule_looks_at_is_not_told(make_run: MakeRun) -> None:
    before, after = scores("accuracy", arts=150, law=200), scores("accuracy", arts=290, law=150)
    for each in (before, after):
        for name, found in each.items():
            found["f1"] = float(name.endswith("0"))
    assert not notes(make_run, before, after, "quiz.f1")


@pytest.mark.slow
def test_chance_names_few_groups(make_run: MakeRun) -> None:
    """Of runs that differ by chance alone few get a note: one in twenty at most."""
    rng, told = random.Random(0), 0
    for _ in range(300):
        before = {
            f"{group}-{place:02d}": {"accuracy": float(rng.random() < 0.6)}
            for group in "abcdef"
            for place in range(60)
        }
        after = {
            name: {
                "accuracy": float(rng.random() < 0.6) if rng.random() < 0.3 else each["accuracy"]
            }
            for name, each in before.items()
        }
        told += bool(notes(make_run, before, after, "quiz.accuracy"))
    assert told <= 15 + 2 * 3.8  # two standard errors above
