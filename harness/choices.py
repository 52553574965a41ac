"""Asking a model to choose among options, and reading its choice from what it answers."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from harness.types import Loglikelihood, Logprob, Response

LETTERS = string.ascii_uppercase

_LETTER_ALONE = re.compile(r"^\W*([A-Za-z])\W*$")
_LETTER_FIRST = re.compile(r"^\W*([A-Za-z])[.):]\W*(?:\s|$)")
_LETTER_SAID = re.compile(
    r"\b(?i:answer|option|choice)(?:\s+is)?\s*:?[\s*(\"']*([A-Z])\b(?!\s+[a-z]|['’])"
)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation + "’‘“”")


def loglikelihoods(prompt: str, answers: Sequence[str]) -> list[Loglikelihood]:
    """A request for each answer as the prompt's continuation, after one blank."""
    return [Loglikelihood(prompt, f" {answer}") for answer in answers]


def totals(responses: Sequence[Response]) -> list[float]:
    """The log-probabilities that answer ``loglikelihoods``, in nats."""
    return [response.total for response in responses if isinstance(response, Logprob)]


def best(scores: Sequence[float]) -> int:
    """The index of the highest score; the first of equal ones."""
    return max(range(len(scores)), key=scores.__getitem__)


def lettered(choices: Sequence[str]) -> str:
    """The options one a line, each after its letter: ``A. …``."""
    return "\n".join(
        f"{letter}. {choice}" for letter, choice in zip(LETTERS, choices, strict=False)
    )


def shows_options(template: str) -> bool:
    """Whether a template shows the ``options`` with their letters."""
    from jinja2 import Environment, TemplateSyntaxError, meta

    try:
        return "options" in meta.find_undeclared_variables(Environment().parse(template))
    except TemplateSyntaxError:
        return False


def normalize(text: str) -> str:
    """Lower case, without punctuation and the articles a, an, the; white space folded."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def letter(text: str, count: int) -> int | None:
    """The option that an answer names by its letter; None where it names none of ``count``.

    In this order: the letter alone (``B``, ``(b)``, ``B.``); the letter before the answer
    (``B. Paris``, ``(B) Paris``); the first capital letter said to be the answer (``The answer is
    B``, ``option B``) and not followed by a word in lower case, which "A" and "I" often are.
    """
    for pattern in (_LETTER_ALONE, _LETTER_FIRST, _LETTER_SAID):
        found = pattern.search(text)
        if found:
            index = LETTERS.index(found.group(1).upper())
            return index if index < count else None
    return None


def match(text: str, names: Sequence[Sequence[str]]) -> int | None:
    """The option that an answer names by its text; None where it names none or several.

    Texts are compared as ``normalize`` leaves them: first whole, then as runs of words inside
    the answer, where a name counts only if no longer option's name covers it.

    Args:
        text: The model's answer.
        names: For each option, the texts that name it.
    """
    answer = normalize(text)
    known = [[normalize(name) for name in option] for option in names]
    equal = {index for index, option in enumerate(known) if answer and answer in option}
    if not equal:
        equal = _mentioned(answer, known)
    return equal.pop() if len(equal) == 1 else None


def _mentioned(answer: str, known: Sequence[Sequence[str]]) -> set[int]:
    """The options whose names occur in the answer; longer names blot out shorter ones first."""
    owners: dict[str, set[int]] = {}
    for index, option in enumerate(known):
        for name in filter(None, option):
            owners.setdefault(name, set()).add(index)
    found: set[int] = set()
    rest = f" {answer} "
    for name in sorted(owners, key=lambda name: (-len(name), name)):
        if f" {name} " in rest:
            found |= owners[name]
            rest = rest.replace(f" {name} ", " \0 ")
    return found
