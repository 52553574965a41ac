"""The robustness probes as they are registered; what one needs is imported when it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.authoring.options import lazily
from harness.protocols import Probe, ProbeOptions, ProbeSpec

if TYPE_CHECKING:
    from pydantic import BaseModel

    from harness_probes.text_probe import Editor, StrengthEditor

SUITE = ("robustness",)


def _graded(name: str, description: str, default: float) -> ProbeSpec:
    def make(options: ProbeOptions) -> Probe:
        from harness_probes.text_probe import by_strength

        return by_strength(name, _strength_editors()[name], options, default)

    def options() -> type[BaseModel]:
        from harness_probes import settings

        return settings.strength(default)

    return ProbeSpec(name, description, make, SUITE, options)


def _strength_editors() -> Mapping[str, StrengthEditor]:
    from harness_probes.robustness import spelling, surface, wording

    return {
        "typos": spelling.typos,
        "misspellings": spelling.misspellings,
        "homoglyphs": spelling.homoglyphs,
        "whitespace": surface.whitespace,
        "fillers": wording.fillers,
        "synonyms": wording.synonyms,
    }


def _of_kinds(name: str, description: str) -> ProbeSpec:
    def make(options: ProbeOptions) -> Probe:
        from harness_probes.text_probe import by_kind

        return by_kind(name, _editors_by_kind()[name], options)

    def options() -> type[BaseModel]:
        from harness_probes import settings

        return settings.kinds(tuple(_editors_by_kind()[name]))

    return ProbeSpec(name, description, make, SUITE, options)


def _editors_by_kind() -> Mapping[str, Mapping[str, Editor]]:
    from harness_probes.robustness import surface

    return {
        "case": surface.CASES,
        "punctuation": surface.PUNCTUATION,
        "contractions": surface.CONTRACTIONS,
    }


def _templates(options: ProbeOptions) -> Probe:
    from harness_probes.robustness import rewording

    return rewording.open_templates(options)


def _option_order(options: ProbeOptions) -> Probe:
    from harness_probes.robustness import rewording

    return rewording.open_option_order(options)


def _distractors(options: ProbeOptions) -> Probe:
    from harness_probes import settings
    from harness_probes.robustness import context

    return context.Distractors(
        settings.read(settings.Distractors, options, "distractors")["sentences"]
    )


def _padding(options: ProbeOptions) -> Probe:
    from harness_probes import settings
    from harness_probes.robustness import context

    return context.Padding(settings.read(settings.Padding, options, "padding")["words"])


def _paraphrase(options: ProbeOptions) -> Probe:
    from harness_probes.robustness import paraphrase

    return paraphrase.open_paraphrase(options)


SPECS = (
    _graded("typos", "slips on the keyboard", 0.1),
    _graded("misspellings", "common misspellings", 1.0),
    _graded("homoglyphs", "letters of another script that look alike", 0.1),
    _of_kinds("case", "small letters, capitals, Title Case"),
    _graded("whitespace", "several blanks, tabs, no-break spaces", 0.2),
    _of_kinds("punctuation", "marks dropped, the final one changed"),
    _of_kinds("contractions", "isn't written out, is not contracted"),
    _graded("fillers", "um, you know, like, between the words", 0.1),
    _graded("synonyms", "synonyms for common words", 0.5),
    ProbeSpec(
        "templates",
        "the task's other prompt templates, and the spread over them",
        _templates,
        SUITE,
        lazily("harness_probes.settings", "Templates"),
    ),
    ProbeSpec(
        "option_order",
        "the options of a question in other orders",
        _option_order,
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
        _paraphrase,
        options=lazily("harness_probes.settings", "Paraphrase"),
    ),
)
