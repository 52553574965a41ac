"""Entailment by a checkpoint: a real classifier whose answers are known."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from harness import ask
from harness.errors import ModelError
from harness.types import Classify, Sample
from harness_grounding.metrics import entailment
from support.model_kinds import CORPUS, make_tokenizer

TEXT = "A small town lies by a river. The river is long."


def make_classifier(folder: Path, labels: tuple[str, ...]) -> Path:
    """A tiny BERT for pairs of texts, from a fixed seed."""
    import torch
    import transformers as t

    torch.manual_seed(3)
    tokenizer = make_tokenizer("bert", folder)
    config = t.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=64,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
        initializer_range=0.5,
    )
    t.BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.model_max_length = 64
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nli")
    return make_classifier(folder, ("contradiction", "entailment", "neutral"))


def test_a_pair_is_read_as_transformers_reads_it(classifier: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(classifier).eval()
    tokenizer = AutoTokenizer.from_pretrained(classifier)
    labels = ("entailment", "neutral", "contradiction")
    long = " ".join(CORPUS[:5])  # more than the model reads: the premise is cut
    pairs = [(TEXT, "The town is old."), ("The river is long.", "sea"), (long, "Old men doze.")]
    found = ask(str(classifier), [Classify(a, labels, b) for a, b in pairs])
    for (premise, claim), response in zip(pairs, found, strict=True):
        encoded = tokenizer(
            premise, claim, truncation="only_first", max_length=64, return_tensors="pt"
        )
        with torch.no_grad():
            chances = model(**encoded).logits.softmax(-1)[0]
        expected = [chances[index].item() for index in (1, 2, 0)]
        assert response.probabilities == pytest.approx(expected, abs=1e-5)
    # The two texts are not the same as one: their token types differ.
    (alone,) = ask(str(classifier), [Classify(f"{TEXT} The town is old.", labels)])
    assert alone.probabilities[0] != pytest.approx(found[0].probabilities[0], abs=1e-6)


def test_a_claims_value_is_its_best_premise(classifier: Path) -> None:
    grader = entailment.Entailment(str(classifier))
    answer = "The town is old. Old men doze in the sun."
    found = grader.grade(answer, Sample("1", TEXT))
    labels = ("entailment", "neutral", "contradiction")
    claims = ["The town is old.", "Old men doze in the sun."]
    responses = ask(str(classifier), [Classify(TEXT, labels, claim) for claim in claims])
    values = [each.probabilities[0] for each in responses]
    assert found["entailment"] == pytest.approx(sum(values) / 2)
    assert found["supported_claims"] == sum(each >= 0.5 for each in values) / 2
    assert grader.grade("", Sample("1", TEXT)) == {}


def test_two_labels_are_enough_and_others_are_refused(tmp_path: Path) -> None:
    two = make_classifier(tmp_path / "two", ("not_entailment", "entailment"))
    found = entailment.Entailment(str(two)).grade("The town is old.", Sample("1", TEXT))
    assert 0 <= found["entailment"] <= 1
    other = make_classifier(tmp_path / "other", ("happy", "sad", "so so"))
    with pytest.raises(ModelError, match="no classifier of entailment"):
        entailment.Entailment(str(other)).grade("The town is old.", Sample("1", TEXT))


def test_long_sources_are_cut_into_overlapping_pieces() -> None:
    sentences = [f"Sentence {number} has {'many ' * 20}words." for number in range(30)]
    pieces = entailment.windows(" ".join(sentences))
    assert len(pieces) > 3
    assert all(any(each in piece for piece in pieces) for each in sentences)
    assert all(len(piece.split()) <= entailment.WINDOW + 24 for piece in pieces)
    # Neighbours stand together in one piece.
    for first, second in itertools.pairwise(sentences):
        assert any(f"{first} {second}" in piece for piece in pieces)
