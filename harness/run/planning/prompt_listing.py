"""What is asked, as the model reads it: to look at before a run."""

from __future__ import annotations

from collections.abc import Iterator

from harness.authoring.literal import echo
from harness.planned import Plan, PlannedSample
from harness.protocols import ModelBackend, prompt_texts_of
from harness.types import (
    Classify,
    Embed,
    ExtractAnswer,
    Generate,
    Loglikelihood,
    Prompt,
    PseudoLoglikelihood,
    Request,
    RollingLoglikelihood,
    Tag,
)


def show(plan: Plan, backend: ModelBackend, samples: int) -> None:
    """Prints the first round's requests about the first samples of each task.

    Args:
        plan: What would be asked.
        backend: Who would be asked; where it does not tell what its model reads, the request is
            shown as the task makes it.
        samples: How many of each task.
    """
    for task in plan.tasks:
        asked = [planned for planned in task.planned if planned.is_sample][:samples]
        for planned in asked:
            for line in _lines(task.task.name, planned, backend):
                echo(line)


def _lines(task: str, planned: PlannedSample, backend: ModelBackend) -> Iterator[str]:
    keyed = list(planned.keyed)
    texts = prompt_texts_of(backend, keyed)
    for number, each in enumerate(keyed, start=1):
        read = each.key in texts
        told = "as the model reads it" if read else "as the task asks it"
        yield f"\n--- {task} {planned.sample.id}, request {number} of {len(keyed)}, {told}"
        yield texts[each.key] if read else _plain(each.request)
        if isinstance(each.request, Generate):
            sampling = each.request.sampling
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
