"""Two people judge fifty items by keyboard in a real browser; the server is killed on the way."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.browser import CONTRAST
from support.judged_runs import summaries
from support.report_runs import SAFE_HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")
ITEMS = 80  # with 0.25 shared: 20 for both, and 30 more for each


class Server:
    """``harness annotate`` in a process of its own."""

    def __init__(self, words: list[str]) -> None:
        command = [sys.executable, "-m", "harness", "annotate", *words]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.said: list[str] = []
        for line in self._process.stdout:
            self.said.append(line)
            if found := re.search(r"Open (http://127\.0\.0\.1:(\d+)/\?token=\S+)", line):
                self.url, self.port = found[1], int(found[2])
                return
        raise AssertionError(f"no address: {self.said}")

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()

    def end(self) -> str:
        """Ctrl-C, as a person ends it."""
        self._process.send_signal(signal.SIGINT)
        out, _ = self._process.communicate(timeout=30)
        assert self._process.returncode == 0, out
        return out


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    texts = [f"Short summary {place}." for place in range(ITEMS)]
    longer = [f"Longer summary {place}, with more of it." for place in range(ITEMS)]
    hostile = [text.replace("\0", "") for text in SAFE_HOSTILE]
    longer[: len(hostile)] = hostile
    return [summaries(folder, "plain", texts), summaries(folder, "wordy", longer)]


def watched(browser: Browser, server: Server) -> tuple[Page, list[str]]:
    """A page, and whatever it complains of or asks elsewhere."""
    page = browser.new_context().new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    origin = f"http://127.0.0.1:{server.port}/"
    page.on(
        "request",
        lambda request: None if request.url.startswith(origin) else complaints.append(request.url),
    )
    return page, complaints


def count(page: Page) -> int:
    return int(page.text_content("#count").split()[0])


def until(page: Page, holds: Callable[[], bool]) -> None:
    """Waits; not by ``wait_for_function``, as the page's policy lets nobody evaluate texts."""
    for _ in range(2000):
        if holds():
            return
        page.wait_for_timeout(10)
    raise AssertionError("it did not come to that")


def press(page: Page, key: str) -> None:
    """Presses a key and waits until what it does is stored."""
    before = page.text_content("#count"), page.is_visible("#done")
    page.keyboard.press(key)
    until(page, lambda: (page.text_content("#count"), page.is_visible("#done")) != before)


def judge(page: Page, how_many: int) -> None:
    """Prefers the short summary, where it can be told; else a tie."""
    for _ in range(how_many):
        texts = page.locator("#answers .text").all_text_contents()
        short = [text.startswith("Short summary") for text in texts]
        assert sum(short) == 1
        press(page, ("1", "2")[short.index(True)])


def stored(out: Path) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(out / "annotations.sqlite")
    try:
        return connection.execute(
            "SELECT annotator, item, value, comment FROM labels WHERE undone = 0 ORDER BY id"
        ).fetchall()
    finally:
        connection.close()


def test_fifty_items_two_annotators_a_reload_and_a_killed_server(browser, runs, tmp_path):
    out = tmp_path / "people"
    words = [*map(str, runs), "--out", str(out), "--annotators", "ada,ben", "--overlap", "0.25"]
    server = Server(words)
    page, complaints = watched(browser, server)
    page.goto(server.url)
    page.get_by_role("button", name="ada").press("Enter")
    page.wait_for_selector("#work:not([hidden])")
    assert page.text_content("#count") == "0 of 50"
    assert page.evaluate(CONTRAST) == []
    for name in ("plain", "wordy", "replay"):
        assert name not in page.content()  # blinded

    judge(page, 20)
    page.keyboard.press("c")
    page.keyboard.type("both say 1 thing")  # digits in a comment are no judgement
    page.keyboard.press("Escape")
    assert count(page) == 20
    judge(page, 1)
    press(page, "0")
    assert count(page) == 22
    press(page, "u")  # a tie by mistake
    assert count(page) == 21
    page.reload()
    page.wait_for_selector("#work:not([hidden])")
    assert count(page) == 21  # nothing lost, the annotator still known
    assert len(stored(out)) == 21

    server.kill()
    assert len(stored(out)) == 21
    page.keyboard.press("1")
    page.wait_for_selector("#trouble:not([hidden])")
    assert "Not saved yet" in page.text_content("#trouble")
    server = Server([*words, "--port", str(server.port)])
    until(page, lambda: count(page) == 22)
    assert not page.is_visible("#trouble")
    assert len(stored(out)) == 22  # the judgement that was waiting, once
    press(page, "u")
    judge(page, 29)
    assert page.is_visible("#done")
    assert complaints == []

    other, complaints = watched(browser, server)
    other.goto(server.url + "&annotator=ben")
    other.wait_for_selector("#work:not([hidden])")
    assert other.text_content("#count") == "0 of 50"
    judge(other, 48)
    press(other, "0")  # disagrees on one, skips one
    press(other, "s")
    assert other.is_visible("#done")
    assert complaints == []
    said = server.end()
    assert "ada: 50 of 50 judged" in said and "ben: 50 of 50 judged" in said

    check_report_and_exports(out, tmp_path)


