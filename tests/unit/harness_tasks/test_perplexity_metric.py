"""Perplexity per word and byte, worked out by hand."""

import math

import numpy as np
import pytest

from harness.protocols import TaskOptions
from harness.types import Sample, Score
from harness_tasks.language_modeling import open_perplexity
from harness_tasks.metrics.perplexity import bits, metrics, perplexity, values


def test_by_hand() -> None:
    text = "zwei Wörter"  # 2 words, 12 bytes
    got = values(-12 * math.log(2), text)
    assert got["word_perplexity"] == (-12 * math.log(2), 2.0)
    assert got["byte_perplexity"] == (-12 * math.log(2), 12.0)
    assert perplexity(np.array([got["byte_perplexity"]]))[0] == pytest.approx(2)
    assert perplexity(np.array([got["word_perplexity"]]))[0] == pytest.approx(64)
    assert bits(np.array([got["bits_per_byte"]]))[0] == pytest.approx(1)


def test_words_are_pieces_between_runs_of_white_space() -> None:
    assert values(0.0, "a  b\t\nc")["word_perplexity"] == (0.0, 3.0)
    assert values(0.0, " a ")["word_perplexity"] == (0.0, 3.0)  # empty pieces count, as in lm-eval


def test_texts_weigh_by_their_length() -> None:
    rows = [Score("1", "x", (-10.0, 10.0)), Score("2", "x", (0.0, 30.0))]
    estimate = metrics()[1].aggregate(rows)
    assert estimate.value == pytest.approx(math.exp(10 / 40))
    assert all(metric.higher_is_better is False for metric in metrics())


def test_a_text_the_model_holds_impossible() -> None:
    assert perplexity(np.array([[-math.inf, 5.0]]))[0] == math.inf


def test_a_text_without_blanks_has_bytes_but_no_words() -> None:
    text = "河边有一座旧木桥"
    got = values(-3.0, text)
    assert set(got) == {"byte_perplexity", "bits_per_byte"}
    assert got["byte_perplexity"] == (-3.0, 24.0)
    task = open_perplexity(TaskOptions())
    samples = [Sample("1", text), Sample("2", "an old bridge")]
    (remark,) = task.remarks(samples)  # type: ignore[attr-defined]
    assert "without blanks between words: Chinese characters (1)" in remark
    assert not list(task.remarks(samples[1:]))  # type: ignore[attr-defined]
