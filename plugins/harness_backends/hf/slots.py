"""Rows that generate: their keys and values, and the attention of one decoding step.

Each active row owns a slot, a stretch of memory a layer, for the end of its prompt that it
shares with nobody and for what it generates. What rows share stays in segments of the prefix
tree, read once a step for all rows that descend from them:

    segment (two shots) ──┬── segment (passage 1) ──┬── slot: question 1 + answer
                          │                         └── slot: question 2 + answer
                          └── segment (passage 2) ───── slot: question 3 + answer

Active rows are always slots 0 … n − 1; when one leaves, the last takes its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from harness_backends.hf.attention import Rules, Segment, attend_block, join


@dataclass(slots=True)
class Row:
    """One generation under way.

    Attributes:
        index: Which item it answers.
        shared: Segments of its prompt that it shares, in order.
        offset: The position of its slot's first token.
        length: Tokens in its slot.
    """

    index: int
    shared: tuple[Segment, ...]
    offset: int
    length: int


class Slots:
    """Keys and values of the active rows, and their attention.

    Args:
        rows: How many rows can be active.
        width: The most tokens a slot holds.
        device: Where the model is.
    """

    def __init__(self, rows: int, width: int, device: torch.device) -> None:
        self.rows: list[Row] = []
        self._capacity = rows
        self._width = width
        self._device = device
        self._keys: dict[int, torch.Tensor] = {}
        self._values: dict[int, torch.Tensor] = {}
        self._step: _Step | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def free(self) -> int:
        """How many rows can be added."""
        return self._capacity - len(self.rows)

    # ---- rows come and go

    def add(self, row: Row, private: Sequence[Segment]) -> None:
        """Gives ``row`` a slot that begins with the ``private`` segments' keys and values."""
        place = len(self.rows)
        self.rows.append(row)
        at = 0
        for segment in private:
            for layer, key in segment.keys.items():
                keys, values = self._storage(layer, key, segment.values[layer])
                keys[place, :, at : at + key.shape[2]] = key[0]
                values[place, :, at : at + key.shape[2]] = segment.values[layer][0]
            at += segment.piece.end - segment.piece.start

    def remove(self, place: int) -> None:
        """Frees a slot; the last row moves into it."""
        last = self.rows.pop()
        if place == len(self.rows):
            return
        self.rows[place] = last
        for stored in (self._keys, self._values):
            for tensor in stored.values():
                tensor[place, :, : last.length] = tensor[len(self.rows), :, : last.length]

    def _storage(
        self, layer: int, key: torch.Tensor, value: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if layer not in self._keys:
            for stored, like in ((self._keys, key), (self._values, value)):
                shape = (self._capacity, like.shape[1], self._width, like.shape[3])
                stored[layer] = _zeros(shape, like)
        return self._keys[layer], self._values[layer]

    # ---- one step: a token a row

    def begin_step(self) -> torch.Tensor:
        """Makes room for one more token in each slot; returns the tokens' positions [rows]."""
        self._step = _Step(self.rows, self._device)
        for row in self.rows:
            row.length += 1
        return self._step.positions

    def layer(
        self, index: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rules: Rules
    ) -> torch.Tensor:
        """See ``Attention``; token i of the step belongs to row i."""
        step = self._step
        assert step is not None
        keys, values = self._storage(index, key, value)
        keys[step.places, :, step.lengths] = key[0].transpose(0, 1)
        values[step.places, :, step.lengths] = value[0].transpose(0, 1)
        count, longest = len(step.places), step.longest
        out, total = attend_block(
            query[0].transpose(0, 1)[:, :, None],
            keys[:count, :, :longest],
            values[:count, :, :longest],
            rules,
            step.slot_mask(rules.window, query.dtype),
        )
        out, total = out[:, :, 0], total[:, :, 0]  # [rows, heads, width], [rows, heads]
        for segment, members in step.shared:
            picked = query[0].transpose(0, 1)[members].transpose(0, 1)[None]
            mask = step.segment_mask(segment, members, rules.window, query.dtype)
            more, more_total = attend_block(
                picked, segment.keys[index], segment.values[index], rules, mask
            )
            if mask is not None:
                more_total = more_total.masked_fill(torch.isinf(mask).all(-1), -math.inf)
            part, part_total = out[members], total[members]
            join(part, part_total, more[0].transpose(0, 1), more_total[0].transpose(0, 1))
            out[members], total[members] = part, part_total
        return out.transpose(0, 1)[None]


class _Step:
    """What all layers of one step have in common."""

    def __init__(self, rows: Sequence[Row], device: torch.device) -> None:
        self._device = device
        self.places = torch.arange(len(rows), device=device)
        self.lengths = torch.tensor([row.length for row in rows], device=device)
        self._offsets = torch.tensor([row.offset for row in rows], device=device)
        self.positions = self._offsets + self.lengths
        self.longest = max(row.length for row in rows) + 1
        members: dict[int, tuple[Segment, list[int]]] = {}
        for place, row in enumerate(rows):
            for segment in row.shared:
                members.setdefault(id(segment), (segment, []))[1].append(place)
        self.shared = [
            (segment, torch.tensor(places, device=device)) for segment, places in members.values()
        ]
        self._masks: dict[tuple[object, ...], torch.Tensor | None] = {}

    def slot_mask(self, window: int | None, dtype: torch.dtype) -> torch.Tensor:
        """Hides what lies beyond each row's length or outside the window; [rows, 1, 1, keys]."""
        name = ("slots", window)
        if name not in self._masks:
            keys = torch.arange(self.longest, device=self._device)[None]
            hidden = keys > self.lengths[:, None]
            if window is not None:
                hidden |= self.lengths[:, None] - keys >= window
            self._masks[name] = _additive(hidden, dtype)[:, None, None]
        mask = self._masks[name]
        assert mask is not None
        return mask

    def segment_mask(
        self, segment: Segment, members: torch.Tensor, window: int | None, dtype: torch.dtype
    ) -> torch.Tensor | None:
        """Hides what lies outside the window; [members, keys], None where nothing does."""
        if window is None:
            return None
        name = (id(segment), window)
        if name not in self._masks:
            first = segment.position
            length = segment.piece.end - segment.piece.start
            keys = torch.arange(first, first + length, device=self._device)[None]
            hidden = self.positions[members][:, None] - keys >= window
            self._masks[name] = _additive(hidden, dtype) if bool(hidden.any()) else None
        return self._masks[name]


def _additive(hidden: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return torch.zeros(hidden.shape, dtype=dtype, device=hidden.device).masked_fill(
        hidden, -math.inf
    )


def _zeros(shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
    """Zeros, as what a mask hides still meets a weight of 0, and 0 · NaN is NaN.

    On a CPU they come from the system, which gives memory only to what is written;
    ``torch.zeros`` would write all of it.
    """
    if like.device.type != "cpu":
        return torch.zeros(shape, dtype=like.dtype, device=like.device)
    raw = np.zeros(math.prod(shape) * like.dtype.itemsize, np.uint8)
    return torch.from_numpy(raw).view(like.dtype).view(shape)
