"""Which number a generated answer ends in: one reader for every task with numbers as answers.

The rules, in order; the first that applies decides:

1. The last final statement with a number (``#### 42``, ``The answer is 42``, ``\\boxed{42}``,
   ``{"answer": 42}``, ``<answer>42</answer>``, ``A: 42``). Of its first sentence the number after
   the last equals sign counts, else the first one.
2. The last number of the text.

A number may have a sign, a currency, a unit, a percent sign (``50%`` is 50), separators of
thousands, a decimal comma, a power of ten or the word million; it may be a fraction (``3/4``,
``1 1/2``, ``½``, ``\\frac{3}{4}``), and written in any script's digits. Numbers in words are not
read.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

from harness.authoring.answers import statements
from harness.authoring.answers.normal import CURRENCIES

_LONGEST = 20_000
"""Characters at an answer's end that are read: where it concludes."""
_LONGEST_STATEMENT = 500
_MOST_DIGITS = 400
"""Digits of a number that can be an answer; longer ones are loops."""

_DIGITS = re.compile(r"[^\W\D0-9]")
_NOTES = re.compile(r"<<[^<>\n]*>>")  # GSM8K's calculations: 3*4=<<3*4=12>>12
_VULGAR = re.compile(r"[¼-¾⅐-⅞]")
_LATEX = (
    (re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r" \1/\2 "),
    (re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{([^{}]*)\}"), r" \1 "),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\[,;:! ]|\\(?:left|right|quad)(?![a-z])|~"), ""),
    (re.compile(r"\\([$%#&_{}])"), r"\1"),
    (re.compile(r"\\(?:times|cdot)(?![a-z])"), "×"),
)
_SAME = str.maketrans({"−": "-", "–": "-", "⁄": "/", "٫": ".", "٬": ",", "’": "'", "＝": "="})
_WHOLE = (
    r"(?:[1-9]\d{0,2}(?:,\d{2,3})*,\d{3}|[1-9]\d{0,2}(?:\.\d{3})+(?=,\d{1,2}(?!\d)|\.\d{3}(?!\d))"
    r"(?:\.\d{3})?|[1-9]\d{0,2}(?:[' \u2009\u202f\u00a0]\d{3})+(?![-\w])|\d+)"
)
_NUMBER = re.compile(
    rf"(?P<sign>(?<![\w)\]}}%])[-+])?(?:(?:US|A|C|R|S|HK|NZ)?[{CURRENCIES}]\s?(?P<inner>-)?|"
    r"(?<![A-Za-z])(?:USD|EUR|GBP|INR|Rs\.?|RM|CHF)\s?|(?<![A-Za-z\d])(?<!\d[.,]))"
    rf"(?:(?P<mixed>\d{{1,6}})[ ]+(?=\d+\s?/\s?\d))?(?:(?P<whole>{_WHOLE})(?P<rest>[.,]\d+)?"
    r"|(?P<point>\.\d+))"
    r"(?:\s?/\s?(?P<below>\d{1,20})(?!\d|[.,/]\d))?"
    r"(?:\s?[×x*]\s?10\s?(?:\^|\*\*)\s?\{?(?P<power>-?\d{1,3})\}?|e(?P<exponent>[-+]?\d{1,3})(?!\w))?"
    r"(?:[ -]?(?P<scale>thousand|million|billion|trillion)s?\b)?",
    re.IGNORECASE,
)
_SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_SENTENCE_END = re.compile(r"[.!?]\s|[。！？\n]")


def read(text: str) -> Fraction | None:
    """The number that an answer gives; None where it holds none.

    Args:
        text: The model's answer, thinking set aside.
    """
    plain = _plain(text[-_LONGEST:])
    for statement in statements.statements(plain, statements.NUMBERS):
        said = _SENTENCE_END.split(statement.said.strip()[:_LONGEST_STATEMENT], maxsplit=1)[0]
        found = _numbers(said.rpartition("=")[2]) or _numbers(said)
        if found:
            return found[0]
    return next(reversed(_numbers(plain)), None)


def value(text: str) -> Fraction | None:
    """The one number that a text is, with its currency and unit; None where it is not one."""
    found = _numbers(_plain(text))
    return found[0] if len(found) == 1 else None


def every(text: str) -> list[Fraction]:
    """All numbers of a text, in order."""
    return _numbers(_plain(text))


def _plain(text: str) -> str:
    text = _NOTES.sub("", text)
    text = _VULGAR.sub(lambda match: f" {unicodedata.normalize('NFKC', match[0])} ", text)
    for pattern, written in _LATEX:
        text = pattern.sub(written, text)
    text = unicodedata.normalize("NFC", text).translate(_SAME)
    return _DIGITS.sub(lambda match: str(unicodedata.digit(match[0])), text)


def _numbers(text: str) -> list[Fraction]:
    found = (_fraction(match) for match in _NUMBER.finditer(text))
    return [number for number in found if number is not None]


def _fraction(match: re.Match[str]) -> Fraction | None:
    """The value; None where it is too long, or divides by 0."""
    if len(match[0]) > _MOST_DIGITS:
        return None
    whole, rest = match["whole"] or "", match["rest"] or match["point"] or ""
    digits = re.sub(r"[^\d]", "", whole) or "0"
    number = Fraction(f"{digits}.{rest[1:]}" if rest else digits)
    if match["below"]:
        if not int(match["below"]):
            return None
        number /= int(match["below"])
    number += int(match["mixed"] or 0)
    power = int(match["power"] or match["exponent"] or 0)
    power += _SCALES.get((match["scale"] or "").lower(), 0)
    number *= Fraction(f"1e{power}")
    return -number if "-" in f"{match['sign']}{match['inner']}" else number
