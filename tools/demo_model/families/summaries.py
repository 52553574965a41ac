"""News items whose summary says their first sentence, and two details, in fewer words."""

from __future__ import annotations

from dataclasses import dataclass

from demo_model.examples import Example, Source, sentence
from demo_model.words import DAYS, MONTHS, NUMBERS, PEOPLE, TOWNS, possessive

ACTORS = (
    "the town council", "a small bakery", "the old school", "the fire brigade", "the museum",
    "a group of students", "the football club", "the library", "a local farmer", "the hospital",
    "the city theatre", "a young artist", "the swimming club", "the music school",
)  # fmt: skip
ACTIONS = (
    "opened a new playground", "repaired the old bridge", "planted a hundred trees",
    "bought a second bus", "painted the station blue", "collected money for a new roof",
    "won the national prize", "closed the north road", "found a lost painting",
    "started a free language course", "built a wooden tower", "cleaned the river bank",
    "gave bicycles to the children", "cooked a meal for the whole town",
    "sold the empty factory", "showed a film in the park", "saved a horse from the water",
    "baked the longest bread of the country", "moved into a new house",
    "printed a map for visitors",
)  # fmt: skip
LEADS = (
    "{actor} in {town} {action} on {day}, the local paper said.",
    "{actor} in {town} {action} on {day} after months of hard work.",
    "On {day}, {actor} in {town} {action} in front of many guests.",
    "It is now official that {actor} in {town} {action} on {day}.",
)
DETAILS = (
    (
        "According to the mayor, the plan cost {n} thousand euros in total.",
        "The plan cost {n} thousand euros.",
    ),
    (
        "More than {n} people came to watch, although it was raining all day.",
        "More than {n} people came to watch.",
    ),
    (
        "{name}, who lives very close by, said that it was a good day for the town.",
        "{name} said that it was a good day for the town.",
    ),
    (
        "The work took {n} weeks, which was a little longer than expected.",
        "The work took {n} weeks.",
    ),
    (
        "If everything goes well, a second part will follow in {month}.",
        "A second part will follow in {month}.",
    ),
    (
        "{name} came with {possessive} whole family and took many pictures.",
        "{name} took many pictures.",
    ),
)
FILLERS = (
    "Some neighbours were worried about the noise.",
    "There was music and free coffee for everybody.",
    "Visitors are welcome every morning.",
    "The weather was better than in the week before.",
    "Nobody knows yet what will come next.",
)


@dataclass(frozen=True, slots=True)
class Item:
    """A news item with its summary in one sentence and in three."""

    document: str
    one_sentence: str
    three_sentences: str


def item(source: Source) -> Item:
    """A news item whose (who, where, what) lies on the source's side of the split."""
    actor, town, action = source.draw(
        lambda: (source.pick(ACTORS), source.pick(TOWNS), source.pick(ACTIONS)),
        lambda parts: ("news", *parts),
    )
    lead = source.pick(LEADS).format(actor=actor, town=town, action=action, day=source.pick(DAYS))
    details = []
    for long, short in source.rng.sample(DETAILS, k=2):
        name = source.pick(PEOPLE)
        values = {
            "n": source.pick(NUMBERS),
            "name": name,
            "possessive": possessive(name),
            "month": source.pick(MONTHS),
        }
        details.append((long.format(**values), short.format(**values)))
    body = [details[0][0], details[1][0]]
    body.insert(source.rng.randint(0, 2), source.pick(FILLERS))
    short_lead = sentence(f"{actor} in {town} {action}.")
    return Item(
        " ".join([sentence(lead), *body]),
        short_lead,
        " ".join([short_lead, details[0][1], details[1][1]]),
    )


def prompt(document: str, sentences: int) -> str:
    """The default template of the summarization tasks."""
    plural = "s" if sentences > 1 else ""
    request = f"Summarize the above article in {sentences} sentence{plural}."
    return f"###\nArticle: {document}\n\n{request}\n"


def example(source: Source) -> Example:
    """One news item; one in three asks for three sentences."""
    made = item(source)
    if source.chance(1 / 3):
        return Example("summary", prompt(made.document, 3), made.three_sentences)
    return Example("summary", prompt(made.document, 1), made.one_sentence)
