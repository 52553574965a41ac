"""The array forms of BLEU, chrF and TER against sacrebleu's own corpus scores."""

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from harness.errors import HarnessError
from harness.types import Sample, Score
from harness_tasks.metrics.translation import Sacrebleu, SacrebleuMetric

SCORERS = {"bleu": BLEU(), "chrf": CHRF(), "chrf++": CHRF(word_order=2), "ter": TER()}
METRICS = {metric.name: metric for metric in Sacrebleu("13a").metrics}
WORDS = ["the", "a", "cat", "dog,", "sat", "on", "mat", ".", "Haus!", "naïve"]
sentences = st.lists(st.sampled_from(WORDS), max_size=9)
texts = sentences.map(" ".join)


def metric_called(name: str) -> SacrebleuMetric:
    metric = METRICS[name]
    assert isinstance(metric, SacrebleuMetric)
    return metric


@pytest.mark.parametrize("name", list(SCORERS))
@settings(deadline=None)
@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=6))
def test_equals_sacrebleu_s_corpus_score(name: str, corpus: list[tuple[str, str, str]]) -> None:
    metric = metric_called(name)
    hypotheses = [each[0] for each in corpus]
    for references in ([1], [1, 2]):
        streams = [[each[index] for each in corpus] for index in references]
        expected = SCORERS[name].corpus_score(hypotheses, streams).score
        rows = [
            metric.statistics(each[0], [each[index] for index in references]) for each in corpus
        ]
        got = metric.compute(np.array(rows).sum(axis=0, keepdims=True))
        assert got.shape == (1,)
        assert got[0] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", list(SCORERS))
def test_many_rows_of_sums_at_once_equal_one_by_one(name: str) -> None:
    metric = metric_called(name)
    pairs = [("the cat sat on the mat", "the cat sat on a mat"), ("x", "y"), ("a b c d e", "a b")]
    rows = np.array([metric.statistics(left, [right]) for left, right in pairs])
    together = metric.compute(rows)
    assert together.shape == (3,)
    for index in range(3):
        assert metric.compute(rows[index : index + 1])[0] == together[index]


def test_perfect_translations() -> None:
    text = "the quick brown fox jumps over it"
    got = {
        name: metric_called(name).compute(np.array([metric_called(name).statistics(text, [text])]))
        for name in METRICS
    }
    for name in ("bleu", "chrf", "chrf++"):
        assert got[name][0] == pytest.approx(100)
    assert got["ter"][0] == 0
    assert [METRICS[name].higher_is_better for name in METRICS] == [True, True, True, False]


def test_ter_by_hand() -> None:
    # one word of four is wrong
    sums = np.array([metric_called("ter").statistics("a b c x", ["a b c d"])])
    assert metric_called("ter").compute(sums)[0] == pytest.approx(25)


def test_the_signature_is_sacrebleu_s() -> None:
    grader = Sacrebleu("13a")
    bleu = grader.metrics[0]
    assert isinstance(bleu, SacrebleuMetric)
    grader.grade("a b", Sample("1", "x", ("a", "b")))
    scorer = BLEU()
    scorer.corpus_score(["a b"], [["a"], ["b"]])
    assert bleu.signature == str(scorer.get_signature())
    assert bleu.signature.startswith("nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp")
    grader.grade("a b", Sample("1", "x", ("a",)))
    assert bleu.signature.startswith("nrefs:var|")


def test_the_estimate_has_a_bootstrap_interval() -> None:
    metric = metric_called("chrf")
    rows = [
        Score(str(i), "chrf", metric.statistics(f"word{i} same words here", ["same words here"]))
        for i in range(30)
    ]
    estimate = metric.aggregate(rows)
    assert estimate.low < estimate.value < estimate.high
    assert estimate.method.startswith("bootstrap")


@pytest.mark.skipif(find_spec("MeCab") is not None, reason="MeCab is installed")
def test_a_tokenizer_that_is_not_installed_is_an_error_with_a_way_out() -> None:
    with pytest.raises(HarnessError, match="tokenizer 'ja-mecab' cannot be used"):
        Sacrebleu("ja-mecab")
