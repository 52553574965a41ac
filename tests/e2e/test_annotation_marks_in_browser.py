"""A person marks parts of answers in a real browser: on the served page and on the offline one."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness_judges.annotation import export, incoming, store
from support.browser import CONTRAST
from support.commands import harness
from support.judged_runs import summaries
from support.report_runs import SAFE_HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")
WAVE = "Grüße 👋🏽 from Köln, and more."
SELECT = """([which, start, end]) => {
    const body = document.querySelectorAll("#answers .text")[which];
    const walker = document.createTreeWalker(body, NodeFilter.SHOW_TEXT);
    const ends = [start, end].map(() => null);
    let seen = 0;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        [start, end].forEach((at, place) => {
            if (ends[place] === null && at <= seen + node.length) ends[place] = [node, at - seen];
        });
        seen += node.length;
    }
    getSelection().setBaseAndExtent(...ends[0], ...ends[1]);
}"""
"""Selects UTF-16 units of an answer, whatever is marked in it."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    hostile = [text.replace("\0", "") for text in SAFE_HOSTILE]
    return summaries(tmp_path_factory.mktemp("runs"), "plain", [WAVE, *hostile])


def press(page: Page, key: str) -> None:
    """Presses a key and waits until what it does is shown.

    Not by ``wait_for_function``, as the page's policy lets nobody evaluate texts.
    """
    before = page.text_content("#count"), page.is_visible("#done")
    page.keyboard.press(key)
    for _ in range(500):
        if (page.text_content("#count"), page.is_visible("#done")) != before:
            return
        page.wait_for_timeout(10)
    raise AssertionError(f"{key} changed nothing")


def shown(page: Page) -> str:
    return page.text_content("#answers .text") or ""


def marked(page: Page) -> list[str]:
    return page.locator("#answers mark").all_text_contents()


def mark_the_wave(page: Page) -> None:
    """Marks the emoji and its colour, then a part that overlaps it, and takes one back."""
    start = WAVE.encode("utf-16-le").index("👋".encode("utf-16-le")) // 2
    page.evaluate(SELECT, [0, start, start + 4])
    page.keyboard.press("q")
    assert marked(page) == ["👋🏽"]
    page.evaluate(SELECT, [0, start + 2, start + 9])
    page.get_by_role("button", name="vague").click()
    assert marked(page) == ["👋", "🏽", " from"]
    assert page.locator("#marked button").count() == 2
    page.keyboard.press("q")  # nothing is selected now
    assert page.locator("#marked button").count() == 2
    page.evaluate(SELECT, [0, 0, 5])
    page.keyboard.press("w")
    assert marked(page)[0] == "Grüße"
    page.keyboard.press("x")
    assert marked(page) == ["👋", "🏽", " from"]
    assert shown(page) == WAVE
    assert page.evaluate(CONTRAST) == []


def marks_of(folder: Path) -> list[tuple[str, str, int, int]]:
    with store.opened(folder) as opened:
        rows = export.rows(opened, "spans")
    assert all(row["answer"][row["start"] : row["end"]] == row["text"] for row in rows)
    return [(row["label"], row["text"], row["start"], row["end"]) for row in rows]


EXPECTED = [("wrong", "👋🏽", 6, 8), ("vague", "🏽 from", 7, 13)]
"""In code points, as Python counts them."""


def go_to_the_wave(page: Page) -> int:
    """Judges what comes before; how many there were."""
    for count in range(100):
        if shown(page) == WAVE:
            return count
        press(page, "3")
    raise AssertionError("it is not among the items")


def test_marks_on_the_served_page(browser: Browser, run: Path, tmp_path: Path) -> None:
    words = [str(run), "--out", str(tmp_path / "people"), "--spans", "wrong,vague", "--limit", "1"]
    # The one item that is shown must be the one with the emoji.
    seed = next(str(n) for n in range(1000) if _first(run, n) == WAVE)
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "annotate", *words, "--seed", seed],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = next(
            found[1] for line in process.stdout if (found := re.search(r"Open (http://\S+)", line))
        )
        page = browser.new_context().new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        page.wait_for_selector("#work:not([hidden])")
        assert not page.is_visible("#save")
        mark_the_wave(page)
        press(page, "4")
        assert page.is_visible("#done")
        assert complaints == []
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert marks_of(tmp_path / "people") == EXPECTED


def _first(run: Path, seed: int) -> str:
    from harness_judges.annotation.items import gather

    return gather([run], "score", limit=1, seed=seed).items[0].answers[0].text


def test_the_offline_file_keeps_saves_and_is_read_back(
    browser: Browser, run: Path, tmp_path: Path
) -> None:
    folder, file = tmp_path / "people", tmp_path / "page.html"
    line = ["annotate", str(run), "--out", str(folder), "--annotators", "ada,ben", "--overlap", "1"]
    assert harness([*line, "--spans", "wrong,vague", "--offline", str(file)]) == 0
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: asked.append(str(error)))
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    page.goto(file.as_uri())
    page.get_by_role("button", name="ada").press("Enter")
    before = go_to_the_wave(page)
    total = int((page.text_content("#count") or "").split()[-1])
    mark_the_wave(page)
    page.keyboard.press("c")
    page.keyboard.type("q is no mark here")
    page.keyboard.press("Escape")
    press(page, "4")
    assert page.text_content("#count") == f"{before + 1} of {total}"
    page.reload()  # what was judged is kept
    page.get_by_role("button", name="ada").press("Enter")
    page.wait_for_selector("#work:not([hidden])")
    assert page.text_content("#count") == f"{before + 1} of {total}"
    with page.expect_download() as early:
        page.get_by_role("button", name="Save file").first.click()
    early.value.save_as(tmp_path / "early.json")
    press(page, "u")
    assert page.text_content("#count") == f"{before} of {total}"
    mark_the_wave(page)
    press(page, "4")
    for _ in range(total - before - 1):
        press(page, "2")
    assert page.is_visible("#done")
    assert page.evaluate(CONTRAST) == []
    with page.expect_download() as late:
        page.keyboard.press("S")
    assert late.value.suggested_filename == "annotations-ada.json"
    late.value.save_as(tmp_path / "late.json")
    assert asked[0] == file.as_uri()
    assert {url.partition(":")[0] for url in asked} <= {"file", "blob"}  # nobody is asked
    saved = json.loads((tmp_path / "early.json").read_text("utf-8"))
    assert [each["comment"] for each in saved["labels"]][-1] == "q is no mark here"

    for name, expected in (
        ("early.json", incoming.Taken("ada", before + 1, 0, 0, 0)),
        ("late.json", incoming.Taken("ada", total - before - 1, before, 0, 1)),
    ):
        with store.opened(folder) as opened:
            assert incoming.take(opened, tmp_path / name) == expected
    assert marks_of(folder) == EXPECTED
    assert (
        harness(["annotate", "import", str(folder), str(tmp_path / "late.json"), "--replace"]) == 0
    )
    with store.opened(folder) as opened:
        assert opened.progress("ada").item is None
        assert not any(each.comment for each in opened.labels())
    assert marks_of(folder) == EXPECTED
