"""Untrusted text made visible: characters that hide, reorder or break are shown by name.

Model output and data files reach terminals, XML and pages. Escaping mark-up is each format's
own duty; what is done here is the same for all: a control character, an unpaired surrogate or
a direction override never arrives as such.
"""

from __future__ import annotations

import re

_DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVISIBLE = "\u200b\u2060\ufeff\u2028\u2029\ufffe\uffff"
_HIDDEN = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{_DIRECTION}{_INVISIBLE}]")
_SPACE = re.compile(r"\s+")


def _name(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match.group()):04X}⟩"


def visible(text: str) -> str:
    """``text`` with every hidden character but tab and newline replaced by ``⟨U+202E⟩``.

    The result can be encoded as UTF-8 and stands in XML 1.0.
    """
    return _HIDDEN.sub(_name, text.replace("\r\n", "\n"))


def one_line(text: str, limit: int | None = None) -> str:
    """``visible`` text on one line, white space folded, cut with "…" after ``limit`` characters."""
    folded = _SPACE.sub(" ", visible(text)).strip()
    return folded if limit is None or len(folded) <= limit else folded[: limit - 1] + "…"
