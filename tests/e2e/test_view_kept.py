"""``harness view``: notes that outlast everything, and the static site, in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from support import report_runs, viewed_runs
from support.browser import violations
from support.view_server import COMMAND, Server, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds, a run of all there is with hostile texts, and a damaged one."""
    root = tmp_path_factory.mktemp("kept") / "runs"
    root.mkdir()
    viewed_runs.series(root, count=4, samples=60)
    report_runs.build(root / "all", 60)
    viewed_runs.damaged_copy(root / "build-003", root / "damaged")
    return root


# --------------------------------------------------------------------------- what is kept


def test_notes_and_links_survive_a_kill_and_a_new_index(
    browser: Browser, root: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(root / "build-000", runs / "build-000")
    server = Server(runs, tmp_path / "cache")
    server.wait()
    context = browser.new_context()
    page, _ = watched(context, server.url)
    place = server.url + "run/build-000/samples/arithmetic/arithmetic-00003/"
    page.goto(place)
    page.fill("#notes input[name=value]:not([type=hidden])", "hard <b>one")
    page.click("text=Add")
    page.wait_for_selector("button.tag")
    page.fill("#comment", "Ask Ada\nabout <i>this</i>.")
    page.click("text=Keep")
    page.wait_for_selector(".comment")
    assert page.url.startswith(place)
    server.kill()
    again = Server(runs, tmp_path / "cache", server.port)
    again.wait()
    assert again.url == server.url  # links hold
    page.goto(place)
    assert page.inner_text("button.tag").startswith("hard <b>one")
    assert page.inner_text(".comment .untrusted") == "Ask Ada\nabout <i>this</i>."
    assert page.locator(".comment i, .tag b").count() == 0
    page.goto(server.url + "notes/")
    page.click("text=arithmetic-00003")
    assert page.url == place
    page.goto(server.url + "run/build-000/samples/arithmetic/?tag=hard+%3Cb%3Eone")
    assert page.locator(".samples .badge").count() == 1
    again.kill()
    shutil.rmtree(tmp_path / "cache")
    last = Server(runs, tmp_path / "cache")
    last.wait()
    assert "hard &lt;b&gt;one" in last.get("notes/")[2]
    page.goto(last.url + "run/build-000/samples/arithmetic/arithmetic-00003/")
    page.click("button.tag")
    page.click("text=Remove")
    page.wait_for_selector(".comment", state="detached")
    assert "hard" not in last.get("notes/")[2]
    last.end()
    context.close()
    assert stat.S_IMODE((runs / "view-notes.sqlite").stat().st_mode) == 0o600


# --------------------------------------------------------------------------- a static site


def test_the_static_site_needs_no_server(
    browser: Browser, root: Path, cache: Path, tmp_path: Path
) -> None:
    out = tmp_path / "site"
    words = [*COMMAND, str(root), "--export", str(out), "--samples", "70"]
    environment = {**os.environ, "HARNESS_CACHE": str(cache)}
    for _ in range(2):  # the second takes the first one's place
        done = subprocess.run(words, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
    written = list(out.rglob("index.html"))
    assert f"{len(written)} pages" in done.stdout
    for path in written:
        text = path.read_text("utf-8")
        assert "connect-src" not in text and 'method="post"' not in text
        for target in re.findall(r'href="([^"#?]+)', text):
            if not target.startswith("data:"):
                assert (path.parent / target).is_file(), f"{path} links to {target}"
    context = browser.new_context(viewport={"width": 360, "height": 800}, offline=True)
    page, complaints = watched(context, out.as_uri())
    page.goto((out / "index.html").as_uri())
    assert violations(page) == []
    page.fill("#search", "build-003")
    page.click(".runs tr:visible a")
    page.click("text=arithmetic >> nth=-1")
    page.click("text=Next")
    assert "51–60 of 60" in page.inner_text(".pager >> nth=0")
    assert violations(page) == []
    link = page.locator(".samples a").first.get_attribute("href")
    folder = Path(urlsplit(page.url).path).parent
    place, _, sample = link.partition("#")
    page.goto(f"{(folder / place).as_uri()}#{sample}")
    assert page.locator(".samples details[open]").count() == 1
    context.close()
    assert complaints == []


def test_a_folder_of_something_else_is_left_alone(root: Path, tmp_path: Path, cache: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    done = subprocess.run(
        [*COMMAND, str(root), "--export", str(tmp_path)], capture_output=True, text=True,
        env={**os.environ, "HARNESS_CACHE": str(cache)},
    )  # fmt: skip
    assert done.returncode == 2 and "holds something else" in done.stderr
    assert (tmp_path / "precious.txt").read_text() == "mine"
