"""What is asked, as the model reads it: to look at before a run."""

from __future__ import annotations

from collections.abc import Iterator

from harness.authoring.literal import echo
from harness.planned import Plan, PlannedSample
from harness.protocols import prompt_texts_of
from harness.run.rounds import later_rounds
from harness.run.rounds.roles import Roles
from harness.types import (
    MODEL,
    Ask,
    Classify,
    Completion,
    Embed,
    ExtractAnswer,
    Generate,
    KeyedRequest,
    Loglikelihood,
    Prompt,
    PseudoLoglikelihood,
    Request,
    Response,
    RollingLoglikelihood,
    Round,
    Tag,
)


def show(plan: Plan, roles: Roles, samples: int) -> None:
    """Prints the requests about the first samples of each task.

    In those of later rounds ``⟨…⟩`` takes the place of the answers before them; a line says so.

    Args:
        plan: What would be asked.
        roles: Who would be asked; where a backend does not tell what its model reads, the request
            is shown as the task makes it.
        samples: How many of each task.
    """
    for task in plan.tasks:
        asked = [planned for planned in task.planned if planned.is_sample][:samples]
        most = 1
        for planned in asked:
            for number, one in enumerate(_rounds(planned), start=1):
                most = max(most, number)
                for line in _lines(planned, number, one, roles):
                    echo(line)
        if most > 1:
            name = task.task.name
            echo(f"\n--- {name}: ⟨…⟩ stands for an answer; what is asked may depend on it")


def _rounds(planned: PlannedSample) -> Iterator[tuple[Ask, ...]]:
    """What each round asks about a sample, the answers before it being stand-ins."""
    asks = tuple(Ask(MODEL, each) for each in planned.requests)
    rounds: tuple[Round, ...] = ()
    asks = asks or later_rounds.asks_after(planned, rounds)
    while asks:
        yield asks
        rounds = (*rounds, Round(asks, tuple(_stand_ins(len(rounds) + 1, asks))))
        asks = later_rounds.asks_after(planned, rounds)


def _stand_ins(number: int, asks: tuple[Ask, ...]) -> Iterator[Response]:
    """Answers to a round, of which those in words say whose they are."""
    for place, ask in enumerate(asks, start=1):
        which = f"to request {place} of round {number}" if len(asks) > 1 else f"in round {number}"
        told = Completion(f"⟨what the {ask.role} says {which}⟩")
        yield told if isinstance(ask.request, Generate) else later_rounds.filler(ask.request)


def _lines(
    planned: PlannedSample, number: int, asks: tuple[Ask, ...], roles: Roles
) -> Iterator[str]:
    """The requests of one round."""
    name, sample = planned.task.name, planned.sample.id
    title = f"\n--- {name} {sample}" + (f", round {number}" if number > 1 else "")
    for place, ask in enumerate(asks, start=1):
        keyed = KeyedRequest(str(place), ask.request, name, sample)
        texts = prompt_texts_of(roles.answerer(ask.role).backend, [keyed])
        of = "" if ask.role == MODEL else f" of the {ask.role}"
        told = "as the model reads it" if texts else "as the task asks it"
        yield f"{title}, request {place} of {len(asks)}{of}, {told}"
        yield texts.get(keyed.key) or _plain(ask.request)
        if isinstance(ask.request, Generate):
            sampling = ask.request.sampling
            stops = ", ".join(map(repr, sampling.stop)) or "none"
            yield f"--- at most {sampling.max_tokens} tokens; stop strings: {stops}"


def _plain(request: Request) -> str:
    match request:
        case Generate(prompt, _):
            return _prompt(prompt)
        case Loglikelihood(context, continuation):
            return f"{_prompt(context)}⟦{continuation}⟧"
        case ExtractAnswer(question, context):
            return f"{context}\n\n{question}"
        case Classify(text, _, str(pair)):
            return f"{text}\n\n{pair}"
        case RollingLoglikelihood(text) | PseudoLoglikelihood(text, _):
            return f"⟦{text}⟧"
        case Classify(text, _) | Tag(text, _) | Embed(text):
            return text


def _prompt(prompt: Prompt) -> str:
    if isinstance(prompt, str):
        return prompt
    return "\n\n".join(f"[{turn.role}]\n{turn.content}" for turn in prompt)
