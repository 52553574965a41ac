"""SmolLM2-135M-Instruct, a real instruction-tuned model, from both forms of its files.

``models/make_smollm2.py`` of the shared data makes the folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.protocols import BackendOptions
from harness.types import Generate, Loglikelihood, Message, Sampling
from harness_backends.hf import open_hf
from support.shared_data import SHARED, SMOLLM2

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.skipif(not SMOLLM2.is_dir(), reason=f"no SmolLM2 at {SMOLLM2}"),
]
CAPITALS = {"France": " Paris", "Italy": " Rome", "Japan": " Tokyo", "Egypt": " Cairo"}
PAIRS = [
    Loglikelihood(f"The capital of {country} is", capital)
    for country in CAPITALS
    for capital in CAPITALS.values()
]
SAID = Generate("The capital of France is", Sampling(max_tokens=8))
DTYPES = ("bfloat16", "float32")
ASKED = Generate((Message("user", "What is the capital of France?"),), Sampling(max_tokens=24))


def test_a_gguf_file_is_the_model_of_the_folder(answers: Callable[..., list[Any]]) -> None:
    pytest.importorskip("gguf")
    (file,) = SMOLLM2.glob("*.gguf")
    quantised, folder = (
        open_hf(BackendOptions(str(path), values={"chat_template": "off"}))
        for path in (file, SMOLLM2)
    )
    assert quantised.fingerprint != folder.fingerprint
    assert quantised.describe()["gguf"] == "llama Q4_1, dequantised"
    found, expected = (answers(each, [*PAIRS, SAID]) for each in (quantised, folder))
    for ours, theirs in zip(found[: len(PAIRS)], expected[: len(PAIRS)], strict=True):
        assert ours.total == pytest.approx(theirs.total, abs=1e-4)
    assert found[-1].text == expected[-1].text
    assert found[-1].text.startswith(" Paris.")
    rows = [found[4 * row : 4 * row + 4] for row in range(4)]
    best = [max(range(4), key=lambda place: row[place].total) for row in rows]
    assert best == [0, 1, 2, 3]


def test_a_folder_with_the_file_alone_chats_by_its_template(
    tmp_path: Path, answers: Callable[..., list[Any]]
) -> None:
    pytest.importorskip("gguf")
    (file,) = SMOLLM2.glob("*.gguf")
    (tmp_path / "model.gguf").symlink_to(file)
    backend = open_hf(BackendOptions(str(tmp_path)))
    assert backend.describe()["chat_template"] is True
    (said,) = answers(backend, [ASKED])
    assert "Paris" in said.text
    assert said.finish_reason == "stop"


def test_bfloat16_keeps_the_fast_path(answers: Callable[..., list[Any]]) -> None:
    """Its own rounding is many times what float32 allows; a random small model's is not."""
    published = json.loads((SHARED / "data/hellaswag/hellaswag.json").read_text("utf-8"))["dev"]
    asked: list[Any] = [
        Loglikelihood(row["question"], f" {choice}")
        for row in published[:12]
        for choice in row["choices"].values()
    ]
    asked += [Generate(row["question"], Sampling(max_tokens=24)) for row in published[:12]]
    half, whole = (open_hf(BackendOptions(str(SMOLLM2), dtype=each)) for each in DTYPES)
    found, expected = (answers(each, asked) for each in (half, whole))
    facts = half.describe()
    assert (facts["engine"], facts["engine_notes"]) == ("tree", [])
    assert 0.01 < facts["rounding_error"] < 0.2
    assert "rounding_error" not in whole.describe()
    apart = [
        abs(one.total - other.total) / one.token_count**0.5
        for one, other in zip(found[:48], expected[:48], strict=True)
    ]
    assert 0 < max(apart) < 8 * facts["rounding_error"]
