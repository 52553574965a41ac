from __future__ import annotations

import random

import numpy as np
import pytest

from harness.authoring.io import offsets
from harness.authoring.io.packed_ids import ItemsAt, PackedIds


@pytest.fixture
def names() -> list[str]:
    found = [f"sample-{number}-é" for number in range(500)] + ["", "\ud800"]
    random.Random(0).shuffle(found)
    return found


def test_ids_keep_their_order_and_places(names: list[str]) -> None:
    ids = PackedIds(names)
    assert list(ids) == names
    assert [ids.place(each) for each in names] == list(range(len(names)))
    assert ids.place("another") is None
    assert "another" not in ids
    assert (ids[-1], ids[1:3]) == (names[-1], names[1:3])


def test_an_id_is_added_once(names: list[str]) -> None:
    ids = PackedIds(names)
    assert ids.add(names[7]) == 7
    assert ids.add("another") == len(names) == len(ids) - 1


def test_equal_ids_in_another_order_are_not_equal(names: list[str]) -> None:
    assert PackedIds(names) == PackedIds(names)
    assert PackedIds(names) != PackedIds(names[::-1])
    assert PackedIds(["ab", "c"]) != PackedIds(["a", "bc"])


@pytest.mark.parametrize("places", [[5, 2, 9], np.array([5, 2, 9]), range(3)])
def test_some_of_them_are_looked_up(names: list[str], places: object) -> None:
    some = PackedIds(names).take(places)
    wanted = [names[place] for place in places]  # type: ignore[attr-defined]
    assert list(some) == wanted
    assert list(some.take([2, 0])) == [wanted[2], wanted[0]]
    assert list(ItemsAt(names, places)[1:]) == wanted[1:]


def test_ends_grow_where_four_bytes_are_too_few(
    names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = PackedIds(names)
    monkeypatch.setattr(offsets, "MOST", 1000)
    ids = PackedIds(names)
    assert (before._ends.itemsize, ids._ends.itemsize) == (4, 8)
    assert list(ids) == names
    assert [ids.place(each) for each in names] == list(range(len(names)))
    assert ids == before
