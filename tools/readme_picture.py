"""Makes the README's picture: the page on which two runs of the demo model are compared.

    python tools/readme_picture.py

It needs Chromium and Playwright (the extra ``dev``); the picture is docs/images/comparison.png.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "comparison.png"
WIDTH, HEIGHT = 1100, 760


def main() -> None:
    """Evaluates twice, compares, and takes the first screen of the page."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        run = "run --model demo --tasks squad,xsum,sst2,bias --data sample --quiet --out"
        harness(f"{run} main", folder)
        harness(f"{run} candidate --set chat_template=off", folder)
        harness("compare main candidate --format html --out page.html", folder)
        take(folder / "page.html")
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes")


def harness(words: str, folder: Path) -> None:
    """Runs a command in the folder."""
    subprocess.run([sys.executable, "-m", "harness", *words.split()], cwd=folder, check=True)  # noqa: S603


def take(page: Path) -> None:
    """Takes the first screen of a page."""
    from playwright.sync_api import sync_playwright

    PICTURE.parent.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        shown = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        shown.goto(page.as_uri())
        shown.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
