"""What this package registers."""

from __future__ import annotations

from collections.abc import Iterable

import harness
from harness.protocols import Reporter, ReporterSpec


def _console() -> Reporter:
    from harness_reports.console import ConsoleReporter

    return ConsoleReporter()


def _html() -> Reporter:
    from harness_reports.html import HtmlReporter

    return HtmlReporter()


def _json() -> Reporter:
    from harness_reports.json_report import JsonReporter

    return JsonReporter()


def _markdown() -> Reporter:
    from harness_reports.markdown import MarkdownReporter

    return MarkdownReporter()


def _junit() -> Reporter:
    from harness_reports.junit import JUnitReporter

    return JUnitReporter()


@harness.hookimpl
def harness_register_reporters() -> Iterable[ReporterSpec]:
    """The formats of ``--format``."""
    return (
        ReporterSpec("console", "tables on the terminal", _console, ".txt", prints=True),
        ReporterSpec("html", "one self-contained page with a sample browser (report.html)", _html),
        ReporterSpec("json", "the numbers for other programs (results.json)", _json, prints=True),
        ReporterSpec(
            "markdown",
            "tables for a pull-request comment (report.md)",
            _markdown,
            ".md",
            prints=True,
        ),
        ReporterSpec("junit", "test cases for CI systems (junit.xml)", _junit),
    )
