"""Rows without what should not be trained on, and the files they are written to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.authoring.io import files
from harness.authoring.io.serialization import dumps
from harness.authoring.measures import personal_data
from harness.errors import UnknownNameError, UsageError
from harness_data.preparation.findings import KINDS, Findings
from harness_data.preparation.splitting import PARTS
from harness_data.preparation.table import Table, replaced

ALWAYS = ("empty", "exact_duplicate", "near_duplicate")
ON_REQUEST = ("language", "length", "personal_data", "toxic")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Cleaned rows.

    Attributes:
        rows: What is kept, in the order of the file.
        dropped: Row number → kind → what exactly.
        masked: Row number → kinds of personal data that were masked.
    """

    rows: Sequence[Mapping[str, Any]]
    dropped: Mapping[int, Mapping[str, str]]
    masked: Mapping[int, Sequence[str]]

    @property
    def counts(self) -> dict[str, int]:
        """Kind → rows that were dropped for it; a row may have several."""
        found = Counter(kind for of in self.dropped.values() for kind in of)
        return {kind: found[kind] for kind in KINDS if found[kind]}


def kinds(keep: Sequence[str], drop: Sequence[str]) -> tuple[str, ...]:
    """The kinds of rows to drop.

    Raises:
        UnknownNameError: There is no such kind.
    """
    for names, known, flag in ((keep, ALWAYS, "--keep"), (drop, ON_REQUEST, "--drop")):
        for name in names:
            if name not in known:
                raise UnknownNameError(f"kind of {flag}", name, known)
    return tuple(kind for kind in (*ALWAYS, *drop) if kind not in keep)


def check_out(file: Path, out: Path) -> None:
    """Refuses to write over the data themselves.

    Raises:
        UsageError: Both are the same file.
    """
    if file.exists() and out.exists() and file.resolve() == out.resolve():
        raise UsageError(f"--out {out} is the file itself", "Name another file to write.")


def check_folder(out: Path) -> None:
    """Refuses a folder that holds something else.

    Raises:
        UsageError: It is a file, or has files that are not parts.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file", "Name a folder.")
    known = {f"{part}.jsonl" for part in PARTS}
    others = [each.name for each in out.iterdir() if each.name not in known] if out.exists() else []
    if others:
        raise UsageError(f"{out} holds {others[0]!r}", "Name a folder that is new or empty.")


def clean(
    table: Table, found: Findings, dropped_kinds: Sequence[str], masking: bool, region: str
) -> Cleaned:
    """The rows without those of some kinds, personal data masked in the texts of the others."""
    kept: list[Mapping[str, Any]] = []
    dropped: dict[int, dict[str, str]] = {}
    masked: dict[int, list[str]] = {}
    for place, line in enumerate(table.lines):
        details = found.details.get(place, {})
        why = {kind: details[kind] for kind in dropped_kinds if kind in details}
        if why:
            dropped[line.number] = why
            continue
        row: Mapping[str, Any] = line.row
        if masking and "personal_data" in details:
            row, pieces = _masked(row, table.texts, region)
            masked[line.number] = sorted(set(pieces))
        kept.append(row)
    return Cleaned(kept, dropped, masked)


def _masked(
    row: Mapping[str, Any], columns: Sequence[str], region: str
) -> tuple[dict[str, Any], list[str]]:
    kinds_found: list[str] = []

    def change(text: str) -> str:
        masked, found = personal_data.mask(text, region)
        kinds_found.extend(each.kind for each in found)
        return masked

    changed = {
        name: replaced(value, change) if name in columns else value for name, value in row.items()
    }
    return changed, kinds_found


def write(out: Path, table: Table, cleaned: Cleaned) -> None:
    """Writes the rows, and beside them what became of the others; both or none."""
    about = {
        "file": str(table.path),
        "rows": len(table.lines),
        "kept": len(cleaned.rows),
        "dropped": {str(number): dict(of) for number, of in cleaned.dropped.items()},
        "masked": {str(number): list(of) for number, of in cleaned.masked.items()},
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        files.replacing(out.with_name(out.name + ".about.json")) as beside,
        files.replacing(out) as file,
    ):
        file.writelines(dumps(row) + "\n" for row in cleaned.rows)
        beside.write(dumps(about, indent=2) + "\n")


# --------------------------------------------------------------------------- parts


def parse_shares(text: str) -> tuple[float, float, float]:
    """Three shares that sum to 1.

    Raises:
        UsageError: They do not.
    """
    try:
        values = [float(each) for each in text.split(",")]
    except ValueError:
        values = []
    sound = len(values) == 3 and all(0 <= each <= 1 for each in values)
    if not sound or abs(sum(values) - 1) > 1e-6 or values[0] == 0:
        raise UsageError(
            f"--shares {text}", "Expected three shares that sum to 1, such as 0.8,0.1,0.1"
        )
    return values[0], values[1], values[2]


def write_parts(out: Path, table: Table, parts: Sequence[str]) -> dict[str, int]:
    """Writes a file a part; all or none. Returns the rows of each."""
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = [name for name in PARTS if name in parts]
    for name in set(PARTS) - set(names):
        (out / f"{name}.jsonl").unlink(missing_ok=True)
    with ExitStack() as opened:
        target = {
            name: opened.enter_context(files.replacing(out / f"{name}.jsonl")) for name in names
        }
        for line, name in zip(table.lines, parts, strict=True):
            target[name].write(dumps(dict(line.row)) + "\n")
    return {name: parts.count(name) for name in names}
