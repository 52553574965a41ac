"""The robustness probes, as they are registered."""

from __future__ import annotations

from collections.abc import Callable

from harness.protocols import Probe, ProbeOptions, ProbeSpec
from harness_probes import settings
from harness_probes.robustness import context, paraphrase, rewording, spelling, surface, wording
from harness_probes.text_probe import (
    FIELDS,
    STRENGTH,
    Editor,
    StrengthEditor,
    by_kind,
    by_strength,
)

SUITE = ("robustness",)


def _graded(name: str, description: str, edit: StrengthEditor, default: float) -> ProbeSpec:
    def make(options: ProbeOptions) -> Probe:
        return by_strength(name, edit, options, default)

    options = {"strength": f"{STRENGTH['strength']} (default {default:g})", **FIELDS}
    return ProbeSpec(name, description, make, SUITE, options)


def _of_kinds(name: str, description: str, editors: Callable[[], dict[str, Editor]]) -> ProbeSpec:
    def make(options: ProbeOptions) -> Probe:
        return by_kind(name, editors(), options)

    options = {"kinds": f"some of {', '.join(editors())} (default all)", **FIELDS}
    return ProbeSpec(name, description, make, SUITE, options)


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
        rewording.TEMPLATE_OPTIONS,
    ),
    ProbeSpec(
        "option_order",
        "the options of a question in other orders",
        rewording.open_option_order,
        SUITE,
        rewording.ORDER_OPTIONS,
    ),
    ProbeSpec(
        "distractors",
        "sentences that have nothing to do with the question, in its context",
        lambda options: context.Distractors(settings.counts(options, "sentences", (2,))),
        SUITE,
        {"sentences": "how many sentences; several make levels: 1,2,4 (default 2)"},
    ),
    ProbeSpec(
        "padding",
        "a long text about nothing before the context or input",
        lambda options: context.Padding(settings.counts(options, "words", (200,))),
        SUITE,
        {"words": "words of padding; several make levels: 200,1000 (default 200)"},
    ),
    ProbeSpec(
        "paraphrase",
        "the same in other words, written by a model or from a file",
        paraphrase.open_paraphrase,
        options=paraphrase.OPTIONS,
    ),
)
