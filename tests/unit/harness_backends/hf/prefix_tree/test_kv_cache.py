"""The KV cache: as rows come, go and grow, each sees its own keys and those it shares."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness_backends.hf.prefix_tree.attention import Rules, Segment
from harness_backends.hf.prefix_tree.kv_cache import NARROWEST, KVCache, Row, slot_width
from harness_backends.hf.prefix_tree.packing import Piece

HEADS, KEY_HEADS, WIDTH = 4, 2, 8
RULES = Rules(scale=WIDTH**-0.5)


@given(st.integers(1, 5000))
def test_a_slot_is_less_than_twice_what_it_holds(tokens: int) -> None:
    width = slot_width(tokens)
    assert width >= tokens
    assert width < 2 * tokens or width == NARROWEST


@dataclass
class _Mirror:
    """A row's keys and values, kept in the plainest way."""

    row: Row
    keys: list[torch.Tensor] = field(default_factory=list)
    values: list[torch.Tensor] = field(default_factory=list)

    def attend(self, query: torch.Tensor, window: int | None) -> torch.Tensor:
        """One query [heads, width] over all keys, head by head."""
        keys = torch.cat(self.keys, 1).repeat_interleave(HEADS // KEY_HEADS, 0)
        values = torch.cat(self.values, 1).repeat_interleave(HEADS // KEY_HEADS, 0)
        products = (keys @ query[:, :, None])[:, :, 0] * RULES.scale
        if window is not None:
            products[:, : max(0, products.shape[1] - window)] = -torch.inf
        return (products.softmax(-1)[:, None] @ values)[:, 0]


def _segment(generator: torch.Generator, position: int, length: int) -> Segment:
    keys, values = (torch.randn(1, KEY_HEADS, length, WIDTH, generator=generator) for _ in "kv")
    return Segment(Piece(0, length, length), position, {0: keys}, {0: values})


@settings(deadline=None)  # the first call of a kernel takes its time
@given(
    st.integers(0, 2**31),
    st.lists(st.tuples(st.integers(0, 70), st.booleans()), min_size=1, max_size=6),
    st.lists(st.integers(0, 5), min_size=1, max_size=12),
    st.one_of(st.none(), st.integers(1, 90)),
)
def test_each_row_attends_as_if_it_were_alone(
    seed: int, prompts: list[tuple[int, bool]], leaving: list[int], window: int | None
) -> None:
    generator = torch.Generator().manual_seed(seed)
    shared = _segment(generator, 0, 5)
    cache, mirrors = KVCache(torch.device("cpu")), {}

    def enter(index: int, own: int, shares: bool) -> None:
        offset = 5 if shares else 0
        private = [_segment(generator, offset, own)] if own else []
        row = Row(index, (shared,) if shares else (), offset, own)
        mirror = mirrors[index] = _Mirror(row)
        for segment in ([shared] if shares else []) + private:
            mirror.keys.append(segment.keys[0][0])
            mirror.values.append(segment.values[0][0])
        cache.add(row, private)

    for index, (own, shares) in enumerate(prompts):
        enter(index, own, shares)
    for step, place in enumerate(leaving):
        positions = cache.begin_step()
        rows = cache.rows
        assert positions.tolist() == [row.offset + row.length - 1 for row in rows]
        query = torch.randn(1, HEADS, len(rows), WIDTH, generator=generator)
        key, value = (
            torch.randn(1, KEY_HEADS, len(rows), WIDTH, generator=generator) for _ in "kv"
        )
        out = cache.layer(0, query, key, value, Rules(RULES.scale, window=window))
        for token, row in enumerate(rows):
            mirror = mirrors[row.index]
            mirror.keys.append(key[0, :, token, None])
            mirror.values.append(value[0, :, token, None])
            expected = mirror.attend(query[0, :, token], window)
            torch.testing.assert_close(out[0, :, token], expected, rtol=1e-4, atol=1e-5)
        gone = rows[place % len(rows)].index
        cache.remove({gone})
        assert gone not in {row.index for row in cache.rows}
        enter(len(prompts) + step, own=place * 12, shares=place % 2 == 0)


def test_a_long_row_moves_on_and_short_ones_stay() -> None:
    cache = KVCache(torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    for index, own in enumerate((NARROWEST - 2, 1)):
        cache.add(Row(index, (), 0, own), [_segment(generator, 0, own)])
    widths = []
    for _ in range(4):
        cache.begin_step()
        new = torch.randn(1, KEY_HEADS, 2, WIDTH, generator=generator)
        cache.layer(0, new.repeat_interleave(2, 1), new, new, RULES)
        widths.append(
            {row.index: band.width for band in cache._bands.values() for row in band.rows}
        )
    assert widths[1] == {0: NARROWEST, 1: NARROWEST}
    assert widths[2] == {0: 2 * NARROWEST, 1: NARROWEST}
