"""Ways in which files get damaged, as Hypothesis strategies."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
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


# --------------------------------------------------------------------------- tables


def table(found: Sequence[Mapping[str, Any]], delimiter: str) -> bytes:
    """The rows as a table of text; lists and objects as JSON."""
    file = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in found for name in row))
    writer = csv.DictWriter(file, names, delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {
            name: json.dumps(value) if isinstance(value, dict | list) else value
            for name, value in row.items()
        }
        for row in found
    )
    return file.getvalue().encode()


def parquet(found: Sequence[Any], suffix: str) -> bytes:
    """The rows as a Parquet file, or as an Arrow stream."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(list(found))
    sink = pa.BufferOutputStream()
    if suffix == ".parquet":
        pq.write_table(table, sink)
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue().to_pybytes()


@st.composite
def odd_parquet(draw: st.DrawFn, found: Sequence[Any], suffix: str) -> bytes:
    """A sound file whose values are of other types; unchanged where Arrow has no such column."""
    name = draw(st.sampled_from(sorted(found[0])))
    value = draw(st.sampled_from(WRONG))
    try:
        return parquet([{**row, name: value} for row in found], suffix)
    except Exception:  # what Arrow cannot hold cannot be in a file
        return parquet(found, suffix)


def tabular(found: Sequence[Any], suffix: str) -> st.SearchStrategy[bytes]:
    """The rows as a damaged ``.csv``, ``.tsv``, ``.parquet`` or ``.arrow`` file."""
    if suffix in (".csv", ".tsv"):
        return damaged(table(found, "\t" if suffix == ".tsv" else ","))
    try:
        return damaged(parquet(found, suffix)) | odd_parquet(found, suffix)
    except Exception:  # rows that Arrow cannot hold: those it could be given as JSON
        return damaged("".join(f"{json.dumps(row)}\n" for row in found).encode())


# --------------------------------------------------------------------------- checkpoints

TEMPLATE = "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}</s>{% endfor %}"
ODD_TEMPLATES = (
    *("", "{{ x", "{% for %}", "{{ messages[9].content }}", "{{ raise_exception('no') }}"),
    *("{{ ''.__class__.__mro__ }}", "{{ 'x' * 10**9 }}", "{% include '/etc/passwd' %}"),
    *("{% for i in range(10**9) %}{{ i }}{% endfor %}", "{{ messages | tojson }}", "{{ 1 / 0 }}"),
    *("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "\udcff", "{{ strftime_now('%Y') }}"),
)


@st.composite
def checkpoint_files(
    draw: st.DrawFn, seeds: Mapping[str, Any], weights: bytes
) -> tuple[str, bytes]:
    """(the name of a checkpoint's file, its damaged content); ``seeds``: name → its JSON."""
    name = draw(st.sampled_from([*seeds, *seeds, "model.safetensors", "chat_template.jinja"]))
    if name == "model.safetensors":
        length = int.from_bytes(weights[:8], "little")
        header = draw(
            damaged(weights[8 : 8 + length]) | json_texts(json.loads(weights[8 : 8 + length]))
        )
        size = len(header).to_bytes(8, "little")
        return name, draw(st.just(size + header + weights[8 + length :]) | damaged(weights))
    if name == "chat_template.jinja":
        odd = st.sampled_from(ODD_TEMPLATES).map(lambda text: text.encode("utf-8", "replace"))
        return name, draw(odd | damaged(TEMPLATE.encode()))
    return name, draw(json_texts(seeds[name]) | damaged(json.dumps(seeds[name]).encode()))
