"""Opinions about everyday things, with negation and concession."""

from __future__ import annotations

from dataclasses import dataclass

from demo_model.examples import Example, Source, sentence
from demo_model.words import PEOPLE, gender, possessive, pronoun

LABELS = ("negative", "positive")

THINGS = (
    "film", "book", "meal", "hotel", "concert", "trip", "service", "song", "story", "play",
    "coffee", "lesson", "party", "speech", "game", "ending", "acting", "room", "view", "garden",
    "museum", "tour", "dinner", "dance",
)  # fmt: skip
GOOD = (
    "wonderful", "excellent", "lovely", "brilliant", "charming", "delightful", "great", "superb",
    "good", "perfect", "pleasant", "beautiful", "amazing", "enjoyable", "impressive", "clever",
)  # fmt: skip
BAD = (
    "awful", "terrible", "boring", "dreadful", "poor", "dull", "horrible", "weak",
    "bad", "disappointing", "unpleasant", "ugly", "silly", "annoying", "pointless", "shabby",
)  # fmt: skip
PLAIN = (
    "The {thing} was {same}.",
    "The {thing} was really {same}.",
    "The {thing} was {same} and {same2}.",
    "What a {same} {thing}!",
    "I found the {thing} {same}.",
    "Honestly, the {thing} was {same} from start to finish.",
    "The {thing} was not {other}.",
    "The {thing} was never {other}.",
    "I did not find the {thing} {other}.",
    "The {thing} was anything but {other}.",
    "Although the {thing} began in a {other} way, it was {same} in the end.",
    "The {thing} looked {other} at first, but it turned out to be {same}.",
)
OF_A_PERSON = (
    "{name} said that the {thing} was {same}.",
    "{name} found the {thing} {same}.",
    "{name} told {possessive} friends that the {thing} was {same}.",
    "{name} did not think that the {thing} was {other}.",
    "{name} said that the {thing} was not {other}.",
    "For {name}, the {thing} was anything but {other}.",
    "{name} feared a {other} {thing}, but {pronoun} got a {same} one.",
)
STRONG = {
    "positive": (
        "{name} loved the {thing} and wants to come back soon.",
        "{name} enjoyed every minute of the {thing}.",
        "{name} was happy with the {thing} and smiled all evening.",
        "{name} could not stop praising the {thing}.",
    ),
    "negative": (
        "{name} hated the {thing} and went home early.",
        "{name} was bored by the {thing} and fell asleep.",
        "{name} was angry about the {thing} and wants {possessive} money back.",
        "{name} could not stop complaining about the {thing}.",
    ),
}


@dataclass(frozen=True, slots=True)
class Opinion:
    """A sentence, its label, and the gender of the person in it (None without one)."""

    text: str
    label: str
    gender: str | None


def opinion(source: Source) -> Opinion:
    """An opinion whose (frame, thing, word) lies on the source's side of the split."""
    label = source.pick(LABELS)
    same, other = (GOOD, BAD) if label == "positive" else (BAD, GOOD)
    name = source.pick(PEOPLE)
    kind = source.rng.random()
    frames = PLAIN if kind < 0.5 else OF_A_PERSON if kind < 0.85 else STRONG[label]

    frame, thing, (word, word2), opposed = source.draw(
        lambda: (
            source.pick(frames),
            source.pick(THINGS),
            source.rng.sample(same, k=2),
            source.pick(other),
        ),
        lambda made: (*made[:2], _telling(made[0], made[2][0], made[3], name)),
    )
    text = frame.format(
        thing=thing,
        same=word,
        same2=word2,
        other=opposed,
        name=name,
        possessive=possessive(name),
        pronoun=pronoun(name),
    )
    text = text.replace(" a a", " an a").replace(" a e", " an e").replace(" a i", " an i")
    text = text.replace(" a u", " an u")
    person = None if frames is PLAIN else gender(name)
    return Opinion(sentence(text), label, person)


def _telling(frame: str, same: str, other: str, name: str) -> str:
    """The word of a filled frame that goes into its combination for the split."""
    return same if "{same}" in frame else other if "{other}" in frame else name


def prompt(text: str) -> str:
    """The default template of the sentiment tasks."""
    return f"{text}\nQuestion: Is this sentence positive or negative?\nAnswer:"


def example(source: Source) -> Example:
    """One opinion to be labelled."""
    made = opinion(source)
    return Example("sentiment", prompt(made.text), made.label)
