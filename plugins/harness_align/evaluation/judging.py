"""Which of two answers is better, by a model that sees them in both orders."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from harness import ModelConfig, Registry, ask, open_model
from harness.authoring.answers import choices
from harness.types import (
    Completion,
    Generate,
    Loglikelihood,
    Logprob,
    Request,
    Response,
    Sampling,
)
from harness_align.evaluation.asking import TASK

QUESTION = """Here are a prompt and two answers to it.

Prompt: {prompt}

Answer A: {first}

Answer B: {second}

Which answer is better, A or B? The better one is"""
IN_WORDS = QUESTION.rpartition("The better one is")[0] + "Answer with that letter alone."
MAX_TOKENS = 512
"""Room for a judge that gives its reasons first."""


def preferences(
    model: ModelConfig,
    registry: Registry,
    prompts: Sequence[str],
    before: Sequence[str],
    after: Sequence[str],
) -> list[float | None]:
    """How often the second answer is preferred, per prompt: 0, ½ or 1.

    Each pair is judged in both orders, by the log-probabilities of " A" and " B", or by the
    letter that the judge writes where it gives no log-probabilities: a judge that follows the
    place of an answer gives ½ (Zheng et al. 2023, "Judging LLM-as-a-Judge", section 3.4). None
    where it failed, or wrote neither letter.

    Args:
        model: The judge.
        registry: The loaded plugins.
        prompts: What was answered.
        before: The base's answers.
        after: The candidate's.
    """
    requests: list[Request] = []
    in_words: list[Request] = []
    for prompt, old, new in zip(prompts, before, after, strict=True):
        for first, second in ((old, new), (new, old)):
            question = QUESTION.format(prompt=prompt, first=first, second=second)
            requests += [Loglikelihood(question, " A"), Loglikelihood(question, " B")]
            written = IN_WORDS.format(prompt=prompt, first=first, second=second)
            in_words.append(Generate(written, Sampling(MAX_TOKENS)))
    with closing(open_model(model, registry)) as judge:
        asked = requests if Loglikelihood in judge.supports else in_words
        answers = ask(judge, asked, task=TASK, cache=model.cache, name=model.model)
    step = len(answers) // len(prompts) if prompts else 1
    values: list[float | None] = []
    for start in range(0, len(answers), step):
        first_order = _second_wins(answers[start : start + step // 2])
        other_order = _second_wins(answers[start + step // 2 : start + step])
        if first_order is None or other_order is None:
            values.append(None)
        else:
            values.append((first_order + 1 - other_order) / 2)
    # A preference in one order only is no preference.
    return [None if value is None else 0.5 if 0 < value < 1 else value for value in values]


def _second_wins(answers: Sequence[Response]) -> float | None:
    """0, ½ or 1, from two log-probabilities or one text; None where it cannot be told."""
    match answers:
        case [Logprob(total=first), Logprob(total=second)]:
            return _better(second, first)
        case [Completion(text=text)]:
            chosen = choices.read(text, [["Answer A"], ["Answer B"]], lettered=True)
            return None if chosen is None else float(chosen)
    return None


def _better(one: float, other: float) -> float:
    return 0.5 if one == other else float(one > other)
