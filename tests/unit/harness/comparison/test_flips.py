from __future__ import annotations

import pytest

from harness.authoring.metrics import ScoreColumn
from harness.comparison.flips import Flips, PairedScores
from harness.results.score_table import ScoredSample

OLD, NEW = [1.0, 0.5, 0.0, 1.0, 0.25], [1.0, 1.0, 1.0, 0.0, 0.0]
IDS = list("abcde")


def flips(higher_is_better: bool | None) -> Flips:
    before, after = (ScoreColumn("m", IDS, values) for values in (OLD, NEW))
    runs = [
        {name: ScoredSample(name, {}, prompt=f"{role} {name}", response=role) for name in IDS}
        for role in ("old", "new")
    ]
    return Flips("m", higher_is_better, before, after, *runs)


@pytest.mark.parametrize(
    ("higher_is_better", "order", "worse"),
    [(True, "debc", [True, True, False, False]), (False, "cbed", [True, True, False, False]),
     (None, "cdbe", [None] * 4)],
)  # fmt: skip
def test_changed_samples_come_worst_first(
    higher_is_better: bool | None, order: str, worse: list[bool | None]
) -> None:
    found = flips(higher_is_better)
    assert [each.id for each in found] == list(order)
    assert [each.worse for each in found] == worse
    assert (found.worsened, found.improved) == (worse.count(True), worse.count(False))
    assert (
        found[0].change
        == found[:1][0].change
        == NEW[IDS.index(order[0])] - OLD[IDS.index(order[0])]
    )
    assert (found[0].prompt, found[0].candidate_response) == (f"old {order[0]}", "new")


def test_scores_are_pairs() -> None:
    found = PairedScores(*(ScoreColumn("m", IDS, values) for values in (OLD, NEW)))
    assert found == tuple(zip(OLD, NEW, strict=True))
    assert (found[1:3], len(found)) == (((0.5, 1.0), (0.0, 1.0)), 5)
