"""Sequence classifiers: probabilities against plain calls, and labels that match or do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ModelError, UsageError
from harness.protocols import BackendOptions
from harness.testing import check_backend, keyed
from harness.types import Classify, ClassProbs, Request
from harness_backends.hf import open_hf
from harness_backends.hf.kinds.labels import match_labels, parse_label_map
from support.model_kinds import CORPUS, POSITIONS

Folders = Callable[..., Path]
Answers = Callable[[Any, Sequence[Request]], list[Any]]

LABELS = ("negative", "positive")
NAMED = {"num_labels": 2, "id2label": {0: "POSITIVE", 1: "NEGATIVE"}}
TEXTS = [*CORPUS[:5], "", "the", "she sells sea shells " * 40]


def open_kind(folder: Path, batch_size: int | None = None, **values: str) -> Any:
    return open_hf(BackendOptions(str(folder), batch_size=batch_size, values=values))


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_probabilities_are_those_of_plain_calls(
    name: str, kind_folder: Folders, answers: Answers
) -> None:
    backend = open_kind(kind_folder(name, "classifier", **NAMED))
    model, tokenizer = backend.checkpoint.model, backend.checkpoint.tokenizer
    said = answers(backend, [Classify(text, LABELS) for text in TEXTS])
    for text, response in zip(TEXTS, said, strict=True):
        ids = tokenizer(text, truncation=True, max_length=POSITIONS, return_tensors="pt")
        with torch.no_grad():
            positive, negative = model(**ids).logits.softmax(-1)[0].tolist()
        assert response.probabilities == pytest.approx((negative, positive), abs=1e-6)
    assert len({round(response.probabilities[0], 4) for response in said}) == len(TEXTS)
    described = backend.describe()
    assert (described["kind"], described["truncated"]) == ("classifier", 1)
    assert described["max_length"] == POSITIONS


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_two_texts_are_read_together(name: str, kind_folder: Folders, answers: Answers) -> None:
    backend = open_kind(kind_folder(name, "classifier", **NAMED))
    model, tokenizer = backend.checkpoint.model, backend.checkpoint.tokenizer
    long = "she sells sea shells " * 40
    pairs = [
        (CORPUS[0], CORPUS[1]),
        (CORPUS[1], CORPUS[0]),
        ("the", long),
        (long, "the"),
        ("a", ""),
    ]
    said = answers(backend, [Classify(one, LABELS, other) for one, other in pairs])
    for (one, other), response in zip(pairs, said, strict=True):
        ids = tokenizer(one, other, truncation=True, max_length=POSITIONS, return_tensors="pt")
        with torch.no_grad():
            positive, negative = model(**ids).logits.softmax(-1)[0].tolist()
        assert response.probabilities == pytest.approx((negative, positive), abs=1e-6)
    assert said[0] != said[1]
    (alone,) = answers(backend, [Classify(CORPUS[0], LABELS)])
    assert alone != said[0]


def test_a_text_may_be_as_long_as_the_model(kind_folder: Folders, answers: Answers) -> None:
    """RoBERTa has more positions than it can use."""
    backend = open_kind(kind_folder("roberta", "classifier", **NAMED))
    tokenizer = backend.checkpoint.tokenizer
    text = next(
        " ".join(["sea"] * count)
        for count in range(POSITIONS)
        if len(tokenizer(" ".join(["sea"] * count))["input_ids"]) == POSITIONS
    )
    (response,) = answers(backend, [Classify(text, LABELS)])
    assert isinstance(response, ClassProbs)
    assert backend.describe()["truncated"] == 0
    with pytest.raises(UsageError, match=f"The model takes {POSITIONS} tokens"):
        open_kind(kind_folder("roberta", "classifier", **NAMED), max_length=str(POSITIONS + 1))


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_batch_size_changes_nothing(
    batch_size: int, kind_folder: Folders, answers: Answers
) -> None:
    folder = kind_folder("bert", "classifier", **NAMED)
    requests = [Classify(text, LABELS) for text in TEXTS]
    for one, other in zip(
        answers(open_kind(folder), requests),
        answers(open_kind(folder, batch_size), requests),
        strict=True,
    ):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)


def test_the_contract_is_kept_and_equal_texts_run_once(kind_folder: Folders) -> None:
    backend = open_kind(kind_folder("bert", "classifier", **NAMED))
    requests = [Classify(text, labels) for text in TEXTS[:3] for labels in (LABELS, LABELS[::-1])]
    forecast = backend.forecast(keyed(requests))
    check_backend(backend, requests[:2])
    before = backend.usage
    list(backend.run(keyed(requests)))
    after = backend.usage
    assert after.computed_tokens - before.computed_tokens == forecast.computed_tokens
    assert after.prompt_tokens - before.prompt_tokens == forecast.prompt_tokens
    assert forecast.prompt_tokens == 2 * forecast.computed_tokens


def test_memory_that_runs_out_only_makes_batches_smaller(
    kind_folder: Folders, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = kind_folder("bert", "classifier", **NAMED)
    requests = [Classify(text, LABELS) for text in [*TEXTS, *reversed(CORPUS[:5])]]
    requests += [Classify(f"the town {word}", LABELS) for word in ("is", "by", "lies", "sea")]
    expected = answers(open_kind(folder), requests)
    backend = open_kind(folder)
    model = backend.checkpoint.model
    forward, sizes = model.forward, []

    def scarce(input_ids: torch.Tensor, **more: Any) -> Any:
        sizes.append(len(input_ids))
        if len(input_ids) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return forward(input_ids=input_ids, **more)

    monkeypatch.setattr(model, "forward", scarce)
    for one, other in zip(expected, answers(backend, requests), strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
    assert max(sizes) > 1


@pytest.mark.parametrize("padding", [None, 1])
def test_a_decoder_with_a_classification_head(
    padding: int | None, tokenizer: Any, tmp_path: Path, answers: Answers
) -> None:
    """It reads the last token, which it finds by the padding's id where it has one."""
    from transformers import LlamaConfig, LlamaForSequenceClassification

    size = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    config = LlamaConfig(vocab_size=len(tokenizer), num_attention_heads=4, **size, **NAMED)
    config.pad_token_id = padding
    torch.manual_seed(0)
    LlamaForSequenceClassification(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    backend = open_kind(tmp_path)
    texts = ["the town", "the lazy dog", "a river", "one two three four"]
    said = answers(backend, [Classify(text, LABELS) for text in texts])
    for text, response in zip(texts, said, strict=True):
        with torch.no_grad():
            ids = torch.tensor([tokenizer(text)["input_ids"]])
            positive, negative = backend.checkpoint.model(input_ids=ids).logits.softmax(-1)[0]
        expected = (float(negative), float(positive))
        assert response.probabilities == pytest.approx(expected, abs=1e-6)


# --------------------------------------------------------------------------- labels


def test_labels_without_names_need_a_map(kind_folder: Folders, answers: Answers) -> None:
    folder = kind_folder("bert", "classifier", num_labels=2)
    with pytest.raises(ModelError, match="do not name") as raised:
        answers(open_kind(folder), [Classify("the", LABELS)])
    message = str(raised.value)
    assert "LABEL_0, LABEL_1" in message and "negative, positive" in message
    assert "--set label_map=LABEL_0:negative,LABEL_1:positive" in message
    one = open_kind(folder, label_map="LABEL_0:negative,LABEL_1:positive")
    other = open_kind(folder, label_map="LABEL_1:negative, LABEL_0:positive")
    assert one.fingerprint != other.fingerprint
    (straight,), (crossed,) = (answers(each, [Classify("the", LABELS)]) for each in (one, other))
    assert straight.probabilities == pytest.approx(crossed.probabilities[::-1])


def test_several_labels_may_mean_one_and_others_none(
    kind_folder: Folders, answers: Answers
) -> None:
    folder = kind_folder("bert", "classifier", num_labels=4)
    backend = open_kind(folder, label_map="LABEL_0:negative,LABEL_1:negative,LABEL_3:positive")
    model, tokenizer = backend.checkpoint.model, backend.checkpoint.tokenizer
    with torch.no_grad():
        logits = model(**tokenizer("the town", return_tensors="pt")).logits[0]
    a, b, _, d = logits.softmax(-1).tolist()
    (response,) = answers(backend, [Classify("the town", LABELS)])
    expected = ((a + b) / (a + b + d), d / (a + b + d))
    assert response.probabilities == pytest.approx(expected, abs=1e-6)


def test_one_output_is_a_probability_only_where_that_is_said(
    kind_folder: Folders, answers: Answers
) -> None:
    folder = kind_folder("bert", "classifier", num_labels=1)
    with pytest.raises(ModelError, match="one output, LABEL_0"):
        open_kind(folder)
    backend = open_kind(folder, label_map="LABEL_0:positive")
    model, tokenizer = backend.checkpoint.model, backend.checkpoint.tokenizer
    with torch.no_grad():
        share = float(model(**tokenizer("the town", return_tensors="pt")).logits.sigmoid())
    (response,) = answers(backend, [Classify("the town", LABELS)])
    assert response.probabilities == pytest.approx((1 - share, share), abs=1e-6)
    with pytest.raises(ModelError, match="decide between two labels"):
        answers(backend, [Classify("the town", ("negative", "neutral", "positive"))])


@pytest.mark.parametrize("problem", ["regression", "multi_label_classification"])
def test_outputs_that_are_no_distribution_are_refused(problem: str, kind_folder: Folders) -> None:
    folder = kind_folder("bert", "classifier", num_labels=2, problem_type=problem)
    with pytest.raises(ModelError, match="no distribution over labels"):
        open_kind(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [("LABEL_0", "HEAD_LABEL:TASK_LABEL"), ("POS:positive", "none of the model's labels")],
)
def test_a_bad_map_is_an_error(text: str, message: str, kind_folder: Folders) -> None:
    with pytest.raises(UsageError) as raised:
        open_kind(kind_folder("bert", "classifier", num_labels=2), label_map=text)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("head", "task", "found"),
    [
        (("Negative", "POSITIVE"), LABELS, ((0,), (1,))),
        (("POS", "NEU", "NEG"), LABELS, ((2,), (0,))),
        (("not_entailment", "entailment"), ("entailment", "not entailment"), ((1,), (0,))),
    ],
)
def test_names_match_by_case_and_short_forms(
    head: tuple[str, ...], task: tuple[str, ...], found: tuple[tuple[int, ...], ...]
) -> None:
    assert match_labels(head, task, None) == found


def test_two_labels_of_one_name_match_nothing() -> None:
    with pytest.raises(ModelError, match="do not name"):
        match_labels(("pos", "positive", "negative"), LABELS, None)


@given(st.permutations(["joy", "anger", "fear", "love"]), st.permutations([0, 1, 2, 3]))
def test_a_map_is_followed(task: list[str], order: list[int]) -> None:
    head = [f"LABEL_{index}" for index in range(4)]
    text = ",".join(f"LABEL_{index}:{task[place]}" for place, index in enumerate(order))
    assert match_labels(head, task, parse_label_map(text, head)) == tuple(
        (index,) for index in order
    )
