"""What runs are called on pages: by their folders, too, where several have one name."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness_view import notes
from harness_view.index import refresh, store
from harness_view.pages import boards
from harness_view.pages.site import View, board_slug
from support import viewed_runs


def test_runs_with_one_name_are_called_by_their_folders(tmp_path: Path) -> None:
    for number in range(2):
        viewed_runs.write(tmp_path, viewed_runs.Build(number, {"arithmetic": 0.6}), 12)
    shutil.copytree(tmp_path / "build-001", tmp_path / "copy")
    with store.opened(tmp_path) as index, notes.opened(tmp_path) as kept:
        refresh.refresh(index)
        view = View(index, kept, None)
        names = view.names
        (board, *_) = boards.making.boards(index)
        page = boards.render(view, board_slug(board))
    assert names["build-000"] == "build-000"
    assert names["build-001"] == "build-001 (build-001)"
    assert names["copy"] == "build-001 (copy)"
    assert page.status == 200 and "build-001 (copy)" in page.text
