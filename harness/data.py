"""The readers' names before they were part of the authoring kit; kept until version 0.3."""

from harness.authoring.readers.text_files import (
    files,
    lines,
    read_csv,
    read_json,
    read_jsonl,
    read_text,
)

__all__ = ["files", "lines", "read_csv", "read_json", "read_jsonl", "read_text"]
