"""Classification metrics from summed confusion matrices, against scikit-learn."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from harness.metrics import Corpus
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
            sums = np.array([row[metric.name] for row in rows]).sum(axis=0, keepdims=True)
            assert metric.compute(sums)[0] == pytest.approx(expected[metric.name]), metric.name
    accuracy = np.mean([row["accuracy"] for row in rows])
    assert accuracy == pytest.approx(sklearn.accuracy_score(truth, predicted))


def test_by_hand() -> None:
    # truth: 3 negative, 1 positive; one negative is called positive
    answers = [(0, 0), (0, 0), (0, 1), (1, 1)]
    rows = [values(truth, predicted, 2) for truth, predicted in answers]
    got = {
        metric.name: metric.compute(
            np.array([row[metric.name] for row in rows]).sum(axis=0, keepdims=True)
        )[0]
        for metric in metrics()
        if isinstance(metric, Corpus)
    }
    assert got["precision_macro"] == pytest.approx((1 + 1 / 2) / 2)
    assert got["recall_macro"] == pytest.approx((2 / 3 + 1) / 2)
    assert got["f1_macro"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert got["mcc"] == pytest.approx((2 * 1 - 0 * 1) / np.sqrt(2 * 1 * 3 * 2))
