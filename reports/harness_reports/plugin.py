"""What this package registers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import harness

if TYPE_CHECKING:
    from harness.protocols import Reporter, ReporterSpec


def _console() -> Reporter:
    from harness_reports.console import ConsoleReporter

    return ConsoleReporter()


def _html() -> Reporter:
    from harness_reports.html import HtmlReporter

    return HtmlReporter()


def _json() -> Reporter:
    from harness_reports.data_formats import JsonReporter

    return JsonReporter()


def _markdown() -> Reporter:
    from harness_reports.markdown import MarkdownReporter

    return MarkdownReporter()


def _junit() -> Reporter:
    from harness_reports.junit import JUnitReporter

    return JUnitReporter()


def _csv() -> Reporter:
    from harness_reports.data_formats import CsvReporter

    return CsvReporter()


def _latex() -> Reporter:
    from harness_reports.data_formats import LatexReporter

    return LatexReporter()


def _parquet() -> Reporter:
    from harness_reports.data_formats import ParquetReporter

    return ParquetReporter()


@harness.hookimpl
def harness_register_reporters() -> Iterable[ReporterSpec]:
    """The formats of ``--format``."""
    from harness.protocols import ReporterSpec

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
        ReporterSpec("csv", "a row a metric, for spreadsheets (scores.csv)", _csv),
        ReporterSpec("latex", "a table for papers (scores.tex)", _latex),
        ReporterSpec("parquet", "a row a metric, for data frames (scores.parquet)", _parquet),
    )
