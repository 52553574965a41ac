"""The pages of a run and of a comparison."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.authoring.io.files import write_atomically
from harness.authoring.reporting.page import page
from harness.types import RunResult
from harness_reports import browser, changes, provenance
from harness_reports.calibration import CalibrationCollector
from harness_reports.flips import FlipCollector
from harness_reports.view import view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.types import RunComparison

FILE_NAME = "report.html"


class HtmlReporter:
    """Writes ``report.html``, and for ``harness compare`` a page of what changed."""

    def render(self, result: RunResult, out: Path) -> Path:
        """Writes the page into the run folder ``out``."""
        clip = browser.Clipper()
        payloads, flips, reliability = [], [], []
        for task in result.tasks.values():
            turned, calibration = FlipCollector(task, clip), CalibrationCollector()
            payloads.append(browser.payload(out, task, clip, (turned, calibration)))
            flips.append(turned.found())
            reliability.append(calibration.found())
        text = page(
            "harness_reports",
            "report.html",
            styles=("base.css", "report.css", "probes.css", "samples.css"),
            scripts=("base.js", "report.js"),
            data=[payload for payload in payloads if payload is not None],
            run=view(result),
            flips=flips,
            reliability=reliability,
            made=provenance.read(out),
            clipped=clip.clipped,
            record_limit=browser.RECORD_LIMIT,
        )
        path = out / FILE_NAME
        write_atomically(path, text)
        return path

    def render_comparison(self, comparisons: Sequence[RunComparison], out: Path | None) -> None:
        """Writes the page of the candidates against their common baseline to ``out``."""
        assert out is not None  # the format is not registered as one that prints
        clip = browser.Clipper()
        flips = changes.flips(comparisons, clip)
        text = page(
            "harness_reports",
            "comparison.html",
            styles=("base.css", "samples.css", "comparison.css"),
            scripts=("base.js", "comparison.js"),
            data=flips,
            view=changes.view(comparisons),
            clipped=clip.clipped,
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, text)
