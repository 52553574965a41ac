"""What the importers share: JSON from outside, read once, and the kinds of values in it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.authoring.io.files import open_binary
from harness.authoring.readers import text_files
from harness.errors import DataError

MOST_FILES = 10_000
"""Files of a folder that are looked at."""
UNIT = (0.0, 1.0)
_KINDS = {"dict": "an object", "list": "a list", "str": "a text"}
_HIGH = (
    "acc", "accuracy", "exact_match", "em", "f1", "bleu", "chrf", "mcc", "mc1", "mc2", "pass",
    "passed", "rouge", "recall", "precision", "win_rate", "correct", "score", "success",
    "meteor", "map", "mrr", "ndcg", "auc",
)  # fmt: skip
_LOW = (
    "loss", "perplexity", "ppl", "error", "errors", "latency", "wer", "cer", "ter", "brier",
    "ece", "toxicity", "nll", "cost", "hallucination", "bits_per_byte", "byte_perplexity",
    "word_perplexity",
)  # fmt: skip
_SHARES = ("acc", "accuracy", "exact_match", "em", "mc1", "mc2", "passed", "correct", "success")


def object_of(path: Path) -> Mapping[str, Any]:
    """The JSON object in a file; an empty one where it holds something else.

    Raises:
        DataError: It begins as an object and is none.
    """
    if not path.is_file():
        return {}
    state = path.stat()
    found = _parsed(path, state.st_mtime_ns, state.st_size)
    return found if isinstance(found, dict) else {}


@lru_cache(maxsize=1)  # every importer looks at the same file, one after another
def _parsed(path: Path, modified: int, size: int) -> Any:
    del modified, size
    try:
        with open_binary(path) as file:
            if not file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
                return None
    except OSError as error:
        raise text_files.missing(path, error) from error
    try:
        return text_files.read_json(path)
    except DataError:
        if _is_lines(path):
            return None
        raise


def _is_lines(path: Path) -> bool:
    """Whether the first line is an object by itself: then the file is JSON Lines."""
    _, first = next(text_files.lines(path), (1, ""))
    try:
        return isinstance(text_files.parse_json(first), dict)
    except DataError:
        return False


def files_below(folder: Path, pattern: str, depth: int) -> Iterator[Path]:
    """Files whose names match, in ``folder`` and at most ``depth`` folders below; links are left.

    Raises:
        DataError: There are more than ``MOST_FILES``.
    """
    count = 0
    for down in range(depth + 1):
        for path in sorted(folder.glob("*/" * down + pattern)):
            if path.is_symlink() or not path.is_file():
                continue
            count += 1
            if count > MOST_FILES:
                raise DataError(
                    f"more than {MOST_FILES:,} files", path=folder, expected="a smaller folder"
                )
            yield path


# --------------------------------------------------------------------------- values


def mapping(value: Any) -> Mapping[str, Any]:
    """The value where it is an object; else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> Sequence[Any]:
    """The value where it is a list; else an empty one."""
    return value if isinstance(value, list) else ()


def need(value: Any, kind: type, what: str, path: Path, line: int | None = None) -> Any:
    """A value that must be of a kind.

    Raises:
        DataError: It is not.
    """
    if not isinstance(value, kind):
        name = _KINDS.get(kind.__name__, kind.__name__)
        shown = "missing" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"
        raise DataError(f"{what} is {shown}", path=path, line=line, expected=f"{name} there")
    return value


def number(value: Any) -> float | None:
    """A finite number or a truth value as a float; None for all else, such as ``"N/A"``."""
    if isinstance(value, bool | int | float):
        try:
            found = float(value)
        except OverflowError:
            return None
        return found if math.isfinite(found) else None
    return None


def text(value: Any) -> str:
    """The value as a text: itself, nothing for None, else its JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def content_id(name: Any, *content: Any) -> str:
    """A sample's id that two runs share only where the sample has one content.

    Two versions of a data set count their samples from 0 alike.
    """
    digest = hashlib.sha256("\0".join(map(text, content)).encode("utf-8", "replace"))
    return f"{text(name)}-{digest.hexdigest()[:8]}"


def direction(name: str) -> bool | None:
    """Whether higher is better, for metrics that everybody calls by one name; else None."""
    word = name.partition(",")[0].partition("@")[0].lower().removesuffix("_score")
    if word in _HIGH or word.startswith(("acc_", "exact_match_", "rouge")) or word.endswith("_acc"):
        return True
    return False if word in _LOW else None


def bounds(name: str) -> tuple[float, float] | None:
    """From 0 to 1 for what everybody scores so; else None."""
    word = name.partition(",")[0].partition("@")[0].lower()
    shares = word in _SHARES or word.startswith(("acc_", "exact_match_")) or word.endswith("_acc")
    return UNIT if shares or word == "pass" else None
