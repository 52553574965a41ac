"""Text from a model, a file or a server as literal text: on a terminal, and in Markdown.

Whoever prints or writes such text passes it through here, so that it cannot move the cursor,
recolour or reorder what is shown, mention people, or put links and images into a comment.
"""

from __future__ import annotations

import re
import sys

_DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVISIBLE = "\u00ad\u200b\u2060\ufeff\u2028\u2029\ufffe\uffff\U000e0000-\U000e007f"
_HIDDEN = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{_DIRECTION}{_INVISIBLE}]")
_SPACE = re.compile(r"\s+")
_MARKUP = re.compile(r"([\\`*_\[\]|~$!])")
_BLOCK_START = re.compile(r"^(\d{0,9})([-+#=.)])")
_REFERENCE = re.compile(r"@|#(?=\d)|(?<=:)/(?=/)|\bwww(?=\.)|\b(?:GH|gh)(?=-\d)")
_BREAK = "\u200b"


def visible(text: str) -> str:
    """``text`` with every hidden character but tab and newline replaced by ``⟨U+202E⟩``.

    Control characters, escape sequences, unpaired surrogates and direction overrides never
    arrive as such; the result can be encoded as UTF-8 and stands in XML 1.0.
    """
    return _HIDDEN.sub(_name, text.replace("\r\n", "\n"))


def one_line(text: str, limit: int | None = None) -> str:
    """``visible`` text on one line, white space folded, cut with "…" after ``limit`` characters."""
    folded = _SPACE.sub(" ", visible(text)).strip()
    return folded if limit is None or len(folded) <= limit else folded[: limit - 1] + "…"


def markdown(text: str, limit: int | None = None) -> str:
    """One line that Markdown shows as it is: no mark-up, HTML, mention, reference, link or image.

    A zero-width space parts what would become a link by itself, such as ``@name``.
    """
    return _BLOCK_START.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", html(text, limit)))


def html(text: str, limit: int | None = None) -> str:
    """As ``markdown``, for a line of HTML within Markdown, where backslashes would show."""
    flat = one_line(text, limit)
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _REFERENCE.sub(lambda match: match.group() + _BREAK, flat)


def echo(text: str = "", *, err: bool = False) -> None:
    """Prints a text that may hold anything.

    Not by ``click.echo``, which writes UTF-8 to terminals that say they know ASCII alone.
    """
    print(visible(text), file=sys.stderr if err else sys.stdout)


def _name(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match.group()):04X}⟩"
