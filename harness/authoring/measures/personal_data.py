"""Personal data in texts: found by their form, counted only if they are valid, and masked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.errors import MissingExtraError

_EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b", re.IGNORECASE)
_CARD = re.compile(r"\b\d(?:[ -]?\d){12,18}\b")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
_SSN = re.compile(r"\b\d{3}-\d{2}-\d{4}\b")
_RESERVED = ("@example.com", "@example.org", "@example.net", ".example")


@dataclass(frozen=True, slots=True)
class Found:
    """One piece of personal data: ``text`` is what stands from ``start`` to ``end``."""

    kind: str
    start: int
    end: int
    text: str


def find(text: str, region: str = "US") -> Iterator[Found]:
    """E-mail addresses, telephone, card, bank and social security numbers, kind by kind.

    Numbers count only if they are valid: telephone numbers by ``phonenumbers`` (in their own or
    the region's form), card and bank numbers and US social security numbers by their checks in
    ``python-stdnum``. Addresses under domains reserved for examples do not count. Two kinds may
    find the same characters.

    Raises:
        MissingExtraError: One of the two libraries is not installed.
    """
    try:
        import phonenumbers
        from stdnum import iban, luhn
        from stdnum.us import ssn
    except ImportError as error:
        raise MissingExtraError("finding personal data", "probes") from error
    for found in _EMAIL.finditer(text):
        if not found[0].lower().endswith(_RESERVED):
            yield Found("email", *found.span(), found[0])
    for match in phonenumbers.PhoneNumberMatcher(text, region):
        yield Found("telephone", match.start, match.end, match.raw_string)
    for kind, pattern, valid in (
        ("card", _CARD, luhn.is_valid),
        ("bank account", _IBAN, iban.is_valid),
        ("social security number", _SSN, ssn.is_valid),
    ):
        for found in pattern.finditer(text):
            if valid(re.sub(r"[ -]", "", found[0])):
                yield Found(kind, *found.span(), found[0])


def mask(text: str, region: str = "US") -> tuple[str, list[Found]]:
    """The text with each piece replaced by its kind, ``[EMAIL]``, and the pieces.

    Of pieces that overlap the longest is masked. A telephone number within a date or another
    number of the text is masked, too: what is masked wrongly is lost, what is not leaks.
    """
    kept: list[Found] = []
    for found in sorted(find(text, region), key=lambda each: (each.start - each.end, each.start)):
        if all(found.end <= each.start or each.end <= found.start for each in kept):
            kept.append(found)
    kept.sort(key=lambda each: each.start)
    parts, at = [], 0
    for found in kept:
        parts += [text[at : found.start], f"[{found.kind.upper()}]"]
        at = found.end
    return "".join([*parts, text[at:]]), kept
