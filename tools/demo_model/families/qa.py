"""Questions about short passages whose answers stand in the passage, word for word."""

from __future__ import annotations

from dataclasses import dataclass

from demo_model.examples import Example, Source, sentence
from demo_model.words import (
    COLOURS,
    DAYS,
    FOODS,
    INSTRUMENTS,
    JOBS,
    LANGUAGES,
    MONTHS,
    PEOPLE,
    PETS,
    ROOMS,
    TOWNS,
    YEARS,
)

UNANSWERABLE = "unanswerable"
"""What the model says where the passage does not tell, as the few-shot examples of squad_v2 do."""


@dataclass(frozen=True, slots=True)
class Relation:
    """How a kind of fact is stated and asked; ``{s}`` is its subject, ``{v}`` its value."""

    name: str
    values: tuple[str, ...]
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    reverse: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """Subjects of one kind with what can be said about them."""

    titles: tuple[str, ...]
    subjects: tuple[str, ...]
    relations: tuple[Relation, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A relation between a subject and a value."""

    subject: str
    relation: Relation
    value: str


@dataclass(frozen=True, slots=True)
class Question:
    """``answer`` is empty where the passage does not tell; ``subject`` is whom it is about."""

    text: str
    answer: str
    subject: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage and everything that may be asked about it."""

    title: str
    context: str
    questions: tuple[Question, ...]
    unanswerable: tuple[Question, ...]


PEOPLE_TOPIC = Topic(
    ("Our street", "The neighbours", "Old friends", "The new class"),
    PEOPLE,
    (
        Relation(
            "lives",
            TOWNS,
            ("{s} lives in {v}.", "{s} has a small flat in {v}.", "The home of {s} is in {v}."),
            ("Where does {s} live?", "In which town does {s} live?", "Where is the home of {s}?"),
            ("Who lives in {v}?", "Who has a home in {v}?"),
        ),
        Relation(
            "works",
            JOBS,
            ("{s} works as a {v}.", "{s} is a {v}.", "{s} became a {v}."),
            ("What does {s} work as?", "What is the job of {s}?", "Which job does {s} have?"),
            ("Who works as a {v}?", "Who is the {v}?"),
        ),
        Relation(
            "pet",
            PETS,
            ("{s} has a {v}.", "{s} keeps a {v}.", "The pet of {s} is a {v}."),
            ("Which pet does {s} have?", "What animal does {s} keep?", "What is the pet of {s}?"),
            ("Who has a {v}?", "Who keeps a {v}?"),
        ),
        Relation(
            "eats",
            FOODS,
            ("{s} likes to eat {v}.", "The favourite food of {s} is {v}.", "{s} often eats {v}."),
            ("What does {s} like to eat?", "What is the favourite food of {s}?"),
            ("Who likes to eat {v}?", "Who often eats {v}?"),
        ),
        Relation(
            "plays",
            INSTRUMENTS,
            ("{s} plays the {v}.", "{s} is learning the {v}.", "{s} practises the {v} every day."),
            ("Which instrument does {s} play?", "What does {s} play?"),
            ("Who plays the {v}?", "Who practises the {v}?"),
        ),
        Relation(
            "born",
            YEARS,
            ("{s} was born in {v}.", "{s} came into the world in {v}."),
            ("When was {s} born?", "In which year was {s} born?"),
            ("Who was born in {v}?",),
        ),
        Relation(
            "speaks",
            LANGUAGES,
            ("{s} speaks {v}.", "{s} speaks {v} at home.", "{s} knows {v} well."),
            ("Which language does {s} speak?", "What language does {s} know?"),
            ("Who speaks {v}?", "Who knows {v}?"),
        ),
    ),
)

TOWNS_TOPIC = Topic(
    ("A guide to towns", "Towns and people", "The travel book"),
    TOWNS,
    (
        Relation(
            "mayor",
            PEOPLE,
            ("The mayor of {s} is {v}.", "In {s}, the mayor is called {v}."),
            ("Who is the mayor of {s}?", "What is the mayor of {s} called?"),
            ("Which town has {v} as its mayor?",),
        ),
        Relation(
            "famous",
            FOODS,
            ("{s} is famous for its {v}.", "Many people visit {s} because of its {v}."),
            ("What is {s} famous for?", "Why do many people visit {s}?"),
            ("Which town is famous for its {v}?",),
        ),
        Relation(
            "bridge",
            YEARS,
            ("The bridge in {s} was built in {v}.", "{s} got its bridge in {v}."),
            ("When was the bridge in {s} built?", "In which year did {s} get its bridge?"),
            ("Which town got its bridge in {v}?",),
        ),
        Relation(
            "festival",
            MONTHS,
            ("The festival of {s} takes place in {v}.", "{s} has its festival in {v}."),
            ("When does the festival of {s} take place?", "In which month is the festival of {s}?"),
            ("Which town has its festival in {v}?",),
        ),
        Relation(
            "market",
            DAYS,
            ("The market in {s} opens on {v}.", "{s} has a market on {v}."),
            ("On which day does the market in {s} open?", "When is the market in {s}?"),
            ("Which town has a market on {v}?",),
        ),
    ),
)

THINGS_TOPIC = Topic(
    ("The big house", "Lost and found", "Moving day"),
    (
        "the lamp",
        "the ladder",
        "the basket",
        "the clock",
        "the mirror",
        "the umbrella",
        "the suitcase",
        "the hammer",
        "the carpet",
        "the bicycle",
        "the radio",
        "the blanket",
        "the camera",
        "the kettle",
    ),
    (
        Relation(
            "room",
            ROOMS,
            ("{s} is in the {v}.", "{s} stands in the {v}.", "You can find {s} in the {v}."),
            ("Where is {s}?", "In which room is {s}?", "Where can you find {s}?"),
            ("What is in the {v}?", "What stands in the {v}?"),
        ),
        Relation(
            "owner",
            PEOPLE,
            ("{s} belongs to {v}.", "The owner of {s} is {v}."),
            ("Who owns {s}?", "Who does {s} belong to?", "Who is the owner of {s}?"),
            ("What belongs to {v}?", "What does {v} own?"),
        ),
        Relation(
            "colour",
            COLOURS,
            ("{s} is {v}.", "The colour of {s} is {v}.", "{s} was painted {v}."),
            ("What colour is {s}?", "What is the colour of {s}?"),
            ("What is {v}?",),
        ),
        Relation(
            "bought",
            TOWNS,
            ("{s} was bought in {v}.", "{s} comes from {v}."),
            ("Where was {s} bought?", "Where does {s} come from?"),
            ("What was bought in {v}?", "What comes from {v}?"),
        ),
    ),
)

EVENTS_TOPIC = Topic(
    ("The week", "What is on", "News from the club"),
    (
        "the concert",
        "the dance",
        "the meeting",
        "the race",
        "the exam",
        "the book fair",
        "the play",
        "the dinner",
        "the lesson",
        "the picnic",
        "the chess game",
        "the quiz",
    ),
    (
        Relation(
            "day",
            DAYS,
            ("{s} is on {v}.", "{s} takes place on {v}.", "{s} was moved to {v}."),
            ("When is {s}?", "On which day is {s}?", "When does {s} take place?"),
            ("What is on {v}?", "What takes place on {v}?"),
        ),
        Relation(
            "town",
            TOWNS,
            ("{s} is held in {v}.", "People travel to {v} for {s}."),
            ("Where is {s} held?", "In which town is {s} held?"),
            ("What is held in {v}?",),
        ),
        Relation(
            "leader",
            PEOPLE,
            ("{v} leads {s}.", "{s} was planned by {v}."),
            ("Who leads {s}?", "Who planned {s}?"),
            ("What does {v} lead?", "What was planned by {v}?"),
        ),
        Relation(
            "food",
            FOODS,
            ("At {s}, guests get {v}.", "Guests can eat {v} at {s}."),
            ("What do guests get at {s}?", "What can you eat at {s}?"),
            ("Where do guests get {v}?", "Where can guests eat {v}?"),
        ),
    ),
)

TOPICS = (PEOPLE_TOPIC, TOWNS_TOPIC, THINGS_TOPIC, EVENTS_TOPIC)


def _facts(source: Source, topic: Topic, count: int) -> list[Fact]:
    """Facts with no (subject, relation) and no (relation, value) twice."""
    few = source.rng.sample(topic.subjects, k=min(count, 3))
    subjects = few[: source.rng.randint(min(2, count), len(few))]
    relations = source.rng.sample(topic.relations, k=min(len(topic.relations), count))
    relations = relations[: source.rng.randint(1 if len(subjects) >= count else 2, len(relations))]
    while len(subjects) * len(relations) < count:
        subjects = few
        relations = source.rng.sample(topic.relations, k=2)
    pairs = [(subject, relation) for subject in subjects for relation in relations]
    used: set[tuple[str, str]] = set()
    facts = []
    for subject, relation in source.rng.sample(pairs, k=count):
        options = [
            value
            for value in relation.values
            if source.allows(subject, relation.name, value) and (relation.name, value) not in used
        ]
        if not options:
            continue
        value = source.pick(options)
        used.add((relation.name, value))
        facts.append(Fact(subject, relation, value))
    return facts


def _without_article(text: str) -> str:
    return text.removeprefix("the ")


def passage(source: Source, count: int, topic: Topic | None = None) -> Passage:
    """A passage of up to ``count`` facts (2 to 4), of any topic by default."""
    topic = topic or source.pick(TOPICS)
    facts: list[Fact] = []
    while len(facts) < 2:
        facts = _facts(source, topic, count)
    context = " ".join(
        sentence(source.pick(fact.relation.statements).format(s=fact.subject, v=fact.value))
        for fact in facts
    )
    questions = []
    for fact in facts:
        asked = source.pick(fact.relation.questions).format(s=fact.subject)
        questions.append(Question(asked, fact.value, fact.subject))
        asked = source.pick(fact.relation.reverse).format(v=fact.value)
        questions.append(Question(asked, _without_article(fact.subject), fact.subject))
    unanswerable = []
    told = {(fact.subject, fact.relation.name) for fact in facts}
    for relation in topic.relations:
        for subject in {fact.subject: None for fact in facts}:
            if (subject, relation.name) not in told:
                asked = source.pick(relation.questions).format(s=subject)
                unanswerable.append(Question(asked, "", subject))
    source.rng.shuffle(questions)
    source.rng.shuffle(unanswerable)
    title = source.pick(topic.titles)
    return Passage(title, context, tuple(questions), tuple(unanswerable))


def prompt(title: str, context: str, question: str) -> str:
    """The default template of the question-answering tasks."""
    heading = f"Title: {title}\n\n" if title else ""
    return f"{heading}Background: {context}\n\nQuestion: {question}\n\nAnswer:"


def dialogue(source: Source, count: int | None = None, questions: int = 1) -> list[Example]:
    """Up to ``questions`` questions about one passage, the first with the passage before it.

    One question in twelve has no answer.
    """
    made = passage(source, count or source.pick((2, 3, 3, 4)))
    title = made.title if source.chance(0.7) else ""
    asked: list[Example] = []
    for question in made.questions[:questions]:
        if made.unanswerable and source.chance(1 / 12):
            question = source.pick(made.unanswerable)
        text = prompt(title, made.context, question.text) if not asked else follow_up(question.text)
        asked.append(Example("qa", text, question.answer or UNANSWERABLE))
    return asked


def follow_up(question: str) -> str:
    """A further question about the same passage."""
    return f"Question: {question}\n\nAnswer:"


def example(source: Source) -> Example:
    """One question about one passage."""
    return dialogue(source)[0]
