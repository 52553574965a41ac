"""Ways in which files get damaged, as Hypothesis strategies."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

LONG_NUMBER = "@@LONG NUMBER@@"
DEEP = "@@DEEP@@"
_RAW = {f'"{LONG_NUMBER}"': "9" * 5000, f'"{DEEP}"': "[" * 3000 + "]" * 3000}
"""Text that Python's own writer refuses → what stands there in its place."""

WRONG: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 3.5, 2**31, 2**63, 10**30, -(10**30), 1e308, -0.0),
    *(float("nan"), float("inf"), float("-inf"), LONG_NUMBER, DEEP),
    *("", " ", "0", "NaN", "true", "null", "\0", "\ud800", "a\udfff", "\u202e", "🙈", "\n", "../x"),
    *("{{ x }}", "{% for i in range(10**9) %}x{% endfor %}", "x" * 20_000, "-" * 300, "café"),
    *([], {}, [[]], [None], [{}], {"": None}, {"a": {"b": []}}, [1, "a", None], ["a", "a"]),
)
"""Values that somebody's file may hold where something else belongs."""


def paths_of(document: Any) -> list[tuple[Any, ...]]:
    """The keys that lead to each value within a JSON document, the document itself first."""
    found: list[tuple[Any, ...]] = [()]
    inner: Iterable[tuple[Any, Any]] = document.items() if isinstance(document, dict) else ()
    inner = enumerate(document) if isinstance(document, list) else inner
    for key, value in inner:
        found += [(key, *rest) for rest in paths_of(value)]
    return found


def written(document: Any) -> str:
    """The document as JSON text, with NaN, infinities and what Python refuses to write."""
    text = json.dumps(document)
    for mark, raw in _RAW.items():
        text = text.replace(mark, raw)
    return text


@st.composite
def documents(draw: st.DrawFn, document: Any, most: int = 3) -> Any:
    """The JSON document with one to ``most`` places changed."""
    document = deepcopy(document)
    for _ in range(draw(st.integers(1, most))):
        document = _changed(draw, document)
    return document


def _changed(draw: st.DrawFn, document: Any) -> Any:
    path = draw(st.sampled_from(paths_of(document)))
    if not path:
        return deepcopy(draw(st.sampled_from(WRONG)))
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    key = path[-1]
    how = draw(st.sampled_from(["value", "value", "value", "absent", "twice", "name", "wrapped"]))
    if how == "value":
        holder[key] = deepcopy(draw(st.sampled_from(WRONG)))
    elif how == "wrapped":
        holder[key] = [holder[key]]
    elif isinstance(holder, list):
        if how == "twice":
            holder.append(deepcopy(holder[key]))
        else:
            del holder[key]
    else:
        value = holder.pop(key)
        if how == "name":
            holder[draw(st.sampled_from(["", "x", str(key).upper(), "\0", "\ud800"]))] = value
        elif how == "twice":
            holder |= {key: value, f"{key} ": deepcopy(value)}
    return document


def json_texts(document: Any) -> st.SearchStrategy[bytes]:
    """A changed document's text."""
    return documents(document).map(lambda each: written(each).encode("utf-8", "surrogatepass"))


def json_lines(rows: list[Any]) -> st.SearchStrategy[bytes]:
    """Changed rows, one a line."""
    return documents(rows).map(
        lambda each: "".join(
            written(row) + "\n" for row in (each if isinstance(each, list) else [each])
        ).encode("utf-8", "surrogatepass")
    )


# --------------------------------------------------------------------------- bytes


def _cut(draw: st.DrawFn, content: bytes) -> bytes:
    return content[: draw(st.integers(0, max(0, len(content) - 1)))]


def _flipped(draw: st.DrawFn, content: bytes) -> bytes:
    if not content:
        return content
    found = bytearray(content)
    for _ in range(draw(st.integers(1, 8))):
        found[draw(st.integers(0, len(found) - 1))] ^= 1 << draw(st.integers(0, 7))
    return bytes(found)


def _without(draw: st.DrawFn, content: bytes) -> bytes:
    start = draw(st.integers(0, len(content)))
    return content[:start] + content[start + draw(st.integers(1, 40)) :]


def _inserted(draw: st.DrawFn, content: bytes) -> bytes:
    strange = (
        b"\0",
        b"\xff",
        b"\xc3",
        b'"',
        b"\\",
        b"\r",
        b"\n\n",
        b"{",
        b"]",
        b",,",
        b"\xe2\x80\xa8",
    )
    at = draw(st.integers(0, len(content)))
    return content[:at] + draw(st.sampled_from(strange)) * draw(st.integers(1, 3)) + content[at:]


def _lines(draw: st.DrawFn, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    at, to = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    how = draw(st.sampled_from(["twice", "swapped", "absent"]))
    if how == "twice":
        lines.insert(to, lines[at])
    elif how == "swapped":
        lines[at], lines[to] = lines[to], lines[at]
    else:
        del lines[at]
    return b"".join(lines)


def _encoded(draw: st.DrawFn, content: bytes) -> bytes:
    text = content.decode("utf-8", "replace")
    name = draw(st.sampled_from(["utf-16", "utf-16-be", "utf-32", "latin-1", "utf-8-sig"]))
    return text.encode(name, "replace")


def _replaced(draw: st.DrawFn, content: bytes) -> bytes:
    whole = (b"", b"\n", b" ", b"null", b"[]", b"{}", b"\x1f\x8b", b"PK\x03\x04", b"\xff" * 64)
    return draw(st.sampled_from(whole))


DAMAGES: tuple[Callable[[st.DrawFn, bytes], bytes], ...] = (
    *(_cut, _flipped, _without, _inserted, _lines, _encoded, _replaced),
)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes, damaged in one or two ways."""
    for _ in range(draw(st.integers(1, 2))):
        content = draw(st.sampled_from(DAMAGES))(draw, content)
    return content


def packed(content: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """As a gzip file, whole or damaged once more."""
    whole = content.map(lambda each: gzip.compress(each, compresslevel=1, mtime=0))
    return whole | whole.flatmap(damaged)
