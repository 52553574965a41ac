"""Rows that generate: their keys and values, and the attention of one decoding step.

Each active row owns a slot, a stretch of memory a layer, for the end of its prompt that it
shares with nobody and for what it generates. What rows share stays in segments of the prefix
tree, read once a step for all rows that descend from them:

    segment (two shots) ──┬── segment (passage 1) ──┬── slot: question 1 + answer
                          │                         └── slot: question 2 + answer
                          └── segment (passage 2) ───── slot: question 3 + answer

Slots of one width form a band, whose attention is one call. A row that fills its slot moves to
the next wider band, so that many short rows do not pay for a few long ones.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from harness_backends.hf.prefix_tree.attention import Rules, Segment, attend_block, join

NARROWEST, FEWEST = 64, 4
"""Tokens of a slot and slots of a band at least."""


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


def slot_width(tokens: int) -> int:
    """The width of a slot that holds ``tokens``: a power of two."""
    return max(NARROWEST, 1 << max(0, tokens - 1).bit_length())


class KVCache:
    """Keys and values of the active rows, and their attention."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._bands: dict[int, _Band] = {}
        self._step: _Step | None = None

    @property
    def rows(self) -> list[Row]:
        """The active rows, in the order in which a step feeds their tokens."""
        return [row for band in self._bands.values() for row in band.rows]

    def __len__(self) -> int:
        return sum(len(band.rows) for band in self._bands.values())

    # ---- rows come and go

    def add(self, row: Row, private: Sequence[Segment], expected: int = 1) -> None:
        """Gives ``row`` a slot that begins with the ``private`` segments' keys and values.

        It has room for ``expected`` tokens more.
        """
        band = self._band(slot_width(row.length + expected))
        band.rows.append(row)
        at = 0
        for segment in private:
            for layer, key in segment.keys.items():
                band.write(layer, at, key[0], segment.values[layer][0])
            at += segment.piece.end - segment.piece.start

    def remove(self, indices: Collection[int]) -> None:
        """Frees the slots of the rows that answer these items."""
        for band in self._bands.values():
            for place in reversed(range(len(band.rows))):
                if band.rows[place].index in indices:
                    band.remove(place)

    def _band(self, width: int) -> _Band:
        if width not in self._bands:
            self._bands[width] = _Band(width)
        return self._bands[width]

    # ---- one step: a token a row

    def begin_step(self) -> torch.Tensor:
        """Makes room for one more token in each slot; returns the tokens' positions [rows]."""
        for width in sorted(self._bands):
            band = self._bands[width]
            for place in reversed(range(len(band.rows))):
                if band.rows[place].length == width:
                    band.move(place, self._band(slot_width(width + 1)))
        self._step = _Step(self._bands.values(), self._device)
        for row in self.rows:
            row.length += 1
        return self._step.positions

    def layer(
        self, index: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rules: Rules
    ) -> torch.Tensor:
        """See ``Attention``; token i of the step belongs to row i."""
        step = self._step
        assert step is not None
        queries = query[0].transpose(0, 1)  # [rows, heads, width]
        parts = []
        for stripe in step.stripes:
            rows = slice(stripe.first, stripe.last)
            keys, values = stripe.band.append(
                index, stripe, key[0].transpose(0, 1)[rows], value[0].transpose(0, 1)[rows]
            )
            hidden = stripe.mask(rules.window, query.dtype)
            parts.append(attend_block(queries[rows, :, None], keys, values, rules, hidden))
        out = _one_after_the_other([part[:, :, 0] for part, _ in parts])
        total = _one_after_the_other([part[:, :, 0] for _, part in parts])
        for segment, members in step.shared:
            picked = queries[members].transpose(0, 1)[None]
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


