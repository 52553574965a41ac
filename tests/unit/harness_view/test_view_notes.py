"""Tags and comments outlast whatever happens to the index and to the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import DataError, UsageError
from harness_view import notes
from harness_view.index import refresh, store
from harness_view.notes import Place

PLACE = Place("build-000", "arithmetic", "s-1")


def test_notes_are_kept_by_place(tmp_path):
    with notes.opened(tmp_path) as kept:
        assert kept.is_kept
        kept.add_tag(PLACE, "  hard\nto read ")
        kept.add_tag(PLACE, "hard to read")
        kept.add_tag(Place("build-000"), "release")
        kept.add_comment(PLACE, "first\r\nline")
        kept.add_comment(PLACE, "second")
    with notes.opened(tmp_path) as kept:
        assert kept.tags("build-000") == {PLACE: ["hard to read"], Place("build-000"): ["release"]}
        assert kept.tags_of_runs() == {"build-000": ["release"]}
        first, second = kept.comments("build-000", "arithmetic")[PLACE]
        assert (first.text, second.text) == ("first\nline", "second")
        kept.remove_comment(Place("build-000"), first.number)  # of another place
        kept.remove_comment(PLACE, second.number)
        kept.remove_tag(PLACE, "hard to read")
        ((run, _, _), (place, tags, comments)) = kept.noted()
        assert run == Place("build-000") and place == PLACE
        assert tags == [] and [each.text for each in comments] == ["first\nline"]
    assert os.stat(tmp_path / notes.FILE).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", " \n ", "x" * 41])
def test_what_is_no_tag_is_refused(tmp_path, text):
    with notes.opened(tmp_path) as kept, pytest.raises(UsageError):
        kept.add_tag(PLACE, text)


def test_notes_survive_a_new_index(runs, tmp_path):
    with notes.opened(tmp_path) as kept:
        kept.add_tag(PLACE, "kept")
    with store.opened(tmp_path) as index:
        refresh.refresh(index)
        path = index.path
    path.unlink()
    with store.opened(tmp_path) as index, notes.opened(tmp_path) as kept:
        refresh.refresh(index)
        assert kept.tags("build-000")[PLACE] == ["kept"]


WRITER = """
import sys
from pathlib import Path
from harness_view import notes
with notes.opened(Path(sys.argv[1])) as kept:
    number = 0
    while True:
        kept.add_comment(notes.Place("run"), f"comment {number}")
        print(number, flush=True)
        number += 1
"""


def test_what_was_told_to_be_kept_survives_a_kill(tmp_path):
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        told = [int(process.stdout.readline()) for _ in range(12)]
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        with notes.opened(tmp_path) as kept:
            texts = [each.text for each in kept.comments("run")[Place("run")]]
            assert texts[: len(told)] == [f"comment {each}" for each in told]
            for comment in kept.comments("run")[Place("run")]:
                kept.remove_comment(Place("run"), comment.number)


@pytest.mark.parametrize("content", [b"no database at all", b"SQLite format 3\0" + b"\1" * 200])
def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, content: bytes):
    (tmp_path / notes.FILE).write_bytes(content)
    with pytest.raises(DataError, match="is damaged"), notes.opened(tmp_path):
        pass
    assert (tmp_path / notes.FILE).read_bytes() == content
