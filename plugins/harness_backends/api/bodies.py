"""The body of an answer: JSON, or a word for what came in its place."""

from __future__ import annotations

import json
from html.parser import HTMLParser

from harness_backends.api.failures import RequestError, malformed

BASE_URL_HINT = "Check base_url, which usually ends in /v1."
_LONGEST_PAGE = 200
_SHOWN = 80


def read_json(content: bytes, content_type: str = "") -> object:
    """The JSON value of a body; whatever the declared type, since servers declare what they like.

    Raises:
        RequestError: It is none: the reason says what it is.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise malformed("JSON that is nested too deeply") from None
    except ValueError as error:
        if "integer string conversion" in str(error):
            raise malformed("JSON with a number of too many digits") from None
        raise _what_came(content, content_type.lower()) from None


def _what_came(content: bytes, content_type: str) -> RequestError:
    text = content.decode("utf-8", "replace").strip()
    if not text:
        return malformed("the answer is empty")
    if "event-stream" in content_type or text.startswith(("data:", "event:")):
        return malformed(
            "the server streams its answer (text/event-stream), which was not asked for",
            'Try --set extra_body={"stream":false}, or another endpoint of the server.',
        )
    if is_page(text):
        return malformed(f"a web page instead of JSON: {page_text(text)}", BASE_URL_HINT)
    return malformed(f"the answer is not JSON: {text[:_SHOWN]!r}", BASE_URL_HINT)


def is_page(text: str) -> bool:
    """Whether a text is an HTML page."""
    start = text.lstrip()[:200].lower()
    return start.startswith(("<!doctype html", "<html", "<head", "<body")) or "<html" in start


def page_text(page: str) -> str:
    """What a reader sees of an HTML page, its title first, in one short line."""
    reader = _PageReader()
    reader.feed(page[:100_000])
    words = " ".join(" ".join(reader.texts).split())
    return words if len(words) <= _LONGEST_PAGE else words[: _LONGEST_PAGE - 1] + "…"


class _PageReader(HTMLParser):
    """Collects the texts of a page outside scripts and style sheets."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style") and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.texts.append(data)