class _Band:
    """Slots of one width: those of its rows are 0 … n − 1, and the last fills a gap."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.rows: list[Row] = []
        self._keys: dict[int, torch.Tensor] = {}
        self._values: dict[int, torch.Tensor] = {}

    def remove(self, place: int) -> None:
        """Frees a slot; the last row moves into it."""
        last = self.rows.pop()
        if not self.rows:
            self._keys.clear()
            self._values.clear()
        if place == len(self.rows):
            return
        self.rows[place] = last
        if last.length == 0:  # nothing of it is stored yet
            return
        for stored in (self._keys, self._values):
            for tensor in stored.values():
                tensor[place, :, : last.length] = tensor[len(self.rows), :, : last.length]

    def move(self, place: int, band: _Band) -> None:
        """Gives a row a slot in ``band`` instead."""
        row = self.rows[place]
        band.rows.append(row)
        for layer, keys in self._keys.items():
            values = self._values[layer]
            band.write(layer, 0, keys[place, :, : row.length], values[place, :, : row.length])
        self.remove(place)

    def write(self, layer: int, at: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Puts keys and values [heads, tokens, width] into the last row's slot."""
        place = len(self.rows) - 1
        for stored, new in ((self._keys, keys), (self._values, values)):
            self._room(stored, layer, new)[place, :, at : at + new.shape[1]] = new

    def append(
        self, layer: int, stripe: _Stripe, keys: torch.Tensor, values: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Adds a token's keys and values [rows, heads, width] to each slot.

        Returns:
            All keys and values, shape [rows, heads, longest, width].
        """
        found: list[torch.Tensor] = []
        for stored, new in ((self._keys, keys), (self._values, values)):
            tensor = self._room(stored, layer, new.transpose(0, 1))
            rows = tensor.view(-1, new.shape[2])
            rows.index_copy_(0, stripe.slots(new.shape[1]), new.reshape(-1, new.shape[2]))
            found.append(tensor[: len(self.rows), :, : stripe.longest])
        return found[0], found[1]

    def _room(
        self, stored: dict[int, torch.Tensor], layer: int, like: torch.Tensor
    ) -> torch.Tensor:
        """A layer's tensor with a slot for each row, heads and width as in [heads, tokens, width].

        It grows by a quarter, so that rows are copied seldom; on a CPU it doubles, as there room
        costs nothing until it is written.
        """
        before = stored.get(layer)
        if before is not None and len(before) >= len(self.rows):
            return before
        held = 0 if before is None else len(before)
        spare = held if like.device.type == "cpu" else held // 4
        rows = max(len(self.rows), FEWEST, held + spare)
        grown = _zeros((rows, like.shape[0], self.width, like.shape[2]), like)
        if before is not None:
            grown[: len(before)] = before
        stored[layer] = grown
        return grown


class _Stripe:
    """A band's rows in one step: tokens [first, last) of it."""

    def __init__(self, band: _Band, first: int, device: torch.device) -> None:
        self.band = band
        self.first, self.last = first, first + len(band.rows)
        self.places = torch.arange(len(band.rows), device=device)
        self.lengths = torch.tensor([row.length for row in band.rows], device=device)
        self.longest = max(row.length for row in band.rows) + 1
        self._slots: dict[int, torch.Tensor] = {}
        self._masks: dict[int | None, torch.Tensor] = {}

    def slots(self, heads: int) -> torch.Tensor:
        """Where each row's next key lies among those of all rows, heads and places; [rows × heads].

        An index of one dimension is written to in a fraction of the time that two take.
        """
        if heads not in self._slots:
            head = torch.arange(heads, device=self.places.device)
            place = (self.places[:, None] * heads + head) * self.band.width + self.lengths[:, None]
            self._slots[heads] = place.flatten()
        return self._slots[heads]

    def mask(self, window: int | None, dtype: torch.dtype) -> torch.Tensor:
        """Hides what lies beyond each row's length or outside the window; [rows, 1, 1, keys]."""
        if window not in self._masks:
            keys = torch.arange(self.longest, device=self.lengths.device)[None]
            hidden = keys > self.lengths[:, None]
            if window is not None:
                hidden |= self.lengths[:, None] - keys >= window
            self._masks[window] = _additive(hidden, dtype)[:, None, None]
        return self._masks[window]


class _Step:
    """What all layers of one step have in common."""

    def __init__(self, bands: Collection[_Band], device: torch.device) -> None:
        self._device = device
        self.stripes: list[_Stripe] = []
        rows: list[Row] = []
        for band in bands:
            if band.rows:
                self.stripes.append(_Stripe(band, len(rows), device))
                rows += band.rows
        self.positions = torch.tensor([row.offset + row.length for row in rows], device=device)
        members: dict[int, tuple[Segment, list[int]]] = {}
        for place, row in enumerate(rows):
            for segment in row.shared:
                members.setdefault(id(segment), (segment, []))[1].append(place)
        self.shared = [
            (segment, torch.tensor(places, device=device)) for segment, places in members.values()
        ]
        self._masks: dict[tuple[object, ...], torch.Tensor | None] = {}

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


def _one_after_the_other(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


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
