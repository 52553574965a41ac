"""Where the folder of real data and models is, and which tests were skipped without it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from support import ROOT

SHARED = Path(os.environ.get("HARNESS_SHARED", ROOT.parent / "shared"))
SMOLLM2 = Path(os.environ.get("HARNESS_SMOLLM2", SHARED.parent / "models" / "smollm2"))
"""What ``models/make_smollm2.py`` of the shared data makes, where somebody ran it."""
REASON = f"no shared data at {SHARED}; set HARNESS_SHARED"


def unchecked(tests: Iterable[str]) -> str:
    """The line that names, by folder and file, what was not checked; empty for no tests."""
    counts = Counter(test.partition("::")[0] for test in tests)
    if not counts:
        return ""
    files = ", ".join(f"{file} ({count})" for file, count in sorted(counts.items()))
    return (
        f"NOT CHECKED: {counts.total()} tests against published data, scores and real models, "
        f"because there is {REASON}: {files}"
    )
