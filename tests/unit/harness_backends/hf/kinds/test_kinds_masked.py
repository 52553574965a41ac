"""Masked models: pseudo-log-likelihoods against a loop of single calls."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.errors import ModelError
from harness.protocols import BackendOptions
from harness.testing import check_backend, keyed
from harness.types import Failed, Logprob, PseudoLoglikelihood, Request
from harness_backends.hf import open_hf
from support.model_kinds import MASKED

Folders = Callable[..., Path]
Answers = Callable[[Any, Sequence[Request]], list[Any]]

PAIRS = [
    ("old men doze in the sun", "young women doze in the sun"),
    ("young women doze in the sun", "old men doze in the sun"),
    ("the river is long", "the long river is old"),
    ("she sells sea shells by the sea shore", "who sells shells"),
    ("one two three", "one two three"),
]


def open_kind(folder: Path, batch_size: int | None = None, **values: str) -> Any:
    return open_hf(BackendOptions(str(folder), batch_size=batch_size, values=values))


def by_hand(backend: Any, text: str, other: str) -> tuple[float, int]:
    """One masked copy a call, from the ids of the two texts between their special tokens."""
    model, tokenizer = backend.checkpoint.model, backend.checkpoint.tokenizer
    ids, others = (tokenizer.encode(each) for each in (text, other))
    blocks = difflib.SequenceMatcher(
        None, list(map(str, ids)), list(map(str, others))
    ).get_matching_blocks()
    shared = [place for start, _, size in blocks for place in range(start, start + size)]
    assert shared[0] == 0 and shared[-1] == len(ids) - 1, "the special tokens are shared"
    total = 0.0
    for place in shared[1:-1]:
        masked = torch.tensor([ids])
        masked[0, place] = tokenizer.mask_token_id
        with torch.no_grad():
            logits = model(input_ids=masked).logits[0, place]
        total += float(logits.log_softmax(-1)[ids[place]])
    return total, len(shared) - 2


@pytest.mark.parametrize("name", MASKED)
def test_scores_are_those_of_single_calls(
    name: str, kind_folder: Folders, answers: Answers
) -> None:
    backend = open_kind(kind_folder(name, "masked"))
    assert backend.describe()["kind"] == "masked"
    said = answers(backend, [PseudoLoglikelihood(*pair) for pair in PAIRS])
    for pair, response in zip(PAIRS, said, strict=True):
        total, count = by_hand(backend, *pair)
        assert response.token_count == count > 0
        assert response.total == pytest.approx(total, abs=1e-4), pair


@pytest.mark.parametrize("batch_size", [1, 4])
def test_the_batch_size_changes_nothing(
    batch_size: int, kind_folder: Folders, answers: Answers
) -> None:
    folder = kind_folder("roberta", "masked")
    requests = [PseudoLoglikelihood(*pair) for pair in PAIRS]
    for one, other in zip(
        answers(open_kind(folder), requests),
        answers(open_kind(folder, batch_size), requests),
        strict=True,
    ):
        assert one.total == pytest.approx(other.total, abs=1e-4)


def test_greedy_means_that_every_hidden_token_was_the_likeliest(
    kind_folder: Folders, answers: Answers
) -> None:
    backend = open_kind(kind_folder("bert", "masked"))
    model, tokenizer = backend.checkpoint.model, backend.checkpoint.tokenizer
    ids = tokenizer("the [MASK] town", return_tensors="pt")
    with torch.no_grad():
        best = tokenizer.convert_ids_to_tokens(int(model(**ids).logits[0, 2].argmax()))
    right, wrong = answers(
        backend,
        [PseudoLoglikelihood(f"the {word} town", f"a {word} river") for word in (best, "shells")],
    )
    assert (right.token_count, right.is_greedy) == (1, True)
    assert (wrong.token_count, wrong.is_greedy) == (1, False)


def test_nothing_shared_empty_and_too_long(kind_folder: Folders, answers: Answers) -> None:
    backend = open_kind(kind_folder("bert", "masked"))
    nothing, empty, long, other_long, fine = answers(
        backend,
        [
            PseudoLoglikelihood("one two", "river shore"),
            PseudoLoglikelihood("", ""),
            PseudoLoglikelihood("the sea " * 60, "the sea"),
            PseudoLoglikelihood("the sea", "the sea " * 60),
            PseudoLoglikelihood("the sea", "the town"),
        ],
    )
    assert nothing == empty == Logprob(0.0, 0, True)
    assert isinstance(long, Failed) and isinstance(other_long, Failed)
    assert "the model takes 64" in long.reason
    assert isinstance(fine, Logprob)


def test_the_contract_is_kept_and_equal_copies_run_once(kind_folder: Folders) -> None:
    backend = open_kind(kind_folder("bert", "masked"))
    requests = [
        PseudoLoglikelihood("the old town", "the old river"),
        PseudoLoglikelihood("the old town", "the old shore"),
    ]
    check_backend(open_kind(kind_folder("bert", "masked")), requests)
    forecast = backend.forecast(keyed(requests))
    list(backend.run(keyed(requests)))
    assert backend.usage.computed_tokens == forecast.computed_tokens == 2 * 5
    assert backend.usage.prompt_tokens == forecast.prompt_tokens == 4 * 5


def test_a_tokenizer_without_a_mask_is_refused(kind_folder: Folders, tmp_path: Path) -> None:
    import json
    import shutil

    folder = Path(shutil.copytree(kind_folder("bert", "masked"), tmp_path / "bert"))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "TokenizersBackend"}
    settings.pop("mask_token", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelError, match="no mask token"):
        open_kind(folder)
