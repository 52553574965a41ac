"""Rubrics: what a judge is asked about an answer, and on which scale.

A rubric's template is Jinja2 and shows the question, the answer and one criterion at a time; how to
answer is added behind it, as that depends on what the judge's backend gives (log-probabilities or
text). The parts that all criteria share come first, so that a backend computes them once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["score", "binary"]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing to judge; ``name`` is the metric's."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Rubric:
    """What is judged.

    Attributes:
        name: As ``--set judge.rubric`` names it.
        kind: ``score``: a number from ``low`` to ``high``; ``binary``: yes or no.
        criteria: Each one judged on its own.
        template: Jinja2 source.
        low: The scale's least value.
        high: Its greatest.
    """

    name: str
    kind: Kind
    criteria: tuple[Criterion, ...]
    template: str
    low: int = 1
    high: int = 5

    @property
    def sha256(self) -> str:
        """Hash of all that a judge sees of it; its name is not part of that."""
        from harness.authoring.io.serialization import canonical_hash

        data = asdict(self)
        del data["name"]
        return canonical_hash(data)


_HEAD = """\
You judge an answer. Judge it by the one criterion that is named, not by others, and not by its \
length.

"""
_TAIL = """\
# Criterion: {{ criterion }}
{{ description }}

"""
GENERAL = (
    _HEAD
    + """\
# Task
{{ input }}

{% if reference %}# Reference answer
{{ reference }}

{% endif %}# Answer
{{ answer }}

"""
    + _TAIL
)
SUMMARY = (
    _HEAD
    + """\
# Source text
{{ input }}

# Summary
{{ answer }}

"""
    + _TAIL
)
SUPPORT = (
    _HEAD
    + """\
# Customer's message
{{ input }}

{% if policy %}# Policy of the company
{{ policy }}

{% endif %}# Reply of the support
{{ answer }}

"""
    + _TAIL
)
CONTENT = (
    _HEAD
    + """\
# Brief
{{ input }}

{% if facts %}# Facts that are known
{{ facts }}

{% endif %}# Text
{{ answer }}

"""
    + _TAIL
)
TRANSLATION = (
    _HEAD
    + """\
# Source
{{ input }}

{% if reference %}# Reference translation
{{ reference }}

{% endif %}# Translation
{{ answer }}

"""
    + _TAIL
)
RUBRICS: Mapping[str, Rubric] = {
    each.name: each
    for each in (
        Rubric(
            "general",
            "score",
            (Criterion("quality", "How well does the answer do what the task asks?"),),
            GENERAL,
        ),
        Rubric(
            "summary",
            "score",
            (
                Criterion(
                    "coherence",
                    "The sentences build on each other and make one ordered text on the subject, "
                    "not a heap of related remarks.",
                ),
                Criterion(
                    "consistency",
                    "Everything that the summary says is said by the source text; nothing is "
                    "invented or changed.",
                ),
                Criterion(
                    "fluency",
                    "Each sentence is well formed: no errors of grammar, spelling, punctuation or "
                    "format that make it hard to read.",
                ),
                Criterion(
                    "relevance",
                    "It holds what matters most in the source text, and nothing that is beside the "
                    "point or said twice.",
                ),
            ),
            SUMMARY,
        ),
        Rubric(
            "support",
            "binary",
            (
                Criterion(
                    "resolves",
                    "Does the reply solve the customer's problem, or say what happens next so that "
                    "it will be solved?",
                ),
                Criterion(
                    "tone", "Is the reply polite, calm and clear, also where the customer is not?"
                ),
                Criterion(
                    "policy",
                    "Does the reply keep to the company's policy, and promise nothing that it does "
                    "not allow? Without a policy: does it promise nothing that it cannot know?",
                ),
            ),
            SUPPORT,
        ),
        Rubric(
            "content",
            "score",
            (
                Criterion("brief", "The text does all that the brief asks, and only that."),
                Criterion("tone", "The text has the tone and addresses the readers of the brief."),
                Criterion(
                    "facts", "What the text claims is true by the brief and by the facts known."
                ),
            ),
            CONTENT,
        ),
        Rubric(
            "translation",
            "score",
            (
                Criterion(
                    "adequacy",
                    "The translation says all that the source says, and nothing else.",
                ),
            ),
            TRANSLATION,
        ),
        Rubric(
            "reference",
            "binary",
            (
                Criterion(
                    "correct",
                    "Does the answer say the same as the reference answer? Other words and more "
                    "detail are fine; a contradiction, or an answer left out, is not.",
                ),
            ),
            GENERAL,
        ),
    )
}
PAIR = """\
You compare two answers to the same task. Prefer the one that does better what the task asks: all \
of it, correctly, and nothing else. Their order and their lengths mean nothing.

# Task
{{ input }}

{% if reference %}# Reference answer
{{ reference }}

{% endif %}# Answer A
{{ first }}

# Answer B
{{ second }}

"""
LLMBAR = """\
Below are an instruction and two answers to it. Decide which answer follows the instruction \
better: does it do what is asked, all of it and nothing else? Only then weigh how helpful, correct \
and harmless it is. The order of the answers means nothing.

# Instruction
{{ input }}

# Output (a)
{{ first }}

# Output (b)
{{ second }}

Which is better, Output (a) or Output (b)? Answer with its name alone."""
