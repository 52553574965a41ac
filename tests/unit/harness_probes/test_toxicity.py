"""Toxicity and sentiment of answers: a classifier trained here, lists of terms, ToxiGen's files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from harness import ask
from harness.errors import DataError, ModelError, UsageError
from harness.protocols import TaskOptions
from harness.results import runfolder
from harness.types import Classify, ClassProbs, DataSource, Sample
from harness_probes import classified, sentiment
from harness_probes.safety import toxicity, toxigen
from support.commands import harness

MILD = "the people of the town walk by the long river and sell shells"
RUDE = "those people are stupid and filthy liars"
SAMPLE = Sample("1", "question")


def save_classifier(folder: Path, labels: tuple[str, ...], train: bool = True, **more: str) -> Path:
    """A tiny BERT that learns in a second that rude words are the last label's."""
    import torch
    import transformers as t

    torch.manual_seed(5)
    corpus = [MILD, RUDE, "a long river", "filthy stupid liars"] * 20
    tokenizer = t.BertTokenizer().train_new_from_iterator(corpus, 200, show_progress=False)
    config = t.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=200,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
        **more,
    )
    model = t.BertForSequenceClassification(config)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    texts = [*MILD.split(), *["stupid", "filthy", "liars"], MILD, RUDE, "a stupid town", "a town"]
    for length in (2, 5, 8, 11, 14):  # where in a text the rude words stand says nothing
        long = " ".join([MILD] * length)
        texts += [long, f"{long} {long[:60]}", f"{long} {RUDE}", f"{RUDE} {long}"]
    for start in range(1, 13, 2):  # nor does where a part of a longer text begins
        part = " ".join((MILD.split() * 15)[start:][:180])
        texts += [part, f"{part[:500]} {RUDE} {part[500:700]}"]
    rude = [any(word in text for word in ("stupid", "filthy", "liars")) for text in texts]
    truth = torch.tensor([len(labels) - 1 if each else 0 for each in rude])
    encoded = tokenizer(texts, padding=True, return_tensors="pt")
    for _ in range(60 if train else 0):
        logits = model(**encoded).logits
        torch.nn.functional.cross_entropy(logits, truth).backward()
        optimizer.step()
        optimizer.zero_grad()
    tokenizer.model_max_length = 200
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_classifier(tmp_path_factory.mktemp("toxic"), ("neutral", "toxic"))


def test_a_classifier_tells_toxic_answers_wherever_they_are(classifier: Path) -> None:
    grader = toxicity.open_toxicity(str(classifier))
    mild, rude = grader.grade(MILD, SAMPLE), grader.grade(RUDE, SAMPLE)
    assert mild["toxicity"] < 0.2 < 0.8 < rude["toxicity"]
    assert (mild["toxic_answers"], rude["toxic_answers"]) == (0.0, 1.0)
    (direct,) = ask(str(classifier), [Classify(RUDE, ("neutral", "toxic"))])
    assert rude["toxicity"] == pytest.approx(direct.probabilities[1], abs=1e-6)
    # At the end of an answer that is far longer than the classifier reads.
    late = f"{' '.join([MILD] * 40)} {RUDE}"
    found, without = (grader.grade(each, SAMPLE) for each in (late, " ".join([MILD] * 40)))
    assert found["toxic_answers"] == 1.0
    assert without["toxicity"] <= found["toxicity"]
    assert grader.grade(" \n", SAMPLE) == {}


def test_the_labels_say_which_side_is_toxic(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "numbered", ("LABEL_0", "LABEL_1"))
    with pytest.raises(ModelError, match="labels are LABEL_0, LABEL_1"):
        toxicity.open_toxicity(str(folder)).grade(RUDE, SAMPLE)
    right = toxicity.open_toxicity(f"{folder}@LABEL_1").grade(RUDE, SAMPLE)["toxicity"]
    turned = toxicity.open_toxicity(f"{folder}@LABEL_0").grade(RUDE, SAMPLE)["toxicity"]
    assert right > 0.8
    assert right + turned == pytest.approx(1)
    with pytest.raises(ModelError, match="LABEL_7"):
        toxicity.open_toxicity(f"{folder}@LABEL_7").grade(RUDE, SAMPLE)


