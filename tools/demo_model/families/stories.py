"""Short plain stories for perplexity."""

from __future__ import annotations

from demo_model.examples import Example, Source, sentence
from demo_model.words import DAYS, FOODS, PEOPLE, PETS, TOWNS, possessive, pronoun

BEGINNINGS = (
    "On {day}, {name} went to the market in {town}.",
    "{name} took the early train to {town} on {day}.",
    "It was a cold {day} when {name} came to {town}.",
    "Last {day}, {name} had a free day in {town}.",
)
MIDDLES = (
    "{They} bought some {food} for {their} mother.",
    "{They} met an old friend and they talked for an hour.",
    "{They} saw a {pet} under a tree and gave it some {food}.",
    "In the park, a {pet} ran after {their} hat.",
    "There {they} ate {food} in a small restaurant.",
    "{They} had lost {their} keys, but a child found them.",
    "The rain began, so {they} waited in a bookshop.",
)
ENDINGS = (
    "In the evening, {they} was tired but happy.",
    "At night, {they} told {their} family about the day.",
    "When {they} came home, the {pet} was waiting at the door.",
    "It was the best day of the week.",
)


def story(source: Source) -> str:
    """Four or five sentences about one person; (name, town, beginning) keeps to its side."""
    name, town, beginning = source.draw(
        lambda: (source.pick(PEOPLE), source.pick(TOWNS), source.pick(BEGINNINGS)),
        lambda made: ("story", *made),
    )
    middles = source.rng.sample(MIDDLES, k=source.rng.randint(2, 3))
    return " ".join(
        line.format(
            name=name,
            town=town,
            day=source.pick(DAYS),
            food=source.pick(FOODS),
            pet=source.pick(PETS),
            they=pronoun(name),
            They=sentence(pronoun(name)),
            their=possessive(name),
        )
        for line in (beginning, *middles, source.pick(ENDINGS))
    )


def example(source: Source) -> Example:
    """A story as plain text."""
    return Example("story", "", story(source))
