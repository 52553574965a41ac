"""The documentation builds as a site: no broken link, and nothing that comes from the network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from support.browser import launched

pytest.importorskip("mkdocs", reason="the extra `docs` is not installed")
pytest.importorskip("material", reason="the extra `docs` is not installed")

LOADED = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "link": "href",
    "object": "data",
    "script": "src",
    "source": "src",
    "video": "src",
}
"""An element → its attribute that names what the browser loads."""
FAILING_CELL = (
    '{"cells": [{"cell_type": "code", "execution_count": null, "id": "one", "metadata": {},'
    ' "outputs": [], "source": ["1 / 0"]}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
)


def build(root: Path, out: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(out)]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; building executes the notebook."""
    out = tmp_path_factory.mktemp("site")
    done = build(root, out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


class Loaded(HTMLParser):
    """Collects what a page makes the browser load by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "link" and values.get("rel") in ("canonical", "next", "prev"):
            return  # these name a page and load nothing
        if tag in LOADED:
            self.addresses.append(values.get(LOADED[tag]) or "")


def loaded(page: str) -> list[str]:
    parser = Loaded()
    parser.feed(page)
    return parser.addresses


def test_what_a_page_loads_is_found() -> None:
    page = '<script src="//a.b/c.js"></script><a href="https://d.e">x</a><img src="f.png">'
    assert loaded(page) == ["//a.b/c.js", "f.png"]


def test_every_page_of_the_folder_is_a_page_of_the_site(root: Path, site: Path) -> None:
    pages = {page.stem for page in (root / "docs").glob("*.md")} | {"index", "tutorial"}
    assert pages <= {page.stem for page in site.glob("*.html")}


def test_no_page_loads_anything_from_the_network(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        addresses = loaded(page.read_text("utf-8"))
        assert addresses
        assert [each for each in addresses if re.match(r"(\w+:)?//", each)] == [], page.name
    for sheet in site.rglob("*.css"):
        text = sheet.read_text("utf-8")
        assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", text) == [], sheet.name


def test_a_browser_asks_the_network_for_nothing(site: Path) -> None:
    with launched() as browser:
        page = browser.new_page()
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        for name in ("index", "tutorial", "architecture", "statistics"):
            page.goto((site / f"{name}.html").as_uri())
            assert page.locator("article h1").count() == 1
        page.locator("article").click()
    assert len(requests) > 4
    assert [each for each in requests if not each.startswith(("file:", "data:"))] == []


def test_links_lead_to_files_of_the_site(site: Path) -> None:
    pages = list(site.glob("*.html"))
    assert pages
    for page in pages:
        for link in re.findall(r'<a [^>]*href="([^"#:]+)["#]', page.read_text("utf-8")):
            assert (site / link.removeprefix("/")).exists(), f"{page.name} links to {link}"


def test_the_tutorial_shows_the_outputs_of_its_cells(site: Path) -> None:
    text = re.sub(r"<[^>]+>", "", (site / "tutorial.html").read_text("utf-8"))
    assert re.search(r"^squad\.exact_match: 0\.\d{3} \[0\.\d{3}, \d\.\d{3}\]$", text, re.MULTILINE)
    assert re.search(r"^sst2\.accuracy: [+-]\d\.\d{3} \[.*\], p = ", text, re.MULTILINE)
    assert re.search(r"^exit code [014]$", text, re.MULTILINE)


def test_a_notebook_with_a_failing_cell_is_not_shown(tmp_path: Path) -> None:
    from nbclient.exceptions import CellExecutionError

    import docs_site

    notebook = tmp_path / "fails.ipynb"
    notebook.write_text(FAILING_CELL, "utf-8")
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        docs_site.notebook_page(notebook)