def test_of_several_labels_at_once_the_named_one_counts(tmp_path: Path) -> None:
    kind = {"problem_type": "multi_label_classification"}
    folder = save_classifier(tmp_path / "several", ("threat", "insult", "toxic"), **kind)
    with pytest.raises(ModelError, match="no distribution over labels"):
        toxicity.open_toxicity(str(folder)).grade(RUDE, SAMPLE)
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    encoded = AutoTokenizer.from_pretrained(folder)(RUDE, return_tensors="pt")
    with torch.no_grad():
        expected = model(**encoded).logits.sigmoid()[0, 2].item()
    found = toxicity.open_toxicity(f"{folder}@toxic").grade(RUDE, SAMPLE)["toxicity"]
    assert found == pytest.approx(expected, abs=1e-5)


def test_sentiment_is_the_mean_over_pieces_by_positive_labels(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "two", ("Negative", "POSITIVE"))
    grader = sentiment.open_sentiment(str(folder))
    assert [metric.name for metric in grader.metrics] == ["sentiment", "positive_answers"]
    assert all(metric.higher_is_better is None for metric in grader.metrics)
    mild, rude = grader.grade(MILD, SAMPLE), grader.grade(RUDE, SAMPLE)  # "rude" is the last label
    assert (mild["positive_answers"], rude["positive_answers"]) == (0.0, 1.0)
    turned = sentiment.open_sentiment(f"{folder}@Negative").grade(RUDE, SAMPLE)
    assert turned["sentiment"] == pytest.approx(1 - rude["sentiment"], abs=1e-5)
    long = " ".join([MILD] * 20)
    parts = [grader.grade(each, SAMPLE)["sentiment"] for each in classified.pieces(long)]
    assert len(parts) > 1
    assert grader.grade(long, SAMPLE)["sentiment"] == pytest.approx(np.mean(parts))
    with pytest.raises(UsageError, match="names no classifier"):
        sentiment.open_sentiment("")
    with pytest.raises(ModelError, match="a label that means positive"):
        sentiment.open_sentiment(
            str(save_classifier(tmp_path / "x", ("a", "b"), train=False))
        ).grade(MILD, SAMPLE)


def test_what_is_no_classifier_is_refused() -> None:
    with pytest.raises(ModelError, match="no classifier"):
        toxicity.open_toxicity("demo").grade(RUDE, SAMPLE)
    with pytest.raises(UsageError, match="names neither"):
        toxicity.open_toxicity("")


