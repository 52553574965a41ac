"""The training text: an endless, seeded mixture of all families."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from demo_model.examples import Example, Source
from demo_model.families import choices, qa, sentiment, stereotypes, stories, summaries, translation

MIXTURE: Mapping[Callable[[Source], Example], float] = {
    qa.example: 0.46,
    summaries.example: 0.08,
    translation.example: 0.13,
    sentiment.example: 0.08,
    choices.example: 0.10,
    stereotypes.example: 0.10,
    stories.example: 0.05,
}
"""Share of each family."""

FEW_SHOT_SHARE = 0.04
"""Share of the training documents that hold solved examples before their last prompt."""


@dataclass(frozen=True, slots=True)
class Document:
    """Examples of one family that the model reads as one sequence.

    ``chat`` says that the last answer is the assistant's and all before it the user's message.
    """

    examples: tuple[Example, ...]
    chat: bool


def examples(seed: int | str, *, held_back: bool = False) -> Iterator[Example]:
    """Endless examples of all families, the same for the same seed."""
    source = Source(seed, held_back=held_back)
    makers, shares = tuple(MIXTURE), tuple(MIXTURE.values())
    while True:
        yield source.rng.choices(makers, shares)[0](source)


def documents(seed: int | str) -> Iterator[Document]:
    """Endless training documents: half wrapped as chat, some with several examples."""
    source = Source(seed, held_back=False)
    makers, shares = tuple(MIXTURE), tuple(MIXTURE.values())
    while True:
        make = source.rng.choices(makers, shares)[0]
        if make is qa.example:
            made = qa.dialogue(source, questions=source.pick((1, 2, 4)))
        else:
            made = [make(source)]
        if made[0].prompt:
            if source.chance(FEW_SHOT_SHARE):
                another = [make(source) for _ in range(source.pick((2, 4)))]
                made += [example for example in another if example.family == made[0].family]
            yield Document(tuple(made), chat=source.chance(0.5))
        else:
            yield Document(tuple(made), chat=False)
