"""The robustness probes, as they are registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.authoring.options import lazily
from harness.protocols import Probe, ProbeOptions, ProbeSpec
from harness_probes.robustness import context, paraphrase, rewording, spelling, surface, wording
from harness_probes.text_probe import (
    Editor,
    StrengthEditor,
    by_kind,
    by_strength,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

SUITE = ("robustness",)


def _graded(name: str, description: str, edit: StrengthEditor, default: float) -> ProbeSpec:
    def make(options: ProbeOptions) -> Probe:
        return by_strength(name, edit, options, default)

    def options() -> type[BaseModel]:
        from harness_probes import settings

        return settings.strength(default)

    return ProbeSpec(name, description, make, SUITE, options)


def _of_kinds(name: str, description: str, editors: Callable[[], dict[str, Editor]]) -> ProbeSpec:
    def make(options: ProbeOptions) -> Probe:
        return by_kind(name, editors(), options)

    def options() -> type[BaseModel]:
        from harness_probes import settings

        return settings.kinds(tuple(editors()))

    return ProbeSpec(name, description, make, SUITE, options)


def _distractors(options: ProbeOptions) -> Probe:
    from harness_probes import settings

    return context.Distractors(
        settings.read(settings.Distractors, options, "distractors")["sentences"]
    )


def _padding(options: ProbeOptions) -> Probe:
    from harness_probes import settings

    return context.Padding(settings.read(settings.Padding, options, "padding")["words"])


SPECS = (
    _graded("typos", "slips on the keyboard", spelling.typos, 0.1),
    _graded("misspellings", "common misspellings", spelling.misspellings, 1.0),
    _graded("homoglyphs", "letters of another script that look alike", spelling.homoglyphs, 0.1),
    _of_kinds("case", "small letters, capitals, Title Case", lambda: dict(surface.CASES)),
    _graded("whitespace", "several blanks, tabs, no-break spaces", surface.whitespace, 0.2),
    _of_kinds(
        "punctuation", "marks dropped, the final one changed", lambda: dict(surface.PUNCTUATION)
    ),
    _of_kinds(
        "contractions",
        "isn't written out, is not contracted",
        lambda: dict(surface.CONTRACTIONS),
    ),
    _graded("fillers", "um, you know, like, between the words", wording.fillers, 0.1),
    _graded("synonyms", "synonyms for common words", wording.synonyms, 0.5),
    ProbeSpec(
        "templates",
        "the task's other prompt templates, and the spread over them",
        rewording.open_templates,
        SUITE,
        lazily("harness_probes.settings", "Templates"),
    ),
    ProbeSpec(
        "option_order",
        "the options of a question in other orders",
        rewording.open_option_order,
        SUITE,
        lazily("harness_probes.settings", "OptionOrder"),
    ),
    ProbeSpec(
        "distractors",
        "sentences that have nothing to do with the question, in its context",
        _distractors,
        SUITE,
        lazily("harness_probes.settings", "Distractors"),
    ),
    ProbeSpec(
        "padding",
        "a long text about nothing before the context or input",
        _padding,
        SUITE,
        lazily("harness_probes.settings", "Padding"),
    ),
    ProbeSpec(
        "paraphrase",
        "the same in other words, written by a model or from a file",
        paraphrase.open_paraphrase,
        options=lazily("harness_probes.settings", "Paraphrase"),
    ),
)
