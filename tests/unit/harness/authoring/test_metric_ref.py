"""``TASK.METRIC[@IDEAL]`` is read in one place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.authoring.metrics import Mean, MetricRef, split_ideal
from harness.errors import UnknownNameError, UsageError

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
TASKS = ("squad", "squad.v2", "sst2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("squad", MetricRef("squad")),
        ("squad.f1", MetricRef("squad", "f1")),
        ("squad.v2", MetricRef("squad.v2")),
        ("squad.v2.f1@0.5", MetricRef("squad.v2", "f1", 0.5)),
        ("sst2@-1e-3", MetricRef("sst2", "", -0.001)),
        ("sst2.typos.accuracy.score@0.1", MetricRef("sst2", "typos.accuracy.score@0.1")),
    ],
)
def test_forms(text: str, expected: MetricRef) -> None:
    assert MetricRef.parse(text, TASKS) == expected


def test_only_a_probes_measure_has_three_names_after_its_task() -> None:
    assert MetricRef.parse("squad.v2.typos.f1.score", TASKS).is_probe_measure
    assert not MetricRef.parse("squad.v2.f1", TASKS).is_probe_measure


def test_where_tasks_are_not_known_their_names_end_at_the_first_dot() -> None:
    assert MetricRef.parse("a.b@2") == MetricRef("a", "b", 2.0)
    assert MetricRef.parse("a") == MetricRef("a")


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown task 'squat\.f1'") as caught:
        MetricRef.parse("squat.f1", TASKS)
    assert "squad" in str(caught.value.hint)
    assert MetricRef.find("squadron.f1", TASKS) is None


@pytest.mark.parametrize("ideal", ["half", "", "nan", "inf", "0.5@1"])
def test_an_ideal_is_a_number(ideal: str) -> None:
    with pytest.raises(UsageError, match="is not a number"):
        split_ideal(f"a.b@{ideal}")


@given(task=NAMES, metric=NAMES, ideal=st.none() | st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_written_is_read(task: str, metric: str, ideal: float | None) -> None:
    ref = MetricRef(task, metric, ideal)
    text = ref.name if ideal is None else f"{ref.name}@{ideal!r}"
    assert MetricRef.parse(text, [task, "other"]) == ref


def test_a_resolved_reference_has_a_metric_and_an_ideal_where_it_needs_one() -> None:
    metrics = {
        "acc": Mean("acc"),
        "share": Mean("share", None, ideal=0.5),
        "length": Mean("length", None),
    }
    assert MetricRef("t").resolved(metrics) == MetricRef("t", "acc")
    assert MetricRef("t", "acc", 0.7).resolved(metrics) == MetricRef("t", "acc", 0.7)
    assert MetricRef("t", "share").resolved(metrics) == MetricRef("t", "share", 0.5)
    assert MetricRef("t", "share", 0.4).resolved(metrics) == MetricRef("t", "share", 0.4)
    with pytest.raises(UsageError, match=r"t\.length@0\.5"):
        MetricRef("t", "length").resolved(metrics)
    with pytest.raises(UnknownNameError, match="metric of t 'ac'"):
        MetricRef("t", "ac").resolved(metrics)
    with pytest.raises(UnknownNameError):
        MetricRef("t").resolved({})
