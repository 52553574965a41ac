"""Run folders for the reports, and a browser that opens the pages."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.comparison.run_comparison import compare
from harness.results import runfolder
from harness.results.baseline import load_run
from harness.types import RunComparison, RunResult
from support.browser import CONTRAST, launched
from support.report_runs import build, build_candidate

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def run_folder(tmp_path: Path) -> Iterator[tuple[RunResult, Path]]:
    """A result and its folder, small."""
    yield build(tmp_path, 200), tmp_path


@pytest.fixture(scope="session")
def make_run() -> Callable[[Path, int], RunResult]:
    """Builds a run folder of any size."""
    return build


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Sequence[RunComparison]:
    """A candidate that answers every third question otherwise, against its baseline."""
    folder = tmp_path_factory.mktemp("compared")
    main, candidate = folder / "main", folder / "candidate"
    main.mkdir()
    build(main, 120)
    result = build_candidate(candidate, 120)
    runfolder.write_result(candidate, dataclasses.replace(result, run_id="the <b>candidate</b>"))
    return [compare(load_run(main, texts=True), load_run(candidate, texts=True))]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for the tests of a file."""
    with launched() as browser:
        yield browser


@pytest.fixture
def opened_quietly(chromium: Browser) -> Iterator[Callable[[Path], Page]]:
    """Opens a page; afterwards nothing may have been requested, logged or thrown."""
    context = chromium.new_context(viewport={"width": 1200, "height": 900})
    opened = context.new_page()
    expected: list[str] = []
    requests: list[str] = []
    complaints: list[str] = []
    opened.on("request", lambda request: requests.append(request.url))
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: complaints.append(dialog.message))

    def go(path: Path) -> Page:
        expected.append(path.as_uri())
        opened.goto(path.as_uri())
        return opened

    yield go
    context.close()
    assert requests == expected
    assert complaints == []


@pytest.fixture(scope="session")
def unreadable() -> Callable[[Page], list[object]]:
    """What of a page has a contrast below 4.5 to 1 (WCAG 2.2, success criterion 1.4.3)."""
    return lambda page: page.evaluate(CONTRAST)
