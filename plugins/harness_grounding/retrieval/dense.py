"""Dense retrieval: passages and questions as vectors of an encoder, the nearest ones are found.

The vectors come from, and go into, the response store, so a corpus is encoded once for a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.authoring.io.serialization import canonical_hash
from harness.errors import RunFailedError
from harness.protocols import AskModel
from harness.stats.inference import Array
from harness.types import Embed, Embedding, Failed, Response
from harness_grounding.retrieval.passages import Passage

Similarity = Literal["cosine", "dot"]


@dataclass(frozen=True, slots=True)
class Encoder:
    """Who makes the vectors, and how texts are put to it.

    Attributes:
        model: As for ``--model``.
        settings: As for ``--set``.
        query: Stands before each question.
        passage: Stands before each passage.
        similarity: ``cosine``, or the ``dot`` product for encoders that were trained with it.
    """

    model: str
    settings: Mapping[str, str]
    query: str = ""
    passage: str = ""
    similarity: Similarity = "cosine"


class DenseIndex:
    """The vectors of a corpus.

    Args:
        passages: The corpus.
        encoder: Who makes the vectors.
        ask: Asks a model.

    Raises:
        UsageError: The model makes no vectors.
        RunFailedError: It failed on a passage.
    """

    def __init__(self, passages: Sequence[Passage], encoder: Encoder, ask: AskModel) -> None:
        self.passages = tuple(passages)
        self._encoder, self._ask = encoder, ask
        texts = [encoder.passage + each.text for each in passages]
        self._vectors, fingerprint = self._vectors_of(texts, "passage")
        """None where they are not stored and nothing may be asked."""
        about = [encoder.query, encoder.passage, encoder.similarity]
        corpus = [[each.id, each.text] for each in passages]
        self.digest = canonical_hash(["dense", fingerprint, about, corpus])

    @property
    def method(self) -> str:
        """How passages are found, in words."""
        encoder = self._encoder
        return f"{encoder.model} ({encoder.similarity}) over {len(self.passages):,} passages"

    def search(self, queries: Sequence[str], count: int) -> list[list[int]] | None:
        """Places of the nearest passages of each query, nearest first; none of an empty query.

        Equally near ones stand in the order of the corpus.

        Args:
            queries: The questions.
            count: Passages of each, at most.

        Returns:
            None where vectors are not stored and nothing may be asked.

        Raises:
            RunFailedError: The encoder failed on a question.
        """
        if self._vectors is None:
            return None
        asked = list(dict.fromkeys(query for query in queries if query.strip()))
        vectors, _ = self._vectors_of([self._encoder.query + each for each in asked], "question")
        if vectors is None:
            return None
        found: dict[str, list[int]] = {}
        for query, vector in zip(asked, vectors, strict=True):
            # Products of vectors are rounded in another way on another machine.
            scores = np.round(self._vectors @ vector, 6)
            found[query] = [int(at) for at in np.argsort(-scores, kind="stable")[:count]]
        return [found.get(query, []) for query in queries]

    def _vectors_of(self, texts: Sequence[str], what: str) -> tuple[Array | None, str]:
        """The vectors as rows, of length 1 where they are compared by their angle."""
        if not texts:
            return np.zeros((0, 0)), ""
        pairs = [(f"{what} {number}", Embed(text)) for number, text in enumerate(texts, 1)]
        answers = self._ask(self._encoder.model, self._encoder.settings, pairs)
        if any(each is None for each in answers.responses):
            return None, answers.fingerprint
        vectors = list(self._values(answers.responses, what))
        if len({len(each) for each in vectors}) != 1:
            raise RunFailedError(f"{self._encoder.model} gives vectors of several lengths")
        made = np.array(vectors, dtype=np.float64)
        if self._encoder.similarity == "cosine":
            lengths = np.linalg.norm(made, axis=1, keepdims=True)
            made = made / np.where(lengths > 0, lengths, 1.0)
        return made, answers.fingerprint

    def _values(
        self, responses: Sequence[Response | None], what: str
    ) -> Iterator[tuple[float, ...]]:
        for number, each in enumerate(responses, 1):
            if isinstance(each, Failed):
                raise RunFailedError(
                    f"{self._encoder.model} failed on {what} {number:,}: {each.reason}"
                )
            assert isinstance(each, Embedding)
            yield each.values
