"""Run folders with texts to judge, made through ``replay:`` in a moment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from harness import evaluate


def summaries(folder: Path, name: str, texts: Sequence[str]) -> Path:
    """A run of the task ``summarization`` with these answers, one a document."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = folder / "documents.jsonl"
    documents.write_text(
        "".join(
            json.dumps({"id": f"d{place}", "document": f"Report {place}.", "summary": "Report."})
            + "\n"
            for place in range(len(texts))
        )
    )
    saved = folder / f"{name}.jsonl"
    saved.write_text(
        "".join(
            json.dumps({"id": f"d{place}", "response": text}) + "\n"
            for place, text in enumerate(texts)
        )
    )
    out = folder / name
    evaluate(
        f"replay:{saved}",
        ["summarization"],
        data={"summarization": documents},
        out=out,
        formats=(),
    )
    return out
