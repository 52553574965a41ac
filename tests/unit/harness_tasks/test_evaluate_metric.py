"""Metrics of the evaluate library, from scripts on disk."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import HarnessError, UsageError
from harness.protocols import TaskOptions
from harness.types import Completion, Estimate, Sample, Score
from harness_tasks.metrics.evaluate_library import EvaluateMetric
from harness_tasks.plugin import harness_register_tasks

pytest.importorskip("evaluate")

SCRIPT = """
import datasets
import evaluate


class Metric(evaluate.Metric):
    def _info(self):
        references = datasets.Value("{dtype}")
        return evaluate.MetricInfo(
            description="d", citation="c", inputs_description="i",
            features=datasets.Features({{
                "predictions": datasets.Value("{dtype}"),
                "references": datasets.Sequence(references) if {many} else references,
            }}),
        )

    def _compute(self, predictions, references):
        pairs = list(zip(predictions, references))
        if {many}:
            return dict(n=len(pairs), among=sum(p in r for p, r in pairs))
        return dict(hits=sum(p == r for p, r in pairs) / len(pairs))
"""


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The library's caches in a temporary folder; one for all, for it imports from there."""
    import evaluate

    folder = tmp_path_factory.mktemp("evaluate")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate.config, "HF_MODULES_CACHE", str(folder / "modules"))
        patch.setattr(evaluate.config, "HF_METRICS_CACHE", str(folder / "metrics"))
        patch.setattr(evaluate.config, "HF_EVALUATE_OFFLINE", True)
        yield


def script(folder: Path, name: str, dtype: str = "string", many: bool = False) -> Path:
    path = folder / f"{name}.py"
    path.write_text(SCRIPT.format(dtype=dtype, many=many))
    return path


def rows(name: str, answers: list[tuple[str, ...]]) -> list[Score]:
    return [Score(str(index), name, answer) for index, answer in enumerate(answers)]


def test_one_computation_over_all_with_a_jackknife_error(tmp_path: Path) -> None:
    metric = EvaluateMetric(str(script(tmp_path, "same_text")))
    answers = [("x", "x")] * 30 + [("x", "y")] * 10
    estimate = metric.aggregate(rows(metric.name, answers))
    assert (metric.name, metric.higher_is_better) == ("same_text", None)
    assert estimate.value == 0.75
    assert estimate.n == 40
    assert estimate.method == "evaluate, jackknife over 20 groups"
    # two in each group: the error of a mean over 20 equal groups, close to the binomial one
    assert estimate.stderr == pytest.approx(math.sqrt(0.75 * 0.25 / 39), rel=0.4)
    assert estimate.low < 0.75 < estimate.high


def test_a_group_for_each_sample_gives_the_standard_error_of_a_mean(tmp_path: Path) -> None:
    metric = EvaluateMetric(str(script(tmp_path, "same_few")))
    answers = [("x", "x")] * 4 + [("x", "y")] * 6
    estimate = metric.aggregate(rows(metric.name, answers))
    assert estimate.stderr == pytest.approx(math.sqrt(0.4 * 0.6 / 9))


def test_clusters_are_left_out_whole(tmp_path: Path) -> None:
    metric = EvaluateMetric(str(script(tmp_path, "same_clusters")))
    scores = [
        Score(str(i), metric.name, ("x", "x" if i < 6 else "y"), cluster=str(i // 3))
        for i in range(12)
    ]
    estimate = metric.aggregate(scores)
    assert estimate.method == "evaluate, jackknife over 4 groups"
    # the clusters' means are 1, 1, 0, 0
    assert estimate.stderr == pytest.approx(math.sqrt((4 * 0.25) / 3 / 4))


def test_many_references_and_a_result_by_name(tmp_path: Path) -> None:
    path = script(tmp_path, "found", many=True)
    metric = EvaluateMetric(f"{path}#among")
    assert metric.name == "found.among"
    assert metric.grade("b", Sample("1", "", ("a", "b"))) == {"found.among": ("b", "a", "b")}
    estimate = metric.aggregate(rows(metric.name, [("b", "a", "b"), ("c", "a", "b")]))
    assert estimate.value == 1
    with pytest.raises(UsageError, match=r"no number called 'missing'\nIts numbers: n, among"):
        EvaluateMetric(f"{path}#missing").aggregate(rows("x", [("b", "b")]))


def test_too_few_samples(tmp_path: Path) -> None:
    metric = EvaluateMetric(str(script(tmp_path, "same_one")))
    nothing = metric.aggregate([])
    one = metric.aggregate(rows(metric.name, [("x", "x")]))
    assert (nothing.n, math.isnan(nothing.value)) == (0, True)
    assert (one.value, math.isnan(one.stderr)) == (1.0, True)


def test_a_metric_that_wants_numbers(tmp_path: Path) -> None:
    metric = EvaluateMetric(str(script(tmp_path, "numbers", dtype="int32")))
    assert metric.aggregate(rows(metric.name, [("3", "3"), ("4", "5")])).value == 0.5
    with pytest.raises(HarnessError, match="the metric evaluate:numbers failed: ValueError"):
        metric.aggregate(rows(metric.name, [("x", "3")]))


def test_a_metric_that_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(
        HarnessError, match=r"'no_such_metric' .* cannot be loaded(.|\n)*script's path"
    ):
        EvaluateMetric("no_such_metric")
    with pytest.raises(HarnessError, match="cannot be loaded"):
        EvaluateMetric(str(tmp_path / "absent.py"))


@pytest.mark.parametrize("name", ["qa", "summarization", "translation", "sentiment"])
def test_the_option_adds_it_to_a_task(tmp_path: Path, name: str) -> None:
    path = script(tmp_path, f"for_{name}")
    spec = next(spec for spec in harness_register_tasks() if spec.name == name)
    task = spec.open(
        TaskOptions(
            values={
                "metrics": f"evaluate:{path}",
                **({"scoring": "generate"} if name == "sentiment" else {}),
            }
        )
    )
    values = task.score(Sample("1", "x", ("positive",)), [Completion("positive")])
    assert set(values) == {metric.name for metric in task.metrics}
    metric = task.metrics[-1]
    assert metric.name == f"for_{name}"
    assert isinstance(metric.aggregate(rows(metric.name, [("a", "a"), ("b", "a")])), Estimate)


def test_the_option_s_errors(tmp_path: Path) -> None:
    spec = next(spec for spec in harness_register_tasks() if spec.name == "qa")
    with pytest.raises(UsageError, match="metrics=bleu does not name a metric"):
        spec.open(TaskOptions(values={"metrics": "bleu"}))
    path = script(tmp_path, "f1")
    with pytest.raises(UsageError, match="has a metric called 'f1' already"):
        spec.open(TaskOptions(values={"metrics": f"evaluate:{path}"}))
