"""``faithfulness`` and ``halueval``: published formats, ways of asking, AUROC from nothing."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from harness.authoring.measures.detection import Auroc, grader
from harness.authoring.multiple_choice import Choice
from harness.errors import DataError
from harness.protocols import TaskOptions
from harness.results import runfolder
from harness.types import Classify, ClassProbs, DataSource, Sample, Score
from harness_grounding.tasks import support
from support.commands import harness


def source_of(*paths: Path) -> DataSource:
    return DataSource("path", "test", tuple(map(str, paths)))


def rows(path: Path, *found: dict) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in found), "utf-8")
    return path


def claims(task, *paths: Path) -> list[tuple[str, str, str]]:
    return [(s.id, s.input, s.targets[0]) for s in task.samples(source_of(*paths))]


@pytest.fixture
def faithfulness():
    return support.open_faithfulness(TaskOptions())


@pytest.fixture
def halueval():
    return support.open_halueval(TaskOptions())


def test_qags_takes_what_most_workers_say(faithfulness, tmp_path: Path) -> None:
    def sentence(text: str, *said: str) -> dict:
        responses = [{"worker_id": n, "response": each} for n, each in enumerate(said)]
        return {"sentence": text, "responses": responses}

    first = [sentence("A.", "yes", "yes", "no"), sentence("B.", "no", "no", "yes")]
    file = rows(
        tmp_path / "mturk.jsonl",
        {"article": "text one", "summary_sentences": first},
        {"article": "text two", "summary_sentences": [sentence("C.", "yes", "no")]},
    )
    assert claims(faithfulness, file) == [
        ("1-0", "A.", "yes"), ("1-1", "B.", "no"), ("2-0", "C.", "no"),
    ]  # fmt: skip
    clusters = [s.cluster for s in faithfulness.samples(source_of(file))]
    assert clusters[0] == clusters[1] != clusters[2]


def test_frank_joins_texts_and_labels_in_either_order(faithfulness, tmp_path: Path) -> None:
    key = {"hash": "h1", "model_name": "bart"}
    other = {"hash": "h1", "model_name": "pgn"}
    texts = rows(
        tmp_path / "benchmark_data.json",
        {**key, "article": "the article", "summary": "S1"},
        {**other, "article": "the article", "summary": "S2"},
    )
    labels = rows(
        tmp_path / "human_annotations.json",
        {**key, "Factuality": 1.0},
        {**other, "Factuality": 0.6666},
        {"hash": "h2", "model_name": "bart", "Factuality": 1.0},  # of the other split
    )
    expected = [("h1-bart", "S1", "yes"), ("h1-pgn", "S2", "no")]
    assert claims(faithfulness, texts, labels) == expected
    assert claims(faithfulness, labels, texts) == expected
    nothing = rows(tmp_path / "none.jsonl", {"hash": "x", "model_name": "y", "Factuality": 1.0})
    with pytest.raises(DataError, match="no summary has a label"):
        claims(faithfulness, texts, nothing)


def test_xsum_is_faithful_where_most_workers_mark_no_span(faithfulness, tmp_path: Path) -> None:
    documents = rows(tmp_path / "xsum.jsonl", {"id": "7", "document": "text", "summary": "x"})
    labels = tmp_path / "hallucination_annotations_xsum_summaries.csv"
    with labels.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["bbcid", "system", "summary", "hallucination_type", "worker_id"])
        for worker, kinds in enumerate([["NULL"], ["intrinsic", "extrinsic"], ["NULL"]]):
            for kind in kinds:
                writer.writerow([7, "TranS2S", "good", kind, f"wid_{worker}"])
        for worker in range(3):
            writer.writerow([7, "BERTS2S", "bad", "extrinsic" if worker else "NULL", worker])
        writer.writerow([8, "BERTS2S", "no document", "NULL", "wid_0"])
    expected = [("7-TranS2S", "good", "yes"), ("7-BERTS2S", "bad", "no")]
    assert claims(faithfulness, documents, labels) == expected
    factual = tmp_path / "factuality.csv"
    factual.write_text(
        "bbcid,system,summary,is_factual,worker_id\n7,A,one,yes,w0\n7,A,one,yes,w1\n7,A,one,no,w2\n"
        "7,B,two,NULL,w0\n7,B,two,no,w1\n"
    )
    assert claims(faithfulness, factual, documents) == [("7-A", "one", "yes"), ("7-B", "two", "no")]


def test_halueval_gives_both_answers(halueval, tmp_path: Path) -> None:
    qa = {"knowledge": "K", "question": "Q", "right_answer": "R", "hallucinated_answer": "H"}
    talk = {
        "knowledge": "K", "dialogue_history": "[Human]: hi", "right_response": "R",
        "hallucinated_response": "H",
    }  # fmt: skip
    summary = {"document": "D", "right_summary": "R", "hallucinated_summary": "H"}
    for name, row in (("qa", qa), ("dialogue", talk), ("summarization", summary)):
        file = rows(tmp_path / f"{name}_data.jsonl", row)
        assert claims(halueval, file) == [("1-right", "R", "yes"), ("1-hallucinated", "H", "no")]
        for sample in halueval.samples(source_of(file)):
            assert f"given: {sample.input}\n" in halueval.requests(sample, ())[0].context
    general = rows(
        tmp_path / "general_data.jsonl",
        {"ID": "5", "user_query": "Q", "chatgpt_response": "A", "hallucination": "yes"},
    )
    assert claims(halueval, general) == [("5", "A", "no")]
    (sample,) = halueval.samples(source_of(general))
    prompt = halueval.requests(sample, ())[0].context
    assert "Question: Q\nAnswer given: A" in prompt
    assert "Text:" not in prompt


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "x"}, "a row with text"),
        ({"source": "x", "claim": "y", "label": "maybe"}, "label 'maybe'"),
        ({"source": "", "claim": "y", "label": 1}, "'source' is empty"),
        ({"article": "x", "summary_sentences": ["y"]}, "no object"),
        ({"article": "x", "summary_sentences": [{"sentence": "y", "responses": []}]}, "responses"),
    ],
)
def test_other_rows_are_refused(faithfulness, row: dict, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        claims(faithfulness, rows(tmp_path / "data.jsonl", row))


def test_a_classifier_reads_text_and_claim_as_a_pair() -> None:
    task = support.open_faithfulness(TaskOptions(supports=frozenset({Classify})))
    sample = Sample("1", "claim", ("yes",), ("no", "yes"), metadata={"source": "text"})
    (request,) = task.requests(sample, ())
    assert request == Classify("text", ("entailment", "neutral", "contradiction"), "claim")
    scores = task.score(sample, [ClassProbs((0.7, 0.2, 0.1))])
    assert scores["accuracy"] == 1
    assert scores["auroc"] == (0.7, 1.0)
    assert task.score(sample, [ClassProbs((0.4, 0.3, 0.3))])["accuracy"] == 0


def test_the_measures_are_scikit_learns() -> None:
    rng = np.random.default_rng(2)
    right = rng.integers(0, 2, 200)
    chances = np.clip(0.3 * right + rng.random(200) * 0.7, 0, 1)
    made = grader(with_probabilities=True)
    rows_of: dict[str, list[Score]] = {"balanced_accuracy": [], "auroc": []}
    for number, (truth, chance) in enumerate(zip(right, chances, strict=True)):
        options = ("no", "yes")
        choice = Choice(
            int(chance >= 0.5), options, int(truth), options, probabilities=(1 - chance, chance)
        )
        for name, value in made.grade(choice, Sample(str(number), "")).items():
            if name in rows_of:
                rows_of[name].append(Score(str(number), name, value))
    found = {m.name: m.aggregate(rows_of[m.name]) for m in made.metrics if m.name in rows_of}
    assert found["auroc"].value == pytest.approx(roc_auc_score(right, chances))
    assert found["balanced_accuracy"].value == pytest.approx(
        balanced_accuracy_score(right, chances >= 0.5)
    )
    for each in found.values():
        assert each.low < each.value < each.high


def test_one_class_alone_has_no_auroc() -> None:
    found = Auroc().aggregate([Score(str(n), "auroc", (0.1 * n, 1.0)) for n in range(30)])
    assert np.isnan(found.value)
    assert Auroc().aggregate([]).n == 0


def test_a_run_by_each_way_of_asking(tmp_path: Path) -> None:
    line = "run --model demo --tasks groundedness --data sample --limit 16 --quiet"
    for scoring in ("loglikelihood", "generate"):
        out = tmp_path / scoring
        settings = f"--set faithfulness.scoring={scoring} --set halueval.scoring={scoring}"
        assert harness(f"{line} {settings} --out {out}") == 0
        metrics = runfolder.read_result(out).tasks["faithfulness"].metrics
        assert ("auroc" in metrics) == (scoring == "loglikelihood")
        assert metrics["balanced_accuracy"].estimate.n == 16
