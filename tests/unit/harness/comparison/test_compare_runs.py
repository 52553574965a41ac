"""Two runs side by side."""

import json

import numpy as np
import pytest
from scipy import stats

from harness.authoring.io.comparison_json import FLIPS_KEPT, comparison_to_json
from harness.authoring.metrics import Corpus
from harness.comparison.metric_kinds import CannotCompare, SummedRows
from harness.comparison.run_comparison import compare
from harness.errors import DataError, HarnessError
from harness.types import Estimate, GateVerdict, MetricComparison, Score
from harness_reports.comparison import markdown
from support import scored_runs
from support.scored_runs import METRICS, binary, numbers, unscored


def only(comparison):
    (task,) = comparison.tasks
    return task


def test_0_1_scores_get_one_test_and_their_flips(make_run) -> None:
    from harness.results.baseline import load_run

    before = load_run(make_run("main", binary(200, range(100))), texts=True)
    after = load_run(make_run("new", binary(200, range(20, 110))), texts=True)
    task = only(compare(before, after, {"quiz": METRICS}))
    assert (task.shared, task.only_baseline, task.only_candidate) == (200, 0, 0)
    (metric,) = task.metrics
    assert metric.baseline.value == 0.5
    assert metric.candidate.value == 0.45
    assert metric.difference.value == pytest.approx(-0.05)
    assert metric.test == "exact McNemar"
    assert metric.p_value == pytest.approx(stats.binomtest(10, 30).pvalue)
    assert (metric.worsened, metric.improved, metric.changed) == (20, 10, 30)
    assert [flip.worse for flip in metric.flips] == [True] * 20 + [False] * 10
    worst = metric.flips[0]
    assert (worst.id, worst.change) == ("s0000", -1.0)
    assert worst.prompt == "Q: question s0000\nA:"
    assert (worst.input, worst.expected) == ("question s0000", ("yes",))
    assert (worst.baseline_response, worst.candidate_response) == ("yes", "no <b>s0000</b>")
    assert 0 < metric.minimum_detectable < 0.2
    assert metric.verdict == "no difference shown"


def test_a_file_that_changes_between_scores_and_texts_is_refused(make_run) -> None:
    from harness.results.baseline import load_run

    folder = make_run("main", binary(60, range(30)))
    run = load_run(folder, texts=True)
    samples = folder / "samples" / "quiz.jsonl"
    first, second, *others = samples.read_bytes().splitlines(keepends=True)
    samples.write_bytes(b"".join([second, first, *others]))
    with pytest.raises(DataError, match="changed while it was read"):
        run.samples["quiz"]["s0000"]


def test_numbers_get_the_test_of_bounded_means(scored) -> None:
    rng = np.random.default_rng(0)
    before = rng.random(80)
    after = np.clip(before - rng.random(80) * 0.2, 0, 1)
    run = compare(scored("main", numbers(before)), scored("new", numbers(after)))
    (metric,) = only(run).metrics
    # Student's t says 8e-23, as if no sample that was not seen could have improved.
    assert stats.ttest_rel(after, before).pvalue < 1e-20
    assert metric.p_value == pytest.approx(0.0012, abs=1e-4)
    assert metric.test == "bounded-mean test"
    assert metric.verdict == "worse"
    assert len(metric.flips) == metric.changed > FLIPS_KEPT
    (written,) = comparison_to_json(run)["tasks"][0]["metrics"]
    assert len(written["flips"]) == FLIPS_KEPT, "the document lists the worst"
    assert "scores" not in written
    assert metric.scores == tuple(zip(before, after, strict=True))
    changes = [flip.change for flip in metric.flips]
    assert changes == sorted(changes)


