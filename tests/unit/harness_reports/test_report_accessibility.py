"""The pages of a run and of a comparison, as axe-core judges them, with all that folds open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.types import RunComparison, RunResult
from harness_reports.html import HtmlReporter
from support.browser import SCREENS, violations

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def check(chromium: Browser, path: Path, width: int, scheme: Any) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(path.as_uri())
    for details in page.locator("main > section details").all()[:30]:
        details.evaluate("each => { each.open = true; }")
    page.wait_for_timeout(100)
    assert violations(page) == []
    page.close()


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_the_page_of_a_run(
    chromium: Browser,
    make_run: Callable[[Path, int], RunResult],
    tmp_path: Path,
    width: int,
    scheme: str,
) -> None:
    check(chromium, HtmlReporter().render(make_run(tmp_path, 60), tmp_path), width, scheme)


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_the_page_of_a_comparison(
    chromium: Browser, compared: Sequence[RunComparison], tmp_path: Path, width: int, scheme: str
) -> None:
    HtmlReporter().render_comparison(compared, tmp_path / "compared.html")
    check(chromium, tmp_path / "compared.html", width, scheme)
