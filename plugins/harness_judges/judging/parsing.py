"""What a judge wrote, as a typed judgement; what cannot be read is None, never a grade.

A judgement is looked for in this order: the value of a JSON object, the last one in the text; a
verdict in double brackets (``[[A]]``, ``[[4]]``); the last sentence that gives a verdict; the whole
answer or its final statement, as ``harness.authoring.answers.reader`` reads it. A verdict is the
last of its kind, as a judge gives reasons first.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from harness.authoring.answers import numbers, reader
from harness.authoring.readers.text_files import parse_json
from harness.errors import DataError

FIRST, SECOND, TIE = 0, 1, 2
"""What a pairwise judgement prefers."""
LONGEST = 20_000
"""Characters at an answer's end that are read: where it concludes."""
SHORT = 120
"""Characters that an answer without reasons, or a last line, has at most."""
NOUNS = ("Output", "Answer", "Response", "Assistant", "Summary", "Option", "Text", "Translation")
_NOUN = "|".join((*NOUNS, "Model", "Candidate", "Reply"))
_BETTER = r"(?:better|best|preferred|preferable|superior|stronger|the\s+winner|the\s+better\s+one)"
_VERDICT = re.compile(
    rf"(?:(?:{_NOUN})\s*)?(?<!\w)[(\[*\"'“]{{0,4}}(?P<label>[ABab12])[)\]*\"'”]{{0,4}}(?!\w)\s+"
    rf"(?:is|was|seems|wins(?:\s+as)?)\s+(?P<not>not\s+|n[o']t\s+)?"
    rf"(?:clearly\s+|slightly\s+|much\s+|therefore\s+|overall\s+|a\s+|the\s+){{0,3}}{_BETTER}(?!\w)",
    re.I,
)
_EQUAL = re.compile(
    r"(?:it(?:['’]s| is)\s+a\s+(?:tie|draw)|(?:both|the two)\s+[^.\n]{0,60}?"
    r"(?:equally\s+good|equally\s+bad|equal|tied)|neither\s+[^.\n]{0,40}?is\s+better)",
    re.I,
)
_BRACKETS = re.compile(r"\[\[\s*(?P<said>[^\[\]\n]{1,20}?)\s*\]\]")
_TIES = frozenset({"tie", "c", "draw", "equal", "both", "same", "neither", "0", "="})
_OF_PAIR = ("preference", "winner", "better", "choice", "verdict", "answer")
_OF_SCORE = ("score", "rating", "grade", "value", "overall")
_OPENING = re.compile(
    r"[*_\"'\s]*(?P<said>yes|no)[*_\"']*\s*(?:[,.;:!\n—–]|$|(?:because|since|as|the|it)\s)", re.I
)
_YES = frozenset({"yes", "true", "pass", "passed", "met", "1", "ja", "oui", "si", "sí"})
_NO = frozenset({"no", "false", "fail", "failed", "not met", "0", "nein", "non"})


def preference(text: str) -> int | None:
    """``FIRST``, ``SECOND``, ``TIE``, or None where the answer names none or several.

    Answers are named ``A`` and ``B``, ``(a)`` and ``(b)`` or ``1`` and ``2``, with a noun or not.
    """
    text = text[-LONGEST:].strip()
    found = json_value(text, _OF_PAIR)
    if found is not None:
        return _label(str(found))
    bracketed = list(_BRACKETS.finditer(text))
    if bracketed:
        return _label(bracketed[-1]["said"])
    verdicts = [(each.start(), _of_verdict(each)) for each in _VERDICT.finditer(text)]
    verdicts += [(each.start(), TIE) for each in _EQUAL.finditer(text)]
    if verdicts:
        return max(verdicts)[1]
    if text.strip(" .*\"'()").lower() in _TIES - {"c", "0"}:
        return TIE
    names = [[f"{noun} {form}" for noun in NOUNS for form in forms] for forms in _FORMS]
    names[0] += ["first"]
    names[1] += ["second"]
    return _concluded(text, [*names, ["tie"]], lettered=True)


_FORMS = (("A", "(a)", "1", "(1)"), ("B", "(b)", "2", "(2)"))


