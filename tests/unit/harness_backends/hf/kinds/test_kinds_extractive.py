"""Extractive question answering: spans against a brute force over plain calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.protocols import BackendOptions
from harness.testing import check_backend, keyed
from harness.types import Completion, ExtractAnswer, Failed, Request
from harness_backends.hf import open_hf
from harness_backends.hf.kinds.encoder import Row
from harness_backends.hf.kinds.extractive import Logits, Windows, best_span
from support.model_kinds import CORPUS, POSITIONS

Folders = Callable[..., Path]
Answers = Callable[[Any, Sequence[Request]], list[Any]]

LONG = " ".join(CORPUS[:5])
ASKED = [
    ("who sells sea shells?", CORPUS[1]),
    ("what is long?", CORPUS[2]),
    ("  who dozes?", CORPUS[4]),
    ("who sells sea shells?", LONG),
    ("where is the town?", LONG + " " + LONG),
]


def open_kind(folder: Path, batch_size: int | None = None, **values: str) -> Any:
    return open_hf(BackendOptions(str(folder), batch_size=batch_size, values=values))


def brute_force(backend: Any, request: ExtractAnswer, stride: int, longest: int) -> str:
    """Every pair of tokens of every window, the passage cut into windows by hand."""
    model, tokenizer = backend.checkpoint.model, backend.checkpoint.tokenizer
    question = tokenizer(request.question.strip(), add_special_tokens=False)["input_ids"]
    passage = tokenizer(request.context, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = passage["input_ids"], passage["offset_mapping"]
    double = tokenizer.sep_token == "</s>"  # RoBERTa puts two separators between the texts
    head = [tokenizer.cls_token_id, *question, *[tokenizer.sep_token_id] * (1 + double)]
    room = POSITIONS - len(head) - 1
    step = room - min(stride, room // 2)
    spans, empties, start = [], [], 0
    while True:
        piece = ids[start : start + room]
        tokens = torch.tensor([[*head, *piece, tokenizer.sep_token_id]])
        types = (
            {}
            if double
            else {"token_type_ids": torch.tensor([[0] * len(head) + [1] * (len(piece) + 1)])}
        )
        with torch.no_grad():
            output = model(input_ids=tokens, **types)
        starts, ends = output.start_logits[0], output.end_logits[0]
        empties.append(float(starts[0] + ends[0]))
        kept = [
            set(logits.topk(min(20, len(logits))).indices.tolist()) for logits in (starts, ends)
        ]
        for first in range(len(piece)):
            for last in range(first, min(first + longest, len(piece))):
                a, b = first + len(head), last + len(head)
                if a in kept[0] and b in kept[1]:
                    text = request.context[offsets[start + first][0] : offsets[start + last][1]]
                    spans.append((float(starts[a] + ends[b]), text))
        if start + room >= len(ids):
            break
        start += step
    if not spans:
        return ""
    score, text = max(spans)
    return "" if not request.answerable and min(empties) > score else text


@pytest.mark.parametrize("name", ["bert", "roberta"])
@pytest.mark.parametrize("answerable", [True, False])
def test_spans_are_those_of_a_brute_force(
    name: str, answerable: bool, kind_folder: Folders, answers: Answers
) -> None:
    backend = open_kind(kind_folder(name, "extractive_qa"), doc_stride="8", max_answer_length="6")
    requests = [ExtractAnswer(*asked, answerable) for asked in ASKED]
    said = answers(backend, requests)
    for request, response in zip(requests, said, strict=True):
        assert response.text == brute_force(backend, request, 8, 6), request
        assert response.text in request.context
    assert any(response.text for response in said)


def test_the_empty_answer_wins_where_its_logits_are_higher() -> None:
    """First token: 3 + 3 in one window, 1 + 1 in the other; the least counts."""
    offsets = ((None, (0, 3), (4, 7)), (None, (8, 11), (12, 15)))
    rows = (Row((0, 1, 2)), Row((0, 3, 4)))
    results = [
        Logits((3.0, 0.5, 0.0), (3.0, 0.0, 0.6)),
        Logits((1.0, 0.2, 0.0), (1.0, 0.0, 0.1)),
    ]
    known = Windows(rows, offsets, "one two six ten", True, 5)
    assert known.answer(results) == Completion("one two")
    unknown = Windows(rows, offsets, "one two six ten", False, 5)
    assert unknown.answer(results) == Completion("")
    results[1] = Logits((0.5, 0.2, 0.0), (0.5, 0.0, 0.1))
    assert unknown.answer(results) == Completion("one two")  # 1.0 is not more than 1.1


@pytest.mark.parametrize(
    ("starts", "ends", "allowed", "longest", "expected"),
    [
        ((0, 5, 1), (0, 1, 5), (True, True, True), 2, (1, 2)),
        ((0, 5, 1), (9, 1, 5), (True, True, True), 2, (1, 2)),  # the end may not come first
        ((5, 0, 0), (0, 0, 5), (True, True, True), 2, (0, 0)),  # too long; first of equal ones
        ((9, 1, 0), (9, 1, 0), (False, True, True), 3, (1, 1)),
        ((1, 2), (2, 1), (False, False), 3, None),
    ],
)
def test_spans_that_count(
    starts: tuple[float, ...],
    ends: tuple[float, ...],
    allowed: tuple[bool, ...],
    longest: int,
    expected: tuple[int, int] | None,
) -> None:
    span = best_span(Logits(starts, ends), allowed, longest)
    assert (None if span is None else (span.start, span.end)) == expected


@pytest.mark.parametrize("batch_size", [1, 2])
def test_the_batch_size_changes_nothing(
    batch_size: int, kind_folder: Folders, answers: Answers
) -> None:
    folder = kind_folder("bert", "extractive_qa")
    requests = [ExtractAnswer(*asked) for asked in ASKED]
    assert answers(open_kind(folder), requests) == answers(open_kind(folder, batch_size), requests)


def test_empty_passages_and_long_questions(kind_folder: Folders, answers: Answers) -> None:
    backend = open_kind(kind_folder("bert", "extractive_qa"))
    empty, long, tight, none = answers(
        backend,
        [
            ExtractAnswer("who?", ""),
            ExtractAnswer("who sells shells " * 40, CORPUS[1]),
            ExtractAnswer("sea " * (POSITIONS - 5), CORPUS[1]),  # windows of two tokens
            ExtractAnswer("", CORPUS[1]),
        ],
    )
    assert empty == Completion("")
    assert isinstance(long, Failed) and "no room for the passage" in long.reason
    assert isinstance(tight, Completion) and tight.text in CORPUS[1]
    assert isinstance(none, Completion) and none.text in CORPUS[1]


def test_windows_follow_the_options(kind_folder: Folders) -> None:
    folder = kind_folder("bert", "extractive_qa")
    request = keyed([ExtractAnswer("who sells sea shells?", LONG + LONG)])
    tokens = [
        open_kind(folder, doc_stride=stride).forecast(request).prompt_tokens
        for stride in ("4", "24")
    ]
    assert tokens[0] < tokens[1]
    backends = [open_kind(folder), open_kind(folder, max_answer_length="7")]
    assert len({backend.fingerprint for backend in backends}) == 2
    assert backends[0].describe()["window"] == POSITIONS


def test_the_contract_is_kept(kind_folder: Folders) -> None:
    backend = open_kind(kind_folder("bert", "extractive_qa"))
    check_backend(backend, [ExtractAnswer(*asked) for asked in ASKED])