def test_worse_follows_the_metrics_direction(scored) -> None:
    before, after = np.linspace(0.1, 0.3, 60), np.linspace(0.15, 0.6, 60)
    for name, verdict in (("brier", "worse"), ("f1", "better"), ("share", "changed")):
        metric = only(
            compare(
                scored(f"a{name}", numbers(before, name)),
                scored(f"b{name}", numbers(after, name)),
                {"quiz": METRICS},
            )
        ).metrics[0]
        assert metric.verdict == verdict
        changes = [flip.change for flip in metric.flips]
        assert changes[0] == (min(changes) if verdict == "better" else max(changes))
        assert metric.flips[0].worse is {"worse": True, "better": False, "changed": None}[verdict]


def test_only_shared_samples_are_compared_and_the_rest_is_counted(scored) -> None:
    everything = binary(120, range(60))
    before = {name: everything[name] for name in sorted(everything)[:100]}
    after = {name: everything[name] for name in sorted(everything)[30:]}
    before = unscored(before, ["s0040"])
    after = unscored(after, ["s0050", "s0051"])
    task = only(compare(scored("main", before), scored("new", after)))
    assert (task.shared, task.only_baseline, task.only_candidate) == (70, 30, 20)
    assert (task.baseline_errors, task.candidate_errors) == (1, 2)
    (metric,) = task.metrics
    assert metric.difference.n == 67
    assert (metric.baseline_unscored, metric.candidate_unscored) == (1, 2)


def test_corpus_metrics_get_bootstrap_and_randomization(scored) -> None:
    rng = np.random.default_rng(1)

    def rows(right: float):
        first, good = rng.random(400) < 0.5, rng.random(400) < right
        table = np.stack([first & good, first, ~first & good, ~first], axis=1).astype(float)
        return {f"s{i}": {"recall_macro": tuple(row)} for i, row in enumerate(table.tolist())}

    before, after = scored("main", rows(0.9)), scored("new", rows(0.75))
    metric = only(compare(before, after, {"quiz": METRICS})).metrics[0]
    assert metric.test == metric.difference.method
    assert metric.verdict == "worse"
    assert metric.p_value < 0.01
    assert metric.randomization_p_value is not None and metric.randomization_p_value < 0.01
    assert metric.flips == ()
    task = only(compare(before, after))
    assert task.metrics == ()
    assert "its task is not installed" in task.skipped["recall_macro"]


def test_changes_are_shown_by_group(scored) -> None:
    groups = {f"s{index:04}": "Age" if index < 60 else "Gender" for index in range(120)}
    before = scored("main", binary(120, range(120)), groups=groups)
    after = scored("new", binary(120, range(30, 120)), groups=groups)
    changes = {each.group: each for each in only(compare(before, after)).groups}
    assert changes["Age"].difference.value == pytest.approx(-0.5)
    assert changes["Gender"].difference.value == 0
    assert changes["Age"].p_value < 0.001 < changes["Gender"].p_value
    assert changes["Age"].difference.n == 60


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "2"}, "task version 1 in the baseline, 2 in the candidate"),
        ({"data_sha256": "e" * 64}, "data"),
        ({"settings": {"num_fewshot": "5", "template": "default"}}, "few-shot"),
        ({"settings": {"num_fewshot": "0", "template": "other"}}, "template"),
        (
            {"settings": {"num_fewshot": "0", "template": "default", "scoring": "classify"}},
            "scoring none in the baseline, classify in the candidate",
        ),
        (
            {
                "settings": {"num_fewshot": "0", "template": "default", "labels": "a, b"},
                "scored_by": ("labels",),
            },
            "labels none in the baseline, a, b in the candidate",
        ),
        (
            {
                "settings": {"num_fewshot": "0", "template": "default", "detector": "words"},
                "scored_by": ("detector",),
            },
            "detector none in the baseline, words in the candidate",
        ),
    ],
)
def test_incomparable_runs_are_refused_unless_forced(scored, change, words) -> None:
    scores = binary(40, range(20))
    before, after = scored("main", scores), scored("new", scores, **change)
    with pytest.raises(HarnessError, match="cannot be compared") as caught:
        compare(before, after)
    assert words in str(caught.value)
    assert "--force" in str(caught.value)
    forced = only(compare(before, after, force=True))
    assert forced.forced is not None and words in forced.forced


