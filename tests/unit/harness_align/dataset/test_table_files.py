"""Training rows in CSV, Parquet and other formats are the same rows."""

from __future__ import annotations

import csv
import gzip
import json

import pytest

from harness_align.dataset import formats

ROWS = [{"instruction": f"say {n}", "input": "", "output": f"it is {n}"} for n in range(3)]


def as_csv(path):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)


def as_parquet(path):
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)


WRITERS = {
    "rows.jsonl": lambda path: path.write_text("\n".join(map(json.dumps, ROWS))),
    "rows.jsonl.gz": lambda path: path.write_bytes(
        gzip.compress("\n".join(map(json.dumps, ROWS)).encode())
    ),
    "rows.json": lambda path: path.write_text(json.dumps(ROWS, indent=2)),
    "rows.csv": as_csv,
    "rows.parquet": as_parquet,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_of_files_gives_the_same_rows(tmp_path, name):
    WRITERS[name](tmp_path / name)
    read = formats.read(tmp_path / name)
    assert [(row.prompt, row.chosen) for row in read.rows] == [
        (f"say {n}", f"\n\nit is {n}") for n in range(3)
    ]
    assert read.format == "Alpaca"
