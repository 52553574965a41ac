"""A BM25 index, built once for a corpus and kept in the cache folder."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from harness.authoring.answers.scripts import CHARACTERS
from harness.authoring.io.files import cache_folder
from harness.authoring.io.serialization import canonical_hash
from harness.errors import MissingExtraError
from harness_grounding.retrieval.passages import Passage

_VERSION = "1"
"""Changes whenever an index would."""
_TOKEN = re.compile(rf"[{CHARACTERS}]|[^\W{CHARACTERS}]+")


def tokens(text: str) -> list[str]:
    """Words in small letters; characters in scripts that are written without blanks."""
    return _TOKEN.findall(text.lower())


class Index:
    """BM25 (Lucene's variant, k1 1.5, b 0.75) over passages, by ``bm25s``.

    Args:
        passages: The corpus.

    Raises:
        MissingExtraError: ``bm25s`` is not installed.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        try:
            import bm25s
        except ImportError as error:
            raise MissingExtraError("retrieval", "retrieval") from error
        self.passages = tuple(passages)
        self.digest = canonical_hash(
            [_VERSION, bm25s.__version__, [[each.id, each.text] for each in passages]]
        )
        self._folder = cache_folder() / "retrieval" / self.digest
        self._bm25: Any = self._loaded(bm25s) or self._built(bm25s)

    @property
    def method(self) -> str:
        """How passages are found, in words."""
        return f"BM25 over {len(self.passages):,} passages"

    def _loaded(self, bm25s: Any) -> Any:
        """The index from the cache; None where there is none that is whole."""
        try:
            found = bm25s.BM25.load(str(self._folder), allow_pickle=False, show_progress=False)
            whole = found.scores["num_docs"] == len(self.passages)
            seal = (self._folder / "seal").read_text("utf-8")
        except Exception:  # whatever a damaged file makes the library raise: it is built anew
            return None
        return found if whole and seal == self._seal(self._folder) else None

    def _built(self, bm25s: Any) -> Any:
        made = bm25s.BM25()
        made.index([tokens(each.text) or [""] for each in self.passages], show_progress=False)
        with suppress(OSError):  # a cache that cannot be written is no reason to fail
            self._keep(made)
        return made

    def _keep(self, made: Any) -> None:
        """Writes the index whole or not at all."""
        parent = self._folder.parent
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=parent, prefix=".partial-"))
        try:
            made.save(str(partial), show_progress=False)
            (partial / "seal").write_text(self._seal(partial), "utf-8")
            shutil.rmtree(self._folder, ignore_errors=True)
            partial.rename(self._folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    @staticmethod
    def _seal(folder: Path) -> str:
        """A hash of the index's files: one that was cut off or changed is built anew."""
        digest = hashlib.sha256()
        for path in sorted(folder.iterdir()):
            if path.name != "seal":
                digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def search(self, queries: Sequence[str], count: int) -> list[list[int]]:
        """Places of the best passages of each query, best first; those that share no word are none.

        Args:
            queries: The questions.
            count: Passages of each, at most.
        """
        count = min(count, len(self.passages))
        known = self._bm25.vocab_dict
        asked = [[each for each in tokens(query) if each in known] for query in queries]
        found: list[list[int]] = []
        for words in asked:
            if not words:
                found.append([])
                continue
            scores = np.asarray(self._bm25.get_scores(words))
            # Equal scores in the order of the corpus, so that every machine finds the same.
            best = np.argsort(-scores, kind="stable")[:count]
            found.append([int(place) for place in best if scores[place] > 0])
        return found