def test_runs_without_a_common_task_are_refused(scored) -> None:
    scores = binary(10, range(5))
    with pytest.raises(DataError, match="share no task"):
        compare(scored("main", scores), scored("new", scores, task="exam"))


def test_equal_runs_show_no_difference(scored) -> None:
    scores = binary(50, range(20))
    metric = only(compare(scored("main", scores), scored("new", scores))).metrics[0]
    assert metric.p_value == 1
    assert metric.difference.low < 0 < metric.difference.high
    assert metric.verdict == "no difference shown"


def test_json_and_markdown(scored) -> None:
    before = scored("main", binary(50, range(40)) | numbers([0.5], "f1"))
    after = scored("new", binary(50, range(10)) | numbers([0.25], "f1"))
    comparison = compare(before, after, {"quiz": METRICS})
    document = json.loads(json.dumps(comparison_to_json(comparison), allow_nan=False))
    (task,) = document["tasks"]
    by_name = {metric["metric"]: metric for metric in task["metrics"]}
    assert by_name["accuracy"]["verdict"] == "worse"
    assert by_name["accuracy"]["difference"]["value"] < -0.5
    assert by_name["f1"]["difference"]["low"] is None  # one sample: no interval
    text = markdown(comparison)
    assert "| accuracy |" in text and "worse" in text
    assert "too few samples" in text
    assert "<b>" not in text


def test_a_run_that_its_gate_ended_early_is_said_to_be_one(scored) -> None:
    whole = scored("main", binary(100, range(50)))
    ended = GateVerdict("block", "", 1, samples_planned={"quiz": 100})
    early = scored("new", binary(40, range(10)), gate=ended)
    (note,) = compare(whole, early).notes
    assert "the candidate's gate ended quiz after 40 of 100 samples" in note
    assert compare(whole, whole).notes == ()


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [(0.8, 0.6, "better"), (0.6, 0.8, "worse"), (0.2, 0.4, "better"), (0.4, 0.6, "changed")],
)
def test_towards_the_ideal_is_better(before, after, verdict) -> None:
    """From one side of the ideal to the other nothing is said: either may be nearer."""

    def known(value: float) -> Estimate:
        return Estimate(value, 0.01, value - 0.02, value + 0.02, 100, "mean")

    metric = MetricComparison(
        "stereotype_share", None, known(before), known(after), known(after - before),
        0.001, "t test", 0.1, ideal=0.5,
    )  # fmt: skip
    assert metric.verdict == verdict


def test_statistics_of_different_classes_are_not_compared() -> None:
    def rows(classes: int) -> list[Score]:
        return [Score(str(i), "f1", tuple(1.0 for _ in range(classes))) for i in range(20)]

    metric = SummedRows("quiz.f1", Corpus("f1", lambda sums: sums[:, 0]), bounded=True)
    with pytest.raises(CannotCompare, match="other classes"):
        metric.combined(rows(2), rows(3), (-1.0, 1.0))


def test_a_large_difference_is_told_however_many_metrics_there_are(make_run, monkeypatch) -> None:
    from harness.results.baseline import load_run

    many = tuple(Corpus(f"share{i}", lambda sums: sums[:, 0] / sums[:, 1]) for i in range(30))
    monkeypatch.setattr(scored_runs, "METRICS", many)

    def run(name: str, right: int):
        scores = {f"s{i}": {each.name: (float(i < right), 1.0) for each in many} for i in range(40)}
        return load_run(make_run(name, scores))

    metrics = only(compare(run("main", 30), run("worse", 5), {"quiz": many})).metrics
    assert {each.verdict for each in metrics} == {"worse"}
    assert all(each.difference.method.endswith("12000 resamples") for each in metrics)