def score(text: str, low: float, high: float, whole: bool = True) -> float | None:
    """The grade that an answer gives, within the scale; None where there is none.

    Args:
        text: The judge's answer, thinking set aside.
        low: The scale's least value.
        high: Its greatest; a number beyond either is no grade.
        whole: Whether only whole numbers are grades.
    """
    text = text[-LONGEST:].strip()
    value = json_value(text, _OF_SCORE)
    if value is None:
        bracketed = list(_BRACKETS.finditer(text))
        value = bracketed[-1]["said"] if bracketed else _stated(text, high)
    try:
        number = float(value) if not isinstance(value, bool) and value is not None else math.nan
    except (TypeError, ValueError, OverflowError):
        return None
    if not low <= number <= high or (whole and not number.is_integer()):
        return None
    return number


def _stated(text: str, high: float) -> str | None:
    """The number of ``4``, ``4/5``, ``Score: 4`` or ``The score is 4 out of 5``."""
    out_of = rf"(?:\s*(?:/|out\s+of)\s*{high:g}(?![\w.]))?"
    alone = re.fullmatch(rf"[*_\s(]*(?P<n>-?\d+(?:\.\d+)?){out_of}[*_\s).]*", text)
    if alone:
        return alone["n"]
    said = [
        *re.finditer(
            rf"(?<!\w)(?:score|rating|grade|overall)(?:\s+(?:of|is|would\s+be))?[*_\s]*[:=]?[*_\s]*"
            rf"(?P<n>-?\d+(?:\.\d+)?){out_of}(?![\w/]|\.\d)",
            text,
            re.I,
        ),
        *re.finditer(rf"(?<![\w.])(?P<n>\d+(?:\.\d+)?)\s*(?:/|out\s+of)\s*{high:g}(?![\w.])", text),
    ]
    if said:
        return max(said, key=lambda each: each.start())["n"]
    found = numbers.read(text) if re.search(r"(?<!\w)answer(?!\w)", text, re.I) else None
    return None if found is None or abs(found) > high else str(float(found))


def yes_or_no(text: str) -> bool | None:
    """Whether a criterion is met, by what the answer says; None where it says neither."""
    text = text[-LONGEST:].strip()
    value = json_value(text, ("met", "verdict", "answer", "result", "value"))
    if value is None:
        bracketed = list(_BRACKETS.finditer(text))
        value = bracketed[-1]["said"] if bracketed else None
    if value is not None:
        said = str(value).strip().lower()
        return True if said in _YES else False if said in _NO else None
    opening = _OPENING.match(text)
    if opening is not None:
        return opening["said"].lower() == "yes"
    found = _concluded(text, [["yes", "true"], ["no", "false"]])
    return None if found is None else found == 0


def _concluded(text: str, names: Sequence[Sequence[str]], lettered: bool = False) -> int | None:
    """What a short answer, or the last line of a long one, names.

    A long text that mentions one answer only has not thereby preferred it.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    said = text if len(text) <= SHORT else lines[-1] if lines else ""
    return reader.read(said, names, lettered) if len(said) <= SHORT else None


def json_value(text: str, names: Sequence[str]) -> Any:
    """The value under the first of the names in the last JSON object that has one; or None."""
    for start in reversed([each.start() for each in re.finditer(r"\{", text)][-50:]):
        try:
            _, end = _DECODER.raw_decode(text, start)
            found = parse_json(text[start:end], "the judge's answer")
        except (ValueError, RecursionError, DataError):
            continue
        if isinstance(found, dict):
            folded = {str(key).lower(): value for key, value in found.items()}
            for name in names:
                if name in folded and not isinstance(folded[name], dict | list):
                    return folded[name]
    return None


_DECODER = json.JSONDecoder()


def named_output(text: str) -> int | None:
    """As LLMBar's own scripts read an answer: it names (a) as the better one, or else (b).

    They look for the sentence anywhere in the text, (a) first, and know no tie: an answer that
    weighs ``Output (a) is better`` on its way to (b) counts for (a).
    """
    for option, letter in enumerate("ab"):
        name = f"Output ({letter})"
        if f"{name} is better" in text or text.strip().rstrip(".") == name:
            return option
    return None


def _label(said: str) -> int | None:
    """The option that a value names."""
    word = said.strip(" .*\"'()[]").lower()
    word = re.sub(rf"^(?:{_NOUN})\s*", "", word, flags=re.I).strip(" ()")
    if word in ("a", "1", "first"):
        return FIRST
    if word in ("b", "2", "second"):
        return SECOND
    return TIE if word in _TIES else None


def _of_verdict(match: re.Match[str]) -> int:
    first = match["label"].lower() in ("a", "1")
    if match["not"]:  # "A is not better": the other is, or they are equal
        return TIE
    return FIRST if first else SECOND
