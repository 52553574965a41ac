"""Self-contained HTML pages: no network, no dependency, every text escaped.

Pages of a site (``within``) have a bar of links in common, and may ask the server they come from.

``base.html`` is the layout that any report page extends, ``macros.html`` draws numbers and
intervals; a page passes its own style sheets and scripts to ``page``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from harness.authoring.literal import visible

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True, slots=True)
class SiteLink:
    """A link of the bar that all pages of a site have; ``here`` where the page belongs to it."""

    text: str
    address: str
    here: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """What the pages of a site have in common.

    Attributes:
        links: The bar at the top.
        served: Whether pages may send forms to, and ask, the server that they come from.
    """

    links: Sequence[SiteLink] = ()
    served: bool = False


_SITE: ContextVar[Site | None] = ContextVar("site", default=None)


@contextmanager
def within(site: Site) -> Iterator[None]:
    """Every page that is made in the context, by whatever reporter, belongs to the site."""
    token = _SITE.set(site)
    try:
        yield
    finally:
        _SITE.reset(token)


def page(
    package: str,
    template: str,
    *,
    styles: tuple[str, ...],
    scripts: tuple[str, ...],
    data: Any,
    **variables: object,
) -> str:
    """A page with its style sheets, scripts and data inlined under a policy that allows no more.

    Args:
        package: The package whose folder ``templates`` holds the page's own files; files that it
            lacks are those of ``harness.authoring.reporting``.
        template: A template that extends ``base.html``.
        styles: Template files that make up the style sheet.
        scripts: Template files that make up the script.
        data: JSON values, one embedded element each, for the script to read.
        variables: What the template shows; every text is escaped and made visible.
    """
    environment = _environment(package)
    style = "\n".join(_source(environment, name) for name in styles)
    script = "\n".join(_source(environment, name) for name in scripts)
    return environment.get_template(template).render(
        **variables,
        site=_SITE.get(),
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


@lru_cache(maxsize=8)
def _environment(package: str) -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("harness.authoring.reporting")]),
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

    return Markup(text)  # noqa: S704  (the packages' own files, and JSON with < escaped)


def _hash(text: str) -> str:
    """The source expression that lets exactly this inline text pass the policy."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
