"""Forms of a text in which an answer and an option are compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from harness.authoring.answers.scripts import CHARACTERS

ARTICLES = frozenset({"a", "an", "the"})
CURRENCIES = "$€£¥₹₽₩"

_SAME = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "−": "-", "–": "-", "—": "-"})
_TOKEN = re.compile(
    rf"(?P<number>(?:(?<![^\W_])[-+])?[{CURRENCIES}]?-?(?:\d+(?:[.,]\d+)*|(?<![\w.])\.\d+)%?)"
    rf"|(?P<unspaced>[{CHARACTERS}])"
    rf"|(?P<word>(?:(?![{CHARACTERS}])[^\W\d_])(?:(?![{CHARACTERS}])[\w'\u0300-\u036f\u0900-\u0dff])*"
    r"(?:[+#]+(?!\w))?)"
)
_MARKUP = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mathbb|mbox)\s*\{([^{}]*)\}")
_PAIRS = (
    ("**", "**"), ("__", "__"), ("*", "*"), ("_", "_"), ("`", "`"), ('"', '"'), ("'", "'"),
    ("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"),
    ("«", "»"), ("「", "」"), ("『", "』"), ("„", '"'), ("【", "】"),
)  # fmt: skip
_OPENINGS = {opening[0] for opening, _ in _PAIRS}
_MOST_LAYERS = 20
_ENDS = ".,;:!?。،؛؟।…"


def fold(text: str) -> str:
    """Small letters, full-width forms as plain ones, one kind of quotes; white space folded."""
    plain = unicodedata.normalize("NFKC", text).translate(_SAME).casefold()
    return " ".join(plain.split())


def undressed(text: str) -> Iterator[str]:
    """The text, then without its end mark, then without what is set around it, step by step."""
    text = _MARKUP.sub(r"\1", text).strip()
    for _ in range(_MOST_LAYERS):
        yield text
        bare = text
        for opening, closing in _PAIRS if text[:1] in _OPENINGS else ():
            longer = len(text) > len(opening) + len(closing)
            if longer and text.startswith(opening) and text.endswith(closing):
                bare = text[len(opening) : -len(closing)].strip()
                break
        else:
            bare = text[:-1].rstrip() if len(text) > 1 and text[-1] in _ENDS else text
        if bare == text or not bare:
            return
        text = bare


def tokens(text: str) -> list[str]:
    """Words, numbers and names such as ``c++``; punctuation and articles left out.

    A number keeps its point, sign and currency, and loses what does not change its value:
    ``1,500`` is ``1500``, ``5.0`` is ``5``. Articles stay where there is nothing else.
    """
    found = []
    for match in _TOKEN.finditer(fold(text)):
        token = match.group()
        if match.lastgroup == "number":
            found.append(_number(token))
        else:
            found.append(token.replace("'", ""))
    return [token for token in found if token not in ARTICLES] or found


def normalize(text: str) -> str:
    """``tokens`` with blanks between; a text without any as ``fold`` leaves it."""
    return " ".join(tokens(text)) or fold(text)


def _number(token: str) -> str:
    sign = "-" if "-" in token else ""
    currency = next((each for each in CURRENCIES if each in token), "")
    percent = "%" if token.endswith("%") else ""
    digits = token.strip("-+%" + CURRENCIES)
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", digits):
        digits = digits.replace(",", "")
    elif re.fullmatch(r"\d+,\d+", digits):
        digits = digits.replace(",", ".")
    if digits.startswith("."):
        digits = "0" + digits
    if digits.count(".") == 1:
        digits = digits.rstrip("0").rstrip(".")
    return f"{sign}{currency}{digits}{percent}"
