"""Two runs side by side, as `harness compare --format html` shows them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from harness.authoring.io import files
from harness.authoring.reporting.page import within
from harness.errors import HarnessError
from harness.protocols import ComparisonReporter
from harness_view.figures.comparisons import compared
from harness_view.pages.site import Answer, View


def render(view: View, baseline: str, candidate: str) -> Answer:
    """The page of a candidate against a baseline."""
    entries = view.entries
    for key in (baseline, candidate):
        if key not in entries:
            return view.missing(3, f"no run is at {key}")
    if baseline == candidate:
        return view.refused(3, "a run is not compared with itself", "Choose two runs.")
    try:
        found = compared(view.index, view.registry, entries[baseline], entries[candidate])
        reporter = view.registry.reporter("html").open()
        assert isinstance(reporter, ComparisonReporter)
        with tempfile.TemporaryDirectory(prefix="harness-view-") as made:
            path = Path(made, "comparison.html")
            with within(view.site(3, "Runs")):
                reporter.render_comparison([found], path)
            return Answer(files.read_text(path))
    except (HarnessError, OSError) as error:
        return view.refused(3, str(error))
