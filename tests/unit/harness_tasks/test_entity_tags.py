"""Tags of every scheme become entities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness_tasks.entities.spans import Entity, of_tags, of_tokens

# --------------------------------------------------------------------------- tags


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-a I-a O B-b", [(0, 2, "a"), (3, 4, "b")]),  # IOB2
        ("B-a B-a I-a", [(0, 1, "a"), (1, 3, "a")]),
        ("I-a I-a O I-b", [(0, 2, "a"), (3, 4, "b")]),  # IOB1
        ("I-a B-a I-b", [(0, 1, "a"), (1, 2, "a"), (2, 3, "b")]),
        ("B-a I-a E-a S-b O", [(0, 3, "a"), (3, 4, "b")]),  # BIOES
        ("B-a L-a U-a U-a", [(0, 2, "a"), (2, 3, "a"), (3, 4, "a")]),  # BILOU
        ("B-a E-a I-a", [(0, 2, "a"), (2, 3, "a")]),
        ("O O", []),
        ("B-x-y I-x-y", [(0, 2, "x-y")]),
    ],
)
def test_tags_of_every_scheme(tags: str, expected: list[tuple[int, int, str]]) -> None:
    assert of_tags(tags.split()) == expected


spans = st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["O", "a", "b"])), max_size=8)
SCHEMES = {
    "IOB2": lambda kind, size: [f"B-{kind}", *[f"I-{kind}"] * (size - 1)],
    "BIOES": lambda kind, size: (
        [f"S-{kind}"] if size == 1 else [f"B-{kind}", *[f"I-{kind}"] * (size - 2), f"E-{kind}"]
    ),
}


@pytest.mark.parametrize("scheme", SCHEMES)
@given(made=spans)
def test_what_a_scheme_writes_comes_back(scheme: str, made: list[tuple[int, str]]) -> None:
    tags: list[str] = []
    expected = []
    for size, kind in made:
        if kind != "O":
            expected.append((len(tags), len(tags) + size, kind))
        tags += ["O"] * size if kind == "O" else SCHEMES[scheme](kind, size)
    assert of_tags(tags) == expected


@given(st.lists(st.sampled_from(["O", "B-a", "I-a", "E-b", "S-b", "B-b", "I-b", "L-a"])))
def test_any_tags_give_entities_that_do_not_overlap_and_leave_out_every_o(tags: list[str]) -> None:
    found = of_tags(tags)
    inside = [place for start, end, _ in found for place in range(start, end)]
    assert inside == [place for place, tag in enumerate(tags) if tag != "O"]


def test_entities_stand_where_their_tokens_do() -> None:
    tokens = ["In", "New", "York", "."]
    (entity,) = of_tokens(tokens, ["O", "B-x", "I-x", "O"])
    assert (entity, " ".join(tokens)[3:11]) == (Entity("New York", "x", 3, 11), "New York")
