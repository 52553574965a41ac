"""What is asked, as the model reads it: to look at before a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.authoring.literal import echo
from harness.planned import Plan, PlannedSample
from harness.protocols import prompt_texts_of
from harness.run.rounds import later_rounds
from harness.run.rounds.roles import Roles
from harness.types import (
    MODEL,
    Classify,
    Embed,
    ExtractAnswer,
    Generate,
    KeyedRequest,
    Loglikelihood,
    Prompt,
    PseudoLoglikelihood,
    Request,
    RollingLoglikelihood,
    Tag,
)


def show(plan: Plan, roles: Roles, samples: int) -> None:
    """Prints the requests about the first samples of each task that need no answer before them.

    Those that do are in later rounds; a line says which rounds these are, and who is asked.

    Args:
        plan: What would be asked.
        roles: Who would be asked; where a backend does not tell what its model reads, the request
            is shown as the task makes it.
        samples: How many of each task.
    """
    for task in plan.tasks:
        asked = [planned for planned in task.planned if planned.is_sample][:samples]
        for planned in asked:
            for line in _lines(task.task.name, planned, roles):
                echo(line)
        for line in _not_known(task.task.name, asked):
            echo(line)


def _lines(task: str, planned: PlannedSample, roles: Roles) -> Iterator[str]:
    first = _first_round(planned)
    for number, (role, each) in enumerate(first, start=1):
        texts = prompt_texts_of(roles.answerer(role).backend, [each])
        read = each.key in texts
        of = "" if role == MODEL else f" of the {role}"
        told = "as the model reads it" if read else "as the task asks it"
        yield f"\n--- {task} {planned.sample.id}, request {number} of {len(first)}{of}, {told}"
        yield texts[each.key] if read else _plain(each.request)
        if isinstance(each.request, Generate):
            sampling = each.request.sampling
            stops = ", ".join(map(repr, sampling.stop)) or "none"
            yield f"--- at most {sampling.max_tokens} tokens; stop strings: {stops}"


def _first_round(planned: PlannedSample) -> list[tuple[str, KeyedRequest]]:
    """(role, request) of the first round that is not empty."""
    if planned.requests:
        return [(MODEL, each) for each in planned.keyed]
    name, sample = planned.task.name, planned.sample.id
    return [
        (ask.role, KeyedRequest(str(place), ask.request, name, sample, place))
        for place, ask in enumerate(later_rounds.asks_after(planned, ()))
    ]


def _not_known(task: str, asked: Sequence[PlannedSample]) -> Iterator[str]:
    """Says of which rounds the prompts cannot be shown."""
    every = [later_rounds.bound(planned) for planned in asked]
    rounds = max(every, key=len, default=())
    if len(rounds) < 2:
        return
    roles = dict.fromkeys(each.role for one in every for later in one[1:] for each in later.asks)
    of = " and ".join(f"the {role}" for role in roles)
    which = "round 2" if len(rounds) == 2 else f"rounds 2 to {len(rounds)}"
    yield f"\n--- {task}, {which}, asked of {of}"
    yield "Not shown: these prompts depend on the answers before them."


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
