"""A small catalogue in the place of the installed one, whose 14,000 files take long to read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness_lm_eval import installed
from harness_lm_eval.catalogue import index
from support import lm_eval_definitions


@pytest.fixture
def definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the small catalogue."""
    folder = lm_eval_definitions.write(tmp_path / "installed")
    monkeypatch.setattr(installed, "task_folder", lambda: folder)
    index._installed.cache_clear()
    yield folder
    index._installed.cache_clear()


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A file that every task of the catalogue takes."""
    return lm_eval_definitions.write_rows(tmp_path / "rows.jsonl")
