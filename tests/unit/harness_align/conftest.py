"""A tiny model, and small training files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.tiny_models import PAIRS, Rows, make_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random model."""
    return make_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def jsonl(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows to a JSONL file."""

    def write(rows: Rows, name: str = "rows.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def pairs() -> Rows:
    """Twelve preference pairs."""
    return PAIRS


@pytest.fixture
def model_with(tmp_path: Path) -> Callable[..., Path]:
    """Makes a tiny model with other special tokens, or another context length."""

    def make(**options: Any) -> Path:
        return make_model(tmp_path / "other", **options)

    return make


@pytest.fixture
def pairs_file(jsonl):
    return jsonl(
        [
            {"prompt": f"the {who} {n} said", "chosen": " yes she was", "rejected": " no he was"}
            for who in ("nurse", "doctor")
            for n in range(20)
        ],
        "pairs.jsonl",
    )
