"""How a run was made: versions, commit, machine. No secrets, no user names."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata

PACKAGES = (
    "evalign",
    "torch",
    "transformers",
    "tokenizers",
    "datasets",
    "evaluate",
    "sacrebleu",
    "rouge-score",
    "scikit-learn",
    "numpy",
    "scipy",
)


def versions() -> dict[str, str]:
    """The versions of the packages that can change a number, where they are installed."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_commit() -> str | None:
    """The commit of the working directory, ``-dirty`` when it has changes; None outside git."""
    try:
        command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603  (constant arguments)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None


def environment() -> dict[str, object]:
    """Python, platform and processors."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "byteorder": sys.byteorder,
    }
