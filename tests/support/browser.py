"""A real browser for the tests of pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

_USUAL = {(360, "dark"), (1280, "light")}
SCREENS = [
    pytest.param(width, scheme, marks=() if (width, scheme) in _USUAL else pytest.mark.slow)
    for width in (360, 768, 1280)
    for scheme in ("light", "dark")
]
"""(width, colour scheme) of every kind of screen; all but two are slow."""


@contextmanager
def launched() -> Iterator[Browser]:
    """Chromium, for as long as the context is open; the test skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for path in map(shutil.which, names) if path), None)
    with playwright.sync_playwright() as driver:
        if found is None and not Path(driver.chromium.executable_path).exists():
            pytest.skip("no Chromium is installed")
        browser = driver.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


CONTRAST = """() => {
    const channels = (text) => text.match(/[\\d.]+/g).map(Number);
    const luminance = (colour) => {
        const [r, g, b] = colour.map((value) => value / 255)
            .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const over = (top, below) => {
        const alpha = top[3] ?? 1;
        return below.map((value, index) => alpha * top[index] + (1 - alpha) * value);
    };
    const ground = (node) => {
        if (node === null) return [255, 255, 255];
        return over(channels(getComputedStyle(node).backgroundColor), ground(node.parentElement));
    };
    const worst = [];
    for (const node of document.querySelectorAll('body *')) {
        const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
        const skipped = node.closest('script, style, [disabled], option');
        if (!own || skipped || !node.checkVisibility()) continue;
        const below = ground(node);
        const text = channels(getComputedStyle(node).color).slice(0, 3);
        const [a, b] = [luminance(text), luminance(below)];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) worst.push([node.className || node.tagName, ratio]);
    }
    return worst;
}"""
"""Returns what of a page has a contrast below 4.5 to 1 (WCAG 2.2, success criterion 1.4.3)."""


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """What axe-core finds wrong with a page for people with disabilities: rule, places.

    The rules are all that axe-core has on by default: WCAG 2.2 A and AA, and its best practices.
    """
    module = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = module.Axe().run(page).response["violations"]
    return [(each["id"], [node["html"][:150] for node in each["nodes"]][:4]) for each in found]
