"""Token-classification heads: a tag for each word, in windows, whatever the tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.protocols import BackendOptions
from harness.testing import check_backend, keyed
from harness.types import Tag, Tags
from harness_backends.hf.opening import open_checkpoint
from support.model_kinds import CORPUS, Folders

NAMES = {0: "O", 1: "B-person", 2: "I-person", 3: "B-location", 4: "I-location"}
LABELS = {"id2label": NAMES, "label2id": {name: index for index, name in NAMES.items()}}
TEXTS = [*dict.fromkeys(CORPUS), "Ann's  town,\nthe sea-shore", "x"]
LONG = " ".join(dict.fromkeys(CORPUS)) * 3


def words_of(text: str) -> tuple[tuple[int, int], ...]:
    import re

    return tuple(match.span() for match in re.finditer(r"\S+", text))


def open_head(folder: Path, batch_size: int | None = 2, **values: str) -> Any:
    return open_checkpoint(BackendOptions(str(folder), batch_size, "float32", "cpu", 0, values))


def said(backend: Any, requests: list[Tag]) -> list[Tags]:
    work = keyed(requests)
    found = dict(backend.run(work))
    return [found[each.key] for each in work]


@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert"])
def test_a_word_has_the_label_of_its_first_token(name: str, kind_folder: Folders) -> None:
    import torch
    import transformers

    folder = kind_folder(name, "token_classifier", **LABELS)
    backend = open_head(folder)
    assert backend.supports == frozenset({Tag})
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForTokenClassification.from_pretrained(folder).eval()
    seen = set()
    requests = [Tag(text, words_of(text)) for text in TEXTS]
    for request, response in zip(requests, said(backend, requests), strict=True):
        encoded = tokenizer(request.text, return_tensors="pt", return_offsets_mapping=True)
        offsets = encoded.pop("offset_mapping")[0].tolist()
        with torch.inference_mode():
            labels = model(**encoded).logits[0].argmax(-1).tolist()
        expected = []
        for start, _ in request.words:
            (token,) = [i for i, (a, b) in enumerate(offsets)
                        if a < b and a + len(request.text[a:b]) - len(request.text[a:b].lstrip())
                        <= start < b][:1]  # fmt: skip
            expected.append(NAMES[labels[token]])
        assert response == Tags(request.words, tuple(expected))
        seen |= set(response.tags)
    assert len(seen) > 1


def test_the_models_own_words_where_none_are_named(kind_folder: Folders) -> None:
    backend = open_head(kind_folder("bert", "token_classifier", **LABELS))
    text = "Ann's town, the sea-shore"
    (response,) = said(backend, [Tag(text)])
    assert [text[start:end] for start, end in response.words] == [
        "Ann", "'", "s", "town", ",", "the", "sea", "-", "shore",
    ]  # fmt: skip
    backend = open_head(kind_folder("roberta", "token_classifier", **LABELS))
    (response,) = said(backend, [Tag(text)])
    assert all(text[start:end] == text[start:end].strip() for start, end in response.words)
    assert (0, 3) in response.words


def test_the_batch_size_changes_nothing(kind_folder: Folders) -> None:
    folder = kind_folder("bert", "token_classifier", **LABELS)
    requests = [Tag(text, words_of(text)) for text in [*TEXTS, LONG]]
    one, all_ = (said(open_head(folder, size), requests) for size in (1, 8))
    assert one == all_
    check_backend(open_head(folder), [*requests, Tag(""), Tag("  \n"), Tag("a b")])


def test_long_texts_are_read_in_windows(kind_folder: Folders) -> None:
    folder = kind_folder("bert", "token_classifier", **LABELS)
    request = Tag(LONG, words_of(LONG))
    (response,) = said(open_head(folder, doc_stride="16"), [request])
    assert response.words == request.words
    assert len(response.tags) == len(LONG.split()) > 100
    # The words in the middle of a text that fits have the tags of a window of their own.
    (short,) = said(open_head(folder), [Tag(TEXTS[0], words_of(TEXTS[0]))])
    assert len(short.tags) == len(TEXTS[0].split())


def test_words_that_the_tokenizer_drops_are_no_entities(kind_folder: Folders) -> None:
    backend = open_head(kind_folder("bert", "token_classifier", **LABELS))
    text = "the \u200d town"
    (response,) = said(backend, [Tag(text, ((0, 3), (4, 5), (6, 10)))])
    assert len(response.tags) == 3
    assert response.tags[1] == "O"


def test_labels_that_are_no_tags_are_refused(kind_folder: Folders) -> None:
    plain = kind_folder("bert", "token_classifier")
    with pytest.raises(HarnessError, match="are no tags of entities") as told:
        open_head(plain)
    assert "label_map=LABEL_0:" in str(told.value)
    mapped = open_head(plain, label_map="LABEL_0:O,LABEL_1:B-person")
    (response,) = said(mapped, [Tag("the town", ((0, 3), (4, 8)))])
    assert set(response.tags) <= {"O", "B-person"}
    names = {0: "O", 1: "PER", 2: "LOC"}
    bare = kind_folder("bert", "token_classifier", id2label=names,
                       label2id={name: index for index, name in names.items()})  # fmt: skip
    assert open_head(bare).describe()["tags"] == ["O", "I-PER", "I-LOC"]
    with pytest.raises(HarnessError, match="max_answer_length is an option of extractive_qa"):
        open_head(bare, max_answer_length="3")
