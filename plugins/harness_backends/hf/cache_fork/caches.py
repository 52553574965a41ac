"""A model's own cache (keys and values, recurrent states), copied for the branches of a prefix.

Two things differ between architectures and are found by trying, not looked up: whether a model
hands out what it remembers, and whether it goes on from there by several tokens at a time
(Mamba's and Jamba's reference code forgets its state unless fed one token).
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from harness_backends.hf.loading import Checkpoint

Cache: TypeAlias = Any
"""What a model remembers of its rows: a ``transformers`` cache, or a list of tensors (RWKV)."""

_KEYWORDS = ("past_key_values", "cache_params", "state")
_SHARED, _OWN = 7, 5
"""Tokens of the trial: before the fork and after it."""


class UnforkableError(RuntimeError):
    """The model keeps to itself what it remembers, or cannot go on from it."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a call gives: logits, shape [rows, positions kept, vocabulary], and the cache."""

    logits: torch.Tensor
    cache: Cache


class CachedModel:
    """Runs a model on copies of its cache.

    No row is padded on the left, so every row is at the same position, and what pads a
    shorter row on the right comes after all that is read: no mask is needed.

    Args:
        checkpoint: The model.

    Raises:
        UnforkableError: Continuing a copied cache does not give what the whole text gives.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._model = checkpoint.model
        self._device = checkpoint.device
        parameters = inspect.signature(self._model.forward).parameters
        known = [name for name in _KEYWORDS if name in parameters]
        if not known:
            raise UnforkableError(f"{type(self._model).__name__} takes no cache")
        self._keyword = known[0]
        self._keeps_logits = "logits_to_keep" in parameters
        self._takes_positions = "position_ids" in parameters
        self.chunks = True
        """Whether a cache is continued by several tokens in a call."""
        self._fixed = self._per_token = 0.0
        self._try()

    def row_bytes(self, length: int) -> int:
        """What a row's cache takes; windows that forget are not accounted for."""
        return int(self._fixed + self._per_token * length)

    def run(self, ids: torch.Tensor, cache: Cache | None, length: int, first: int) -> Step:
        """Feeds tokens.

        Args:
            ids: Shape [rows, tokens].
            cache: What came before, for the same rows; it is changed. None for a beginning.
            length: How many tokens a row of ``cache`` holds.
            first: The first of ``ids`` whose logits are wanted.
        """
        width = ids.shape[1]
        if cache is None or self.chunks or width == 1:
            return self._call(ids, cache, length, first)
        logits: list[torch.Tensor] = []
        for place in range(width):
            step = self._call(ids[:, place : place + 1], cache, length + place, 0)
            cache = step.cache
            if place >= first:
                logits.append(step.logits)
        return Step(torch.cat(logits, dim=1), cache)

    def fork(self, cache: Cache, rows: Sequence[int]) -> Cache:
        """A cache whose row ``i`` is a copy of ``cache``'s row ``rows[i]``."""
        return _select(cache, torch.tensor(rows, device=self._device))

    def _call(self, ids: torch.Tensor, cache: Cache | None, length: int, first: int) -> Step:
        width = ids.shape[1]
        arguments: dict[str, Any] = {"input_ids": ids.to(self._device), "use_cache": True}
        if cache is not None:
            arguments[self._keyword] = cache
        if self._takes_positions:
            positions = torch.arange(length, length + width, device=self._device)
            arguments["position_ids"] = positions.expand(len(ids), -1)
        if self._keeps_logits:
            arguments["logits_to_keep"] = torch.arange(first, width, device=self._device)
        output = self._model(**arguments)
        grown = getattr(output, self._keyword, None)
        if grown is None:
            raise UnforkableError(f"{type(self._model).__name__} hands out no cache")
        return Step(output.logits if self._keeps_logits else output.logits[:, first:], grown)

    # ---- the trial

    @torch.inference_mode()
    def _try(self) -> None:
        """Two rows on one beginning, against the same rows as a whole."""
        vocabulary = self._model.config.get_text_config().vocab_size
        ids = torch.arange(3, 3 + 2 * (_SHARED + _OWN)).reshape(2, -1) % vocabulary
        ids[1, :_SHARED] = ids[0, :_SHARED]
        expected = self._call(ids, None, 0, _SHARED).logits.float()
        start = self._call(ids[:1, :_SHARED], None, 0, _SHARED - 1).cache
        self._fit(start, self._call(ids[:1], None, 0, _SHARED).cache)
        error: dict[bool, float] = {}
        for self.chunks in (False, True):
            found = self.run(ids[:, _SHARED:], self.fork(start, [0, 0]), _SHARED, 0).logits
            error[self.chunks] = float((found.float() - expected).abs().max())
        size = torch.finfo(self._model.dtype).eps * float(expected.abs().max())
        # In half precision a forgotten state may look like rounding: it must not be much
        # further off than single tokens are.
        self.chunks = error[True] <= max(4 * error[False], 8 * size)
        if not error[False] <= 1000 * size:
            raise UnforkableError(f"its continued cache gives logits {error[False]:.2g} off")

    def _fit(self, short: Cache, long: Cache) -> None:
        """Learns what a cache takes from those of two lengths."""
        sizes = [
            sum(tensor.numel() * tensor.itemsize for tensor in _tensors(cache))
            for cache in (short, long)
        ]
        self._per_token = (sizes[1] - sizes[0]) / _OWN
        self._fixed = sizes[0] - self._per_token * _SHARED


def _select(cache: Cache, rows: torch.Tensor) -> Cache:
    """Copies rows; the tensors of ``cache`` stay as they are."""
    if isinstance(cache, torch.Tensor):
        return cache.index_select(0, rows)
    if isinstance(cache, list | tuple):
        return type(cache)(_select(part, rows) for part in cache)
    if not hasattr(cache, "layers") or not hasattr(cache, "reorder_cache"):
        raise UnforkableError(f"{type(cache).__name__} cannot be copied row by row")
    copied = copy.copy(cache)
    copied.layers = [_shallow(layer) for layer in cache.layers]
    # Made for beam search: each layer replaces its tensors by the rows chosen.
    copied.reorder_cache(rows)
    return copied


def _shallow(layer: Any) -> Any:
    copied = copy.copy(layer)
    for name, value in vars(layer).items():
        if isinstance(value, dict):  # recurrent states by number
            setattr(copied, name, dict(value))
    return copied


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    """All tensors within a cache."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)
    elif hasattr(value, "layers"):
        for layer in value.layers:
            yield from _tensors(vars(layer))