def harness(*words: str) -> str:
    command = [sys.executable, "-m", "harness", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check_report_and_exports(out: Path, folder: Path) -> None:
    report = json.loads(harness("annotate", "report", str(out), "--format", "json"))
    assert [each["done"] for each in report["annotators"]] == [50, 50]
    assert report["annotators"][1]["skipped"] == 1
    assert report["annotators"][0]["mean"]["value"] == 1.0  # the run "plain" in every pair
    assert 18 <= report["shared"] <= 20
    assert 0.2 < report["annotators"][0]["first_shown"]["value"] < 0.8  # the order is drawn
    labels = folder / "labels.jsonl"
    harness("annotate", "export", str(out), "--file", str(labels))
    rows = [json.loads(line) for line in labels.read_text().splitlines()]
    assert len(rows) == 100
    assert {row["preferred"] for row in rows} == {"plain", "tie", None}
    assert sum(row["comment"] == "both say 1 thing" for row in rows) == 1
    pairs = folder / "pairs.jsonl"
    harness("annotate", "export", str(out), "--as", "preference", "--file", str(pairs))
    made = [json.loads(line) for line in pairs.read_text().splitlines()]
    assert len(made) >= 78 and all(row["chosen"].startswith("Short") for row in made)
    assert oct(os.stat(out / "annotations.sqlite").st_mode)[-3:] == "600"
    assert oct(os.stat(out).st_mode)[-3:] == "700"
    from harness_align.dataset import formats

    assert len(formats.read(pairs).rows) == len(made)


def test_who_has_no_token_gets_nothing(runs, tmp_path):
    server = Server([str(runs[0]), "--out", str(tmp_path / "people"), "--limit", "3"])
    base = f"http://127.0.0.1:{server.port}"
    token = server.url.partition("token=")[2]

    def ask(path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> int:
        request = urllib.request.Request(base + path, body, headers or {})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    label = b'{"annotator": "annotator", "item": %s, "value": %s, "comment": ""}'
    try:
        known = {"X-Annotation-Token": token}
        assert ask("/") == 403
        assert ask("/?token=wrong") == 403
        assert ask("/api/next?annotator=annotator") == 403
        assert ask(f"/api/next?annotator=annotator&token={token}") == 403  # no page can send it
        assert ask(f"/?token={token}", headers={"Host": "evil.example:80"}) == 403
        assert ask("/api/next?annotator=annotator", headers=known) == 200
        assert ask("/api/next?annotator=eve", headers=known) == 400
        for item, value in ((0, 9), (0, '"5"'), (0, "NaN"), (0, "true"), (99, 3), ('"x"', 3)):
            assert (
                ask("/api/label", label % (str(item).encode(), str(value).encode()), headers=known)
                == 400
            )
        assert ask("/api/label", b"[" * 100_000, headers=known) == 400
        assert ask("/api/label", b"\xff", headers=known) == 400
        assert stored(tmp_path / "people") == []
        assert ask("/api/label", label % (b"0", b"3"), headers=known) == 200
        assert (
            ask("/api/label", label % (b"0", b"3"), headers=known) == 200
        )  # sent twice, kept once
        assert ask("/api/label", label % (b"0", b"4"), headers=known) == 409
        assert stored(tmp_path / "people") == [("annotator", 0, 3.0, "")]
    finally:
        server.kill()


def test_a_second_server_on_one_folder_is_refused(runs, tmp_path):
    words = [str(runs[0]), "--out", str(tmp_path / "people"), "--limit", "3"]
    server = Server(words)
    try:
        command = [sys.executable, "-m", "harness", "annotate", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "another server" in done.stderr
    finally:
        server.kill()
