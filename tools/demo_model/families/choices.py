"""Everyday knowledge as multiple choice, and which sentence goes on with an activity."""

from __future__ import annotations

from dataclasses import dataclass

from demo_model.examples import Example, Source, sentence
from demo_model.words import PEOPLE, possessive, pronoun


@dataclass(frozen=True, slots=True)
class Topic:
    """Ways to ask (``{x}`` is what the question is about) and the facts: x → answer."""

    name: str
    questions: tuple[str, ...]
    facts: dict[str, str]


TOPICS = (
    Topic(
        "tool",
        (
            "What do you use to {x}?",
            "Which thing helps you to {x}?",
            "You want to {x}. What do you take?",
            "What do people need to {x}?",
            "Somebody has to {x}. What is needed?",
            "What is the right thing to {x}?",
            "With what can you {x}?",
        ),
        {
            "cut bread": "a knife",
            "open a locked door": "a key",
            "write a letter": "a pen",
            "eat soup": "a spoon",
            "stay dry in the rain": "an umbrella",
            "see at night": "a lamp",
            "tell the time": "a clock",
            "sweep the floor": "a broom",
            "sew a shirt": "a needle",
            "boil water": "a kettle",
            "reach a high shelf": "a ladder",
            "cross the lake": "a boat",
            "hit a nail": "a hammer",
            "take a picture": "a camera",
            "dry wet hair": "a towel",
            "sleep in the forest": "a tent",
            "carry apples home": "a basket",
            "dig a hole": "a spade",
            "see small things": "a magnifying glass",
            "brush teeth": "a toothbrush",
            "wash dirty hands": "a piece of soap",
            "find the way in a city": "a map",
            "draw a straight line": "a ruler",
            "light a fire": "a match",
        },
    ),
    Topic(
        "animal",
        (
            "Which animal {x}?",
            "What kind of animal {x}?",
            "There is an animal that {x}. Which one is it?",
            "Can you name an animal that {x}?",
            "I am thinking of an animal that {x}. What is it?",
            "Children ask which animal {x}. What is the answer?",
        ),
        {
            "barks at strangers": "a dog",
            "catches mice": "a cat",
            "gives milk": "a cow",
            "lays eggs": "a hen",
            "makes honey": "a bee",
            "lives in water": "a fish",
            "has a long neck": "a giraffe",
            "carries a house on its back": "a snail",
            "hunts at night and can turn its head": "an owl",
            "hops and has long ears": "a rabbit",
            "pulls a cart": "a horse",
            "spins a web": "a spider",
            "sings in the morning": "a bird",
            "gives us wool": "a sheep",
            "eats bamboo": "a panda",
            "has a trunk": "an elephant",
        },
    ),
    Topic(
        "opposite",
        (
            "What is the opposite of {x}?",
            "Which word means the opposite of {x}?",
            "Not {x} at all: which word is it?",
            "If something is not {x}, what may it be?",
            "Name the opposite of {x}.",
            "The opposite of {x} is which word?",
        ),
        {
            "hot": "cold",
            "big": "small",
            "old": "young",
            "long": "short",
            "early": "late",
            "full": "empty",
            "wet": "dry",
            "heavy": "light",
            "loud": "quiet",
            "rich": "poor",
            "open": "closed",
            "clean": "dirty",
            "fast": "slow",
            "hard": "soft",
            "bright": "dark",
            "strong": "weak",
            "thick": "thin",
            "cheap": "expensive",
            "happy": "sad",
            "near": "far",
        },
    ),
    Topic(
        "place",
        (
            "Which place do you visit to {x}?",
            "Which place is the right one to {x}?",
            "Somebody wants to {x}. Which place is best?",
            "What is a good place to {x}?",
            "In which place do people {x}?",
            "If you want to {x}, which place do you need?",
        ),
        {
            "borrow a book": "the library",
            "buy fresh bread": "the bakery",
            "see a doctor": "the hospital",
            "catch a train": "the station",
            "catch a plane": "the airport",
            "watch a film": "the cinema",
            "learn to read": "the school",
            "see old paintings": "the museum",
            "swim in summer": "the lake",
            "send a parcel": "the post office",
            "get some money": "the bank",
            "eat out in the evening": "the restaurant",
            "see lions and monkeys": "the zoo",
            "buy medicine": "the pharmacy",
            "hear an orchestra": "the concert hall",
            "get a haircut": "the hairdresser",
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Activity:
    """Openings and endings that fit each other; ``{name}``, ``{they}``, ``{their}``."""

    name: str
    openings: tuple[str, ...]
    endings: tuple[str, ...]


def _activity(name: str, openings: str, endings: str) -> Activity:
    return Activity(name, tuple(openings.split(" | ")), tuple(endings.split(" | ")))


ACTIVITIES = (
    _activity(
        "Making tea",
        "{name} fills the kettle with water. | {name} puts tea leaves into a pot.",
        "pours the hot water over the leaves. | waits until the tea is strong. "
        "| drinks the tea with milk.",
    ),
    _activity(
        "Baking a cake",
        "{name} mixes flour, sugar and eggs. | {name} reads the recipe for a cake.",
        "puts the cake into the oven. | pours the dough into a round form. "
        "| decorates the cake with cream.",
    ),
    _activity(
        "Washing the car",
        "{name} parks the car beside the house. | {name} fetches a sponge and soap.",
        "rubs the wheels with a sponge. | sprays water over the windows. "
        "| dries the roof of the car.",
    ),
    _activity(
        "Gardening",
        "{name} walks into the garden with a spade. | {name} digs a hole in the ground.",
        "plants a small tree. | waters the flowers. | pulls out the weeds.",
    ),
    _activity(
        "Painting a wall",
        "{name} opens a bucket of paint. | {name} covers the floor with old paper.",
        "dips the brush into the paint. | paints the wall from top to bottom. "
        "| waits until the wall is dry.",
    ),
    _activity(
        "Playing football",
        "{name} runs onto the field with the team. | {name} gets the ball from a friend.",
        "kicks the ball into the goal. | passes the ball to the left side. "
        "| celebrates the goal with the team.",
    ),
    _activity(
        "Swimming",
        "{name} puts on a cap and goggles. | {name} stands at the edge of the pool.",
        "jumps into the water. | swims to the other side of the pool. "
        "| climbs out and takes a towel.",
    ),
    _activity(
        "Cutting hair",
        "{name} puts a cloth around the customer. | {name} combs the wet hair.",
        "cuts the hair with sharp scissors. | shows the new haircut in a mirror. "
        "| sweeps the hair from the floor.",
    ),
    _activity(
        "Playing the guitar",
        "{name} sits down with the guitar. | {name} tunes the strings.",
        "plays a slow song. | sings along with the guitar. | strums the first chords.",
    ),
    _activity(
        "Fishing",
        "{name} rows the boat to the middle of the lake. | {name} sits quietly by the river.",
        "throws the line into the river. | pulls a big fish out. | puts a worm on the hook.",
    ),
)


@dataclass(frozen=True, slots=True)
class Item:
    """A question and the choices, the right one at ``answer``."""

    question: str
    choices: tuple[str, ...]
    answer: int


def _shuffled(source: Source, right: str, wrong: list[str]) -> tuple[tuple[str, ...], int]:
    choices = [right, *wrong]
    source.rng.shuffle(choices)
    return tuple(choices), choices.index(right)


def knowledge(source: Source) -> Item:
    """A question with four choices of one kind; (wording, fact) keeps to its side."""
    topic = source.pick(TOPICS)
    wording, fact = source.draw(
        lambda: (source.pick(topic.questions), source.pick(tuple(topic.facts))),
        lambda made: (topic.name, *made),
    )
    right = topic.facts[fact]
    others = [answer for answer in topic.facts.values() if answer != right]
    choices, answer = _shuffled(source, right, source.rng.sample(others, k=3))
    return Item(wording.format(x=fact), choices, answer)


def continuation(source: Source) -> Item:
    """An activity's opening with four endings; (name, opening) keeps to its side."""
    activity = source.pick(ACTIVITIES)
    name, opening = source.draw(
        lambda: (source.pick(PEOPLE), source.pick(activity.openings)), lambda made: made
    )
    ending = source.pick(activity.endings)
    others = [other for other in ACTIVITIES if other is not activity]
    wrong = [source.pick(other.endings) for other in source.rng.sample(others, k=3)]
    choices, answer = _shuffled(source, ending, wrong)
    words = {"name": name, "they": pronoun(name), "their": possessive(name)}
    question = f"{activity.name}: {opening.format(**words)} {sentence(pronoun(name))}"
    return Item(question, choices, answer)


def prompt(question: str) -> str:
    """The default template of ``multiple_choice``; ``hellaswag`` gives the bare question."""
    return f"Question: {question}\nAnswer:"


def example(source: Source) -> Example:
    """A question of either kind with its right choice."""
    if source.chance(0.6):
        made = knowledge(source)
        return Example("choices", prompt(made.question), made.choices[made.answer])
    made = continuation(source)
    return Example("continuation", made.question, made.choices[made.answer])
