"""Encoders without a head: one vector a text, pooled from its tokens' last hidden states.

Checkpoints of ``sentence-transformers`` say how in ``modules.json`` and the pooling's
``config.json``, and how long a text may be in ``sentence_bert_config.json``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness.authoring.readers.text_files import read_json
from harness.errors import DataError, ModelError
from harness.types import Embed, Embedding, Request, Response
from harness_backends.hf.kinds.encoder import Row
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.settings import Settings

_MODES = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "last",
}
_KNOWN = ("Transformer", "Pooling", "Normalize")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a checkpoint's vectors are made.

    Attributes:
        pooling: ``mean``, ``cls``, ``max`` or ``last`` of a text's tokens.
        normalized: Whether vectors get the length 1.
        longest: Tokens of a text, where the checkpoint says.
    """

    pooling: str = "mean"
    normalized: bool = False
    longest: int | None = None

    @classmethod
    def of_folder(cls, folder: Path) -> Reading:
        """As a checkpoint of ``sentence-transformers`` says; the mean where it says nothing.

        Raises:
            ModelError: It has a further layer, or a pooling that is not known here.
        """
        pooling, normalized = "mean", False
        modules = _json(folder / "modules.json")
        for each in modules if isinstance(modules, list) else ():
            kind = str(each.get("type", "")).rpartition(".")[2] if isinstance(each, dict) else ""
            if kind not in _KNOWN:
                raise ModelError(
                    f"{folder} has a layer {kind or each!r} behind its encoder",
                    f"Those read here are {', '.join(_KNOWN)}.",
                )
            normalized |= kind == "Normalize"
            if kind == "Pooling":
                pooling = _pooling(folder / Path(str(each.get("path"))).name / "config.json")
        about = _json(folder / "sentence_bert_config.json")
        most = about.get("max_seq_length") if isinstance(about, dict) else None
        return cls(pooling, normalized, most if type(most) is int and most > 1 else None)


def _json(path: Path) -> Any:
    if not path.is_file():
        return None
    try:
        return read_json(path)
    except DataError as error:
        raise ModelError(str(error), "Save the checkpoint again.") from error


def _pooling(path: Path) -> str:
    config = _json(path)
    config = config if isinstance(config, dict) else {}
    named = [name for key, name in _MODES.items() if config.get(key) is True]
    others = [key for key, on in config.items() if key.startswith("pooling_mode_") and on is True]
    if isinstance(config.get("pooling_mode"), str):  # since sentence-transformers 5.2
        named, others = [str(config["pooling_mode"])], [""]
        named = [{"lasttoken": "last"}.get(each, each) for each in named]
    if len(named) != 1 or len(others) != 1 or named[0] not in _MODES.values():
        raise ModelError(
            f"{path} names no pooling that is known here",
            f"Say which it is: --set pooling={'|'.join(_MODES.values())}",
        )
    return named[0]


@dataclass(frozen=True, slots=True)
class _Text:
    rows: tuple[Row, ...]
    truncated: bool

    def answer(self, results: Sequence[tuple[float, ...]]) -> Response:
        """The vector."""
        return Embedding(results[0])


class EmbeddingHead:
    """Pools the last hidden states.

    Args:
        checkpoint: The model.
        settings: ``pooling`` and ``max_length``.

    Raises:
        ModelError: The checkpoint has a layer or a pooling that is not known here.
    """

    supports: frozenset[type] = frozenset({Embed})

    def __init__(self, checkpoint: Checkpoint, settings: Settings) -> None:
        self._tokenizer = checkpoint.tokenizer
        if getattr(checkpoint.model.config, "is_encoder_decoder", False):
            raise ModelError(
                f"{checkpoint.name} has a decoder, so its vectors are those of no text alone",
                "Take an encoder.",
            )
        if settings.pooling == "auto":
            self._reading = Reading.of_folder(checkpoint.folder)
        else:
            self._reading = Reading(settings.pooling)
        own = self._reading.longest if settings.max_length is None else None
        self._longest = min(checkpoint.max_length, own or checkpoint.max_length)

    @property
    def identity(self) -> Mapping[str, object]:
        """See ``Answerer``."""
        reading = self._reading
        return {
            "pooling": reading.pooling,
            "normalized": reading.normalized,
            "window": self._longest,
        }

    def check(self, requests: Sequence[Request]) -> None:
        """Any request of its type can be asked."""

    def question(self, request: Request) -> _Text:
        """See ``Head``; a text that is too long loses its end, as encoders are trained."""
        assert isinstance(request, Embed)
        encoded = self._tokenizer(request.text, verbose=False)
        too_long = len(encoded["input_ids"]) > self._longest
        if too_long:
            encoded = self._tokenizer(
                request.text, truncation=True, max_length=self._longest, verbose=False
            )
        row = Row(tuple(encoded["input_ids"]), tuple(encoded.get("token_type_ids", ())))
        return _Text((row,), too_long)

    def read(self, output: Any, rows: Sequence[Row]) -> list[tuple[float, ...]]:  # noqa: ARG002
        """One vector a row; rows of one pass are equally long, so nothing is padding."""
        states = output.last_hidden_state.float()
        match self._reading.pooling:
            case "cls":
                vectors = states[:, 0]
            case "last":
                vectors = states[:, -1]
            case "max":
                vectors = states.max(dim=1).values
            case _:
                vectors = states.mean(dim=1)
        if self._reading.normalized:
            vectors = torch.nn.functional.normalize(vectors, dim=1)
        return list(map(tuple, vectors.tolist()))
