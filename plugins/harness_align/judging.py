"""Which of two answers is better, by a model that is asked in both orders."""

from __future__ import annotations

from collections.abc import Sequence

from harness.config import RunSpec
from harness.plugins import Registry
from harness.types import Loglikelihood
from harness_align import asking

QUESTION = """Here are a prompt and two answers to it.

Prompt: {prompt}

Answer A: {first}

Answer B: {second}

Which answer is better, A or B? The better one is"""


def preferences(
    spec: RunSpec,
    registry: Registry,
    prompts: Sequence[str],
    before: Sequence[str],
    after: Sequence[str],
) -> list[float | None]:
    """How often the second answer is preferred, per prompt: 0, ½ or 1.

    Each pair is asked about in both orders, by the log-probabilities of " A" and " B": a judge
    that follows the place of an answer gives ½ (Zheng et al. 2023, "Judging LLM-as-a-Judge",
    section 3.4).

    Args:
        spec: ``model`` is the judge.
        registry: The loaded plugins.
        prompts: What was answered.
        before: The base's answers.
        after: The candidate's.
    """
    requests = []
    for prompt, old, new in zip(prompts, before, after, strict=True):
        for first, second in ((old, new), (new, old)):
            question = QUESTION.format(prompt=prompt, first=first, second=second)
            requests += [Loglikelihood(question, " A"), Loglikelihood(question, " B")]
    answers = asking.logprobs(spec, registry, requests)
    values: list[float | None] = []
    for start in range(0, len(answers), 4):
        four = [each.total for each in answers[start : start + 4] if each is not None]
        if len(four) < 4:
            values.append(None)
            continue
        old_a, new_b, new_a, old_b = four
        values.append((_better(new_b, old_a) + _better(new_a, old_b)) / 2)
    # A preference in one order only is no preference.
    return [None if value is None else 0.5 if 0 < value < 1 else value for value in values]


def _better(one: float, other: float) -> float:
    return 0.5 if one == other else float(one > other)
