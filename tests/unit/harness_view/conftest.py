"""A folder of runs for the tests of the view."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness_view.figures import boards
from harness_view.index import refresh, store
from harness_view.index.store import Index
from support import viewed_runs


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight builds, the last four worse on one of two tasks."""
    root = tmp_path_factory.mktemp("runs")
    viewed_runs.series(root, count=8, samples=200)
    return root


@pytest.fixture
def index(runs: Path) -> Iterator[Index]:
    """Their index, up to date, ranks computed."""
    with store.opened(runs) as opened:
        refresh.refresh(opened)
        boards.compute(opened)
        yield opened
