"""One self-contained page: no network, no dependency, every text escaped.

``base.html`` is the layout that any report page extends, ``macros.html`` draws numbers and
intervals; a page passes its own style sheet and script to ``page``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.authoring.io.files import write_atomically
from harness.authoring.literal import visible
from harness.types import RunResult
from harness_reports import browser, changes, provenance
from harness_reports.calibration import CalibrationCollector
from harness_reports.flips import FlipCollector
from harness_reports.view import view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Environment

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
            "comparison.html",
            styles=("base.css", "samples.css", "comparison.css"),
            scripts=("base.js", "comparison.js"),
            data=flips,
            view=changes.view(comparisons),
            clipped=clip.clipped,
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, text)


def page(
    template: str,
    *,
    styles: tuple[str, ...],
    scripts: tuple[str, ...],
    data: Any,
    **variables: object,
) -> str:
    """A page with its style sheets, scripts and data inlined under a policy that allows no more.

    Args:
        template: A template that extends ``base.html``.
        styles: Template files that make up the style sheet.
        scripts: Template files that make up the script.
        data: JSON values, one embedded element each, for the script to read.
        variables: What the template shows; every text is escaped and made visible.
    """
    environment = _environment()
    style = "\n".join(_source(environment, name) for name in styles)
    script = "\n".join(_source(environment, name) for name in scripts)
    return environment.get_template(template).render(
        **variables,
        style=_markup(style),
        script=_markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        data=[_markup(embedded_json(value)) for value in data],
    )


def embedded_json(value: Any) -> str:
    """JSON in ASCII that cannot end its ``<script>`` element, open a comment or reorder text.

    Raises:
        ValueError: The value holds NaN or an infinity.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _finalize(value: object) -> object:
    """Jinja2 calls it on every expression: plain texts are made visible, mark-up is kept."""
    return visible(value) if type(value) is str else value


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("harness_reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _source(environment: Environment, name: str) -> str:
    """A style sheet or script as it stands in the package."""
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _markup(text: str) -> str:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  (the package's own files, and JSON with < escaped)


def _hash(text: str) -> str:
    """The source expression that lets exactly this inline text pass the policy."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
