"""Classification metrics from summed confusion matrices, against scikit-learn."""

import tracemalloc
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from harness.authoring.metrics import Corpus, statistics_of
from harness.errors import HarnessError
from harness.stats.compare import paired_bootstrap
from harness.stats.inference import Unknown
from harness.types import Score, ScoreValue
from harness_tasks.metrics.classification import metrics, values

pairs = st.integers(2, 4).flatmap(
    lambda classes: st.tuples(
        st.just(classes),
        st.lists(
            st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)),
            min_size=1,
            max_size=20,
        ),
    )
)


@settings(deadline=None)
@given(pairs)
def test_equal_to_scikit_learn_also_where_labels_never_occur(
    drawn: tuple[int, list[tuple[int, int]]],
) -> None:
    classes, answers = drawn
    truth, predicted = zip(*answers, strict=True)
    expected = {
        "precision_macro": sklearn.precision_score(
            truth, predicted, average="macro", zero_division=0
        ),
        "recall_macro": sklearn.recall_score(truth, predicted, average="macro", zero_division=0),
        "f1_macro": sklearn.f1_score(truth, predicted, average="macro", zero_division=0),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about a single label
        expected["mcc"] = sklearn.matthews_corrcoef(truth, predicted)
    rows = [values(t, p, classes) for t, p in answers]
    for metric in metrics():
        if isinstance(metric, Corpus):
            assert computed(metric, rows) == pytest.approx(expected[metric.name]), metric.name
    accuracy = np.mean([row["accuracy"] for row in rows])
    assert accuracy == pytest.approx(sklearn.accuracy_score(truth, predicted))


def computed(metric: Corpus, rows: Sequence[Mapping[str, ScoreValue]]) -> float:
    scores = [Score(str(i), metric.name, row[metric.name]) for i, row in enumerate(rows)]
    return float(metric.compute(statistics_of(scores, metric).sum(axis=0, keepdims=True))[0])


def test_by_hand() -> None:
    # truth: 3 negative, 1 positive; one negative is called positive
    rows = [values(truth, predicted, 2) for truth, predicted in [(0, 0), (0, 0), (0, 1), (1, 1)]]
    got = {each.name: computed(each, rows) for each in metrics() if isinstance(each, Corpus)}
    assert got["precision_macro"] == pytest.approx((1 + 1 / 2) / 2)
    assert got["recall_macro"] == pytest.approx((2 / 3 + 1) / 2)
    assert got["f1_macro"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert got["mcc"] == pytest.approx((2 * 1 - 0 * 1) / np.sqrt(2 * 1 * 3 * 2))


@settings(deadline=None)
@given(pairs)
def test_an_answer_that_names_no_class_is_wrong_and_adds_to_none(
    drawn: tuple[int, list[tuple[int, int]]],
) -> None:
    classes, answers = drawn
    named = [(truth, None if predicted == 0 else predicted) for truth, predicted in answers]
    rows = [values(truth, predicted, classes) for truth, predicted in named]
    truth = [each[0] for each in named]
    predicted = [classes if each[1] is None else each[1] for each in named]
    known = sorted({*truth, *predicted} - {classes})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {
            "f1_macro": sklearn.f1_score(
                truth, predicted, labels=known, average="macro", zero_division=0
            ),
            "mcc": sklearn.matthews_corrcoef(truth, predicted),
        }
    got = {each.name: computed(each, rows) for each in metrics() if isinstance(each, Corpus)}
    for name, value in expected.items():
        assert got[name] == pytest.approx(value), name
    assert all(
        row["accuracy"] == 0 for row, (_, given) in zip(rows, named, strict=True) if given is None
    )


@settings(deadline=None, max_examples=20)
@given(pairs)
def test_confusion_matrices_of_earlier_run_folders_give_the_same_estimates(
    drawn: tuple[int, list[tuple[int, int]]],
) -> None:
    classes, answers = drawn
    for metric in metrics():
        if not isinstance(metric, Corpus):
            continue
        short, matrices = [], []
        for number, (truth, predicted) in enumerate(answers):
            matrix = np.zeros((classes, classes))
            matrix[truth, predicted] = 1
            old = tuple(map(float, matrix.ravel()))
            matrices.append(Score(str(number), metric.name, old))
            new = values(truth, predicted, classes)[metric.name]
            short.append(Score(str(number), metric.name, new))
        np.testing.assert_equal(metric.aggregate(short), metric.aggregate(matrices))


def test_values_that_no_version_wrote_are_refused() -> None:
    metric = metrics()[1]
    with pytest.raises(HarnessError, match="holds 5 numbers"):
        metric.aggregate([Score("1", metric.name, (0.0, 1.0, 0.0, 0.0, 0.0))])


def test_many_labels_need_little_memory() -> None:
    classes, count = 150, 2000
    metric = metrics()[3]
    rows = [
        Score(
            str(i),
            metric.name,
            values(i % classes, (i * 7 + i // classes) % classes, classes)[metric.name],
        )
        for i in range(count)
    ]
    tracemalloc.start()
    estimate = metric.aggregate(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert peak < 60 << 20  # confusion matrices would take 360 MB
    assert len(str(rows[-1].value)) < 40


@pytest.mark.parametrize(("rare", "shown"), [(0, False), (4, False), (5, True)])
def test_a_rare_class_allows_no_interval(rare: int, shown: bool) -> None:
    rng = np.random.default_rng(0)
    truth = [1] * rare + [0] * (200 - rare)
    for metric in metrics():
        if not isinstance(metric, Corpus):
            continue
        rows = [
            Score(str(i), metric.name, values(each, int(rng.random() < 0.5), 2)[metric.name])
            for i, each in enumerate(truth)
        ]
        found = metric.aggregate(rows)
        assert np.isfinite(found.low) == shown
        inference, _ = paired_bootstrap(*[statistics_of(rows, metric)] * 2, metric.compute)
        assert isinstance(inference, Unknown) or shown
    assert shown or f"a class has {rare} samples, and each takes 5" in found.method
    assert rare != 4 or "about 250 in all" in found.method
