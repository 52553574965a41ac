"""Token classifiers: a tag for each word of a text, from the head's logits.

A word's tag is that of its first token, as such heads are trained and evaluated (``run_ner.py`` of
``transformers``). A text that is too long is read in windows that overlap; a word counts where it
has the most text on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.authoring.chat.encoding import EncodingError
from harness.errors import ModelError
from harness.types import Request, Response, Tag, Tags
from harness_backends.hf.kinds.encoder import Row
from harness_backends.hf.kinds.labels import parse_label_map
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.settings import Settings

_TAG = re.compile(r"O|[BIESLU]-\S+")
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Words:
    """A text in windows.

    Attributes:
        rows: One a window.
        heads: For each word, (window, position of its first token) where it counts; None for a
            word that the tokenizer leaves out, which is no entity.
        words: The places of the words.
        labels: The head's labels.
    """

    rows: tuple[Row, ...]
    heads: tuple[tuple[int, int] | None, ...]
    words: tuple[Place, ...]
    labels: tuple[str, ...]
    truncated: bool = False

    def answer(self, results: Sequence[tuple[int, ...]]) -> Response:
        """The words' likeliest labels."""
        tags = (
            "O" if head is None else self.labels[results[head[0]][head[1]]] for head in self.heads
        )
        return Tags(self.words, tuple(tags))


class TokenClassifierHead:
    """Reads a token-classification head.

    Args:
        checkpoint: The model.
        settings: ``label_map``, from the head's labels to tags; ``max_length``, ``doc_stride``.

    Raises:
        ModelError: The labels are no tags, or the tokenizer does not say where its tokens lie.
        UsageError: ``label_map`` cannot be read.
    """

    supports: frozenset[type] = frozenset({Tag})

    def __init__(self, checkpoint: Checkpoint, settings: Settings) -> None:
        self._tokenizer = checkpoint.tokenizer
        if not self._tokenizer.is_fast:
            raise ModelError(
                f"the tokenizer of {checkpoint.name} does not say where tokens lie in a text",
                "Save a fast one (tokenizer.json) beside the model",
            )
        config = checkpoint.model.config
        named = tuple(str(config.id2label[index]) for index in range(config.num_labels))
        given = {} if settings.label_map is None else parse_label_map(settings.label_map, named)
        self._labels = tuple(_as_tag(given.get(label, label), named) for label in named)
        if "O" not in self._labels or not all(map(_TAG.fullmatch, self._labels)):
            shown, listed = ",".join(f"{label}:…" for label in named[:3]), ", ".join(named[:12])
            raise ModelError(
                f"the labels of {checkpoint.name} ({listed}) are no tags of entities",
                f"Say what each means (O, B-person, I-person, …): --set label_map={shown}",
            )
        self._window = settings.max_length or checkpoint.max_length
        self._stride = settings.doc_stride

    @property
    def identity(self) -> Mapping[str, object]:
        """See ``Answerer``."""
        return {"tags": list(self._labels), "window": self._window, "doc_stride": self._stride}

    def check(self, requests: Sequence[Request]) -> None:
        """Any request of its type can be asked."""

    def question(self, request: Request) -> _Words:
        """See ``Head``."""
        assert isinstance(request, Tag)
        special = self._tokenizer.num_special_tokens_to_add()
        room = self._window - special
        if room < 1:
            raise EncodingError(f"a window of {self._window} tokens holds nothing of a text")
        encoded = self._tokenizer(
            request.text,
            truncation=True,
            max_length=self._window,
            stride=min(self._stride, room // 2),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            padding=False,
            verbose=False,
        )
        words = request.words or _own_words(self._tokenizer, request.text)
        types = encoded.get("token_type_ids")
        rows, best = [], dict[int, tuple[int, int, int]]()
        for window, tokens in enumerate(encoded["input_ids"]):
            rows.append(Row(tuple(tokens), () if types is None else tuple(types[window])))
            places = [
                (int(place[0]), int(place[1])) if sequence == 0 else None
                for place, sequence in zip(
                    encoded["offset_mapping"][window], encoded.sequence_ids(window), strict=True
                )
            ]
            for word, token, distance in _first_tokens(words, places, request.text):
                if word not in best or distance > best[word][0]:
                    best[word] = distance, window, token
        heads = tuple(best[word][1:] if word in best else None for word in range(len(words)))
        return _Words(tuple(rows) if words else (), heads, tuple(words), self._labels)

    def read(self, output: Any, rows: Sequence[Row]) -> list[tuple[int, ...]]:  # noqa: ARG002
        """The likeliest label of each token, one tuple a row."""
        return list(map(tuple, output.logits.float().argmax(dim=-1).tolist()))


def _as_tag(label: str, labels: Sequence[str]) -> str:
    """The label as a tag: a bare type beside ``O`` is one that goes on (``PER`` is ``I-PER``)."""
    bare = "O" in labels and not any(map(re.compile(r"[BIESLU]-").match, labels))
    return f"I-{label}" if bare and label != "O" else label


def _own_words(tokenizer: Any, text: str) -> tuple[Place, ...]:
    """The words into which the tokenizer splits a text before it makes tokens of them."""
    encoded = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False, verbose=False)
    words: dict[int, Place] = {}
    for word, (start, end) in zip(encoded.word_ids(), encoded["offset_mapping"], strict=True):
        while start < end and text[start].isspace():  # byte-level tokens begin with the blank
            start += 1
        if word is not None and start < end:
            words[word] = (words.get(word, (start, end))[0], end)
    return tuple(words.values())


def _first_tokens(
    words: Sequence[Place], places: Sequence[Place | None], text: str
) -> list[tuple[int, int, int]]:
    """(word, its first token, tokens to the nearer end of the window) of the words in a window."""
    found: list[tuple[int, int, int]] = []
    known = [(token, place) for token, place in enumerate(places) if place is not None]
    word = 0
    for token, (start, end) in known:
        while start < end and text[start].isspace():
            start += 1
        while word < len(words) and words[word][1] <= start:
            word += 1
        if word == len(words) or start >= end:
            continue
        begins = words[word][0]
        # The token that holds the word's first character; one cut off before it does not.
        if start <= begins < end and not (found and found[-1][0] == word):
            distance = min(token - known[0][0], known[-1][0] - token)
            found.append((word, token, distance))
    return found
