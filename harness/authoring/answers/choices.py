"""Asks a model to choose among options; ``reader`` reads what it generated."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence

from harness.types import Loglikelihood, Logprob, Prompt, Response

LETTERS = string.ascii_uppercase


def read(text: str, names: Sequence[Sequence[str]], lettered: bool = False) -> int | None:
    """The option that a generated answer names; see ``harness.authoring.answers.reader.read``."""
    # Its patterns would take a third of a listing's time.
    from harness.authoring.answers import reader

    return reader.read(text, names, lettered)


def loglikelihoods(prompt: Prompt, answers: Sequence[str]) -> list[Loglikelihood]:
    """A request for each answer as the prompt's continuation, after one blank."""
    return [Loglikelihood(prompt, f" {answer}") for answer in answers]


def totals(responses: Sequence[Response]) -> list[float]:
    """The log-probabilities that answer ``loglikelihoods``, in nats."""
    return [response.total for response in responses if isinstance(response, Logprob)]


def best(scores: Sequence[float]) -> int:
    """The index of the highest score; the first of equal ones."""
    return max(range(len(scores)), key=scores.__getitem__)


def softmax(totals: Sequence[float]) -> list[float]:
    """Probabilities from log-probabilities; they sum to 1. All equal where all are impossible."""
    top = max(totals)
    if top == -math.inf:
        return [1 / len(totals)] * len(totals)
    weights = [math.exp(total - top) for total in totals]
    whole = sum(weights)
    return [weight / whole for weight in weights]


def lettered(choices: Sequence[str]) -> str:
    """The options one a line, each after its letter: ``A. …``."""
    return "\n".join(
        f"{letter}. {choice}" for letter, choice in zip(LETTERS, choices, strict=False)
    )


def shows_options(template: str) -> bool:
    """Whether a template shows the ``options`` with their letters."""
    from jinja2 import Environment, TemplateSyntaxError, meta

    try:
        tree = Environment().parse(template)  # noqa: S701  (nothing is rendered)
        return "options" in meta.find_undeclared_variables(tree)
    except TemplateSyntaxError:
        return False


def next_question(template: str) -> tuple[str, ...]:
    """The stop string at which a model that goes on writing begins another question.

    It is the line end and the words with which the template begins; a template that begins with
    a variable has none.
    """
    words = template.partition("{")[0].strip().split("\n")[0].strip()
    return (f"\n{words}",) if words else ()
