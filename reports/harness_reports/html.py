"""The pages of a run and of a comparison."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.authoring.io.files import write_atomically
from harness.authoring.reporting import forest
from harness.authoring.reporting.page import page
from harness.authoring.reporting.records import Clipper
from harness.types import RunResult
from harness_reports import changes, ci, plots, provenance
from harness_reports.headline import run_sentence
from harness_reports.heatmap import heat_map
from harness_reports.links import Footnotes, SampleLinks
from harness_reports.records import browser
from harness_reports.records.calibration import CalibrationCollector
from harness_reports.records.flips import FlipCollector
from harness_reports.view import notes, task_groups, view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.types import RunComparison

FILE_NAME = "report.html"


class HtmlReporter:
    """Writes ``report.html``, and for ``harness compare`` a page of what changed."""

    def render(self, result: RunResult, out: Path) -> Path:
        """Writes the page into the run folder ``out``."""
        clip = Clipper()
        payloads, flips, diagrams = [], [], []
        for task in result.tasks.values():
            turned, calibration = FlipCollector(task, clip), CalibrationCollector()
            payloads.append(browser.payload(out, task, clip, (turned, calibration)))
            flips.append(turned.found())
            if (reliability := calibration.found()) is not None:
                diagrams.append((task.name, reliability))
        data = [payload for payload in payloads if payload is not None]
        run, samples = view(result), SampleLinks([payload["task"] for payload in data])
        changed = () if run.gate is None else run.gate.changes
        text = page(
            "harness_reports",
            "report.html",
            styles=("base.css", "forest.css", "report.css", "probes.css", "samples.css"),
            scripts=("base.js", "forest.js", "browsing.js", "report.js"),
            data=data,
            run=run,
            sentence=run_sentence(run),
            notes=notes(run.tasks),
            forests=forest.values(list(plots.metric_items(run, samples))),
            changes=forest.changes(list(plots.change_items(changed, samples))),
            gaps=task_groups(run),
            heat=heat_map(run),
            flips=flips,
            diagrams=diagrams,
            made=provenance.read(out),
            samples=samples,
            footnotes=Footnotes(),
            commit_link=ci.commit_link(run.gate),
            clipped=clip.clipped,
            record_limit=browser.RECORD_LIMIT,
        )
        path = out / FILE_NAME
        write_atomically(path, text)
        return path

    def render_comparison(self, comparisons: Sequence[RunComparison], out: Path | None) -> None:
        """Writes the page of the candidates against their common baseline to ``out``."""
        assert out is not None  # the format is not registered as one that prints
        clip = Clipper()
        flips = changes.flips(comparisons, clip)
        text = page(
            "harness_reports",
            "comparison.html",
            styles=("base.css", "forest.css", "samples.css", "comparison.css"),
            scripts=("base.js", "forest.js", "browsing.js", "comparison.js"),
            data=flips,
            view=changes.view(comparisons),
            commit_address=ci.commit_address,
            artifacts=ci.artifacts_address(),
            clipped=clip.clipped,
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, text)
