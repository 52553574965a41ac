from __future__ import annotations

import re
import unicodedata
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.authoring.literal import one_line, visible

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


@given(ANY_TEXT)
@settings(deadline=None)
def test_visible_text_has_no_hidden_characters_and_can_be_encoded(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    assert visible(shown) == shown
    for character in shown:
        assert character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs")
        assert unicodedata.bidirectional(character) not in (
            "LRE",
            "RLE",
            "PDF",
            "LRO",
            "RLO",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        )


@given(ANY_TEXT)
@settings(deadline=None)
def test_visible_text_stands_in_xml(text: str) -> None:
    node = ElementTree.Element("text")
    node.text = visible(text)
    again = ElementTree.fromstring(ElementTree.tostring(node, encoding="unicode"))
    assert (again.text or "") == node.text


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"], exclude_characters="\u200b")))
@settings(deadline=None)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\x00b", "a⟨U+0000⟩b"),
        ("\x1b[31m", "⟨U+001B⟩[31m"),
        ("\u202egnp", "⟨U+202E⟩gnp"),
        ("\ud800", "⟨U+D800⟩"),
        ("line\r\nline", "line\nline"),
        ("tab\tstays\n", "tab\tstays\n"),
        ("🏳️‍🌈 café", "🏳️‍🌈 café"),
    ],
)
def test_hidden_characters_are_named(raw: str, shown: str) -> None:
    assert visible(raw) == shown


@given(ANY_TEXT, st.integers(1, 50))
@settings(deadline=None)
def test_one_line_is_one_line_within_its_limit(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert not re.search(r"[\n\r\t]", line)
