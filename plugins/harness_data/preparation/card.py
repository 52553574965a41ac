"""The data card: what a file holds, in Markdown and in JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.authoring.io import files
from harness.authoring.literal import markdown
from harness_data.preparation.findings import KINDS, Findings, entropy
from harness_data.preparation.table import Table

WORDS = {
    "empty": "without text",
    "exact_duplicate": "the same as an earlier row",
    "near_duplicate": "nearly the same as an earlier row",
    "language": "in another language",
    "length": "of an odd length",
    "personal_data": "with personal data",
    "toxic": "toxic",
}
_SHOWN = 8


def to_json(table: Table, found: Findings) -> dict[str, Any]:
    """The card's figures; what was found row by row under ``rows``."""
    lengths = np.asarray(found.lengths)
    return {
        "file": table.path.name,
        "sha256": _hash(table),
        "rows": len(table.lines),
        "columns": list(table.columns),
        "texts": list(table.texts),
        "words": {
            "total": int(lengths.sum()),
            **{f"p{q}": float(np.percentile(lengths, q)) for q in (0, 5, 50, 95, 100)},
        },
        "languages": dict(found.languages),
        "main_language": found.main_language,
        "personal_data": dict(found.personal),
        "labels": dict(found.labels),
        "label_balance": round(entropy(found.labels), 4) if found.labels else None,
        "toxic_by": found.toxic_by or None,
        "found": {kind: len(found.places[kind]) for kind in KINDS if kind in found.places},
        "rows_found": {
            str(table.lines[place].number): dict(of) for place, of in sorted(found.details.items())
        },
    }


def _hash(table: Table) -> str | None:
    if table.path.is_dir():
        return None
    return hashlib.sha256(files.read_bytes(table.path)).hexdigest()


def to_markdown(card: Mapping[str, Any]) -> str:
    """The card as a page."""
    words = card["words"]
    lines = [
        f"# Data card: {markdown(card['file'])}",
        "",
        f"{card['rows']:,} rows, {words['total']:,} words; columns {_names(card['columns'])}; "
        f"texts in {_names(card['texts'])}.",
        f"Words a row: {words['p0']:g} to {words['p100']:g}, median {words['p50']:g}, 5 to 95 %: "
        f"{words['p5']:g} to {words['p95']:g}.",
        f"Languages: {_counts(card['languages'])} (? is too short to tell).",
    ]
    if card["labels"]:
        lines.append(
            f"Labels: {_counts(card['labels'])}; balance {card['label_balance']:g} (1 is even)."
        )
    if card["personal_data"]:
        lines.append(f"Personal data: {_counts(card['personal_data'])}.")
    if card.get("toxic_by"):
        lines.append(f"Toxic rows: {markdown(card['toxic_by'])}.")
    lines += ["", "| rows | what |", "|---|---|"]
    lines += [f"| {count:,} | {WORDS[kind]} |" for kind, count in card["found"].items()]
    if card.get("sha256"):
        lines += ["", f"SHA-256 of the file: `{card['sha256']}`"]
    return "\n".join(lines) + "\n"


def _names(names: list[str]) -> str:
    return ", ".join(markdown(name) for name in names)


def _counts(counts: Mapping[str, int]) -> str:
    shown = [f"{markdown(name, 40)} {count:,}" for name, count in list(counts.items())[:_SHOWN]]
    more = f" and {len(counts) - _SHOWN:,} more" if len(counts) > _SHOWN else ""
    return ", ".join(shown) + more