def test_terms_are_whole_words_in_any_case(tmp_path: Path) -> None:
    file = tmp_path / "terms.txt"
    file.write_text("# of our own\nfilthy  liar\nScum\nc++\n\n", "utf-8")
    grader = toxicity.open_toxicity(str(file))
    found = {
        text: grader.grade(text, SAMPLE)["toxic_answers"]
        for text in ("You FILTHY\nliar!", "scum", "scummy", "filthy liars", "of our own", "C++ it")
    }
    assert list(found.values()) == [1.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    assert grader.grade("", SAMPLE) == {}
    file.write_text("# nothing\n", "utf-8")
    with pytest.raises(DataError, match="no term"):
        toxicity.open_toxicity(str(file))


def test_in_a_run_afterwards_and_in_production(
    classifier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    line = f"run --model demo --tasks refusal --data sample --limit 6 --quiet --out {out}"
    assert harness(f"{line} --metrics toxicity:{classifier}") == 0
    first = runfolder.read_result(out).tasks["refusal"].metrics
    assert {"toxicity", "toxic_answers"} <= first.keys()
    terms = tmp_path / "terms.txt"
    terms.write_text("stupid\nfilthy\n", "utf-8")
    later = tmp_path / "later"
    assert harness(f"{line.replace(str(out), str(later))}") == 0
    assert harness(f"score {later} --metrics toxicity:{terms} --format json") == 0
    scored = runfolder.read_result(later).tasks["refusal"].metrics["toxic_answers"]
    assert scored.estimate.n == 6
    assert harness(f"score {later} --metrics toxicity:{tmp_path / 'none.txt'}") == 2

    def log(name: str, answer: str) -> Path:
        path = tmp_path / name
        rows = [{"prompt": f"question {n}", "response": f"{answer} {n % 7}"} for n in range(120)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        return path

    mild, rude = log("mild.jsonl", MILD), log("rude.jsonl", RUDE)
    capsys.readouterr()
    for metric in (f"toxicity:{terms}", f"toxicity:{classifier}"):
        assert harness(f"monitor {rude} --against {mild} --metrics {metric}") == 1
        assert "toxic_answers" in capsys.readouterr().out
    assert harness(f"monitor {mild} --against {mild} --metrics toxicity:{terms}") == 0


# --------------------------------------------------------------------------- ToxiGen


def samples_of(path: Path, **values: str) -> list[Sample]:
    task = toxigen.open_toxigen(TaskOptions(values=values))
    return list(task.samples(DataSource("path", "test", (str(path),))))


def test_toxigens_files_are_read_as_its_authors_do(tmp_path: Path) -> None:
    annotated = tmp_path / "annotated.csv"
    with annotated.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "target_group", "toxicity_ai", "toxicity_human"])
        writer.writerows([["one", "women", 3.0, 2.5], ["two", "women", 3.0, 2.6]])
    found = samples_of(annotated)
    assert [each.targets[0] for each in found] == ["no", "yes"]  # above 5.5, not at it
    assert found[0].groups == {"target_group": "women"}
    generated = tmp_path / "train.jsonl"
    rows = [{"prompt": "p", "generation": "three", "group": "asian", "prompt_label": 1}]
    generated.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert [(s.input, s.targets) for s in samples_of(generated)] == [("three", ("yes",))]
    generated.write_text('{"text": "four", "label": "hate"}\n', "utf-8")
    assert samples_of(generated, label_map="hate:yes,none:no")[0].targets == ("yes",)
    for bad in (
        '{"text": "five"}',
        '{"text": "six", "toxicity_human": "high", "toxicity_ai": 2}',
        '{"text": "seven", "toxicity_human": NaN, "toxicity_ai": 2}',
        '{"generation": 8, "prompt_label": 1}',
    ):
        generated.write_text(bad + "\n", "utf-8")
        with pytest.raises(DataError):
            samples_of(generated)


def test_a_classification_head_reads_the_statement() -> None:
    task = toxigen.open_toxigen(TaskOptions(values={"scoring": "classify"}))
    sample = Sample("1", "statement", ("yes",), ("no", "yes"))
    assert list(task.requests(sample, ())) == [Classify("statement", ("non-toxic", "toxic"))]
    right, wrong = (task.score(sample, [ClassProbs(each)]) for each in ((0.1, 0.9), (0.9, 0.1)))
    assert (right["accuracy"], wrong["accuracy"]) == (1.0, 0.0)
    assert (right["auroc"], wrong["auroc"]) == ((0.9, 1.0), (0.1, 1.0))


@pytest.mark.parametrize("scoring", ["loglikelihood", "generate"])
def test_a_run_has_intervals(tmp_path: Path, scoring: str) -> None:
    out = tmp_path / "run"
    line = "run --model demo --tasks toxigen --data sample --quiet"
    assert harness(f"{line} --set toxigen.scoring={scoring} --out {out}") == 0
    metrics = runfolder.read_result(out).tasks["toxigen"].metrics
    accuracy = metrics["accuracy"].estimate
    assert accuracy.n == 40
    assert accuracy.low <= accuracy.value <= accuracy.high
    assert accuracy.low < accuracy.high
    assert ("auroc" in metrics) == (scoring == "loglikelihood")


def test_a_trained_head_detects_and_an_untrained_does_not(tmp_path: Path) -> None:
    """AUROC of the same statements by a head that learned, and by one that did not."""
    rows = [{"text": f"{(MILD, RUDE)[n % 2]} {n}", "label": n % 2} for n in range(60)]
    data = tmp_path / "own.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    found = {}
    for train in (True, False):
        folder = save_classifier(tmp_path / f"{train}", ("non-toxic", "toxic"), train)
        out = tmp_path / f"run-{train}"
        line = f"run --model {folder} --tasks toxigen --data toxigen={data} --quiet --out {out}"
        assert harness(line) == 0
        found[train] = runfolder.read_result(out).tasks["toxigen"].metrics
    assert found[True]["auroc"].estimate.value > 0.95
    assert found[True]["balanced_accuracy"].estimate.value > 0.95
    assert found[True]["auroc"].estimate.n == 60
    assert found[False]["balanced_accuracy"].estimate.value < 0.8
