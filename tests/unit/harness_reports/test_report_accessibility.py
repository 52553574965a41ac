"""The pages of a run, a gate and a comparison, as axe-core judges them, all of it unfolded."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness import gate, read_result
from harness.types import RunComparison, RunResult
from harness_reports.html import HtmlReporter
from support import viewed_runs
from support.browser import SCREENS, violations

if TYPE_CHECKING:
    from playwright.sync_api import Browser

GATES: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "block": [
        {"metric": "arithmetic.accuracy", "max_drop": 0.02},
        {"metric": "arithmetic.accuracy", "max_relative_drop": 0.5},
        {"metric": "arithmetic.accuracy", "min": 0.1},
        {"metric": "spelling.accuracy", "max_drop": 0.001},
        {"metric": "spelling.accuracy", "min": 0.99, "tier": "advisory"},
        {"metric": "spelling.f1", "min": 0.1, "tier": "supporting"},
        {"metric": "spelling.f1", "min_gain": 0.0, "tier": "advisory"},
    ],
    "inconclusive": [{"metric": "spelling.accuracy", "max_drop": 0.001}],
    "pass": [{"metric": "spelling.accuracy", "min": 0.1}],
}
"""Verdict → rules that lead to it."""

OUTSIDE = """() => [...document.querySelectorAll('.gate')].flatMap((card) => {
    const style = getComputedStyle(card), edge = card.getBoundingClientRect().right;
    const inner = edge - parseFloat(style.paddingRight) - parseFloat(style.borderRightWidth);
    return [...card.querySelectorAll('td, th, p')]
        .filter((each) => each.checkVisibility() && each.getBoundingClientRect().right > inner + 1)
        .map((each) => each.textContent);
})"""
"""What of the verdict's card is drawn beyond its padding."""


def check(chromium: Browser, path: Path, width: int, scheme: Any) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OUTSIDE) == []
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


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Verdict → the page of a run that a real gate judged, against an old baseline."""
    folder = tmp_path_factory.mktemp("gated")
    right = {"arithmetic": 0.75, "spelling": 0.6}
    main = viewed_runs.write(folder, viewed_runs.Build(0, right), 120)
    worse = viewed_runs.Build(60, {**right, "arithmetic": 0.4})
    candidate = viewed_runs.write(folder, worse, 120)
    result = read_result(candidate)
    pages = {}
    for name, rules in GATES.items():
        verdict = gate(candidate, main, rules=rules)
        assert verdict.verdict == name, verdict.sentence
        out = shutil.copytree(candidate, folder / name)
        pages[name] = HtmlReporter().render(dataclasses.replace(result, gate=verdict), out)
    return pages


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_the_page_of_a_gate(
    chromium: Browser, gated: Mapping[str, Path], width: int, scheme: str
) -> None:
    check(chromium, gated["block"], width, scheme)


@pytest.mark.slow
@pytest.mark.parametrize("verdict", ["pass", "inconclusive"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_other_verdicts_are_as_easy_to_read(
    chromium: Browser, gated: Mapping[str, Path], verdict: str, scheme: str
) -> None:
    check(chromium, gated[verdict], 768, scheme)


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_the_page_of_a_comparison(
    chromium: Browser, compared: Sequence[RunComparison], tmp_path: Path, width: int, scheme: str
) -> None:
    HtmlReporter().render_comparison(compared, tmp_path / "compared.html")
    check(chromium, tmp_path / "compared.html", width, scheme)
