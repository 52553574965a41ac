"""The counterfactual probes, as they are registered; their words are read when one is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.protocols import Probe, ProbeOptions, ProbeSpec

if TYPE_CHECKING:
    from pydantic import BaseModel

    from harness_probes.counterfactual.swap import Swap

SUITE = ("counterfactual",)


def _swaps() -> dict[str, Swap]:
    from harness_probes.counterfactual import age, dialect, gender, names, terms
    from harness_probes.counterfactual.swap import Swap

    religions = terms.Terms(terms.FOLDER / "religion.txt", terms.RELIGIONS)
    nationalities = terms.Terms(terms.FOLDER / "nationality.txt", terms.NATIONALITIES)
    unsaid = "nothing that the varieties say otherwise"
    unknown = "no nationality named, or several"
    return {
        "gender_swap": Swap(gender.GROUPS, gender.swap, "no gendered word"),
        "name_swap": Swap(names.GROUPS, names.swap, "no known first name"),
        "dialect": Swap(dialect.GROUPS, dialect.swap, unsaid),
        "age": Swap(age.GROUPS, age.swap, "no word of age"),
        "religion": Swap(terms.RELIGIONS, religions, "no religion named, or several"),
        "nationality": Swap(terms.NATIONALITIES, nationalities, unknown, terms.PUT_IN),
    }


def _spec(name: str, description: str) -> ProbeSpec:
    def make(options: ProbeOptions) -> Probe:
        from harness_probes import settings
        from harness_probes.counterfactual.swap import SwapProbe

        own = _swaps()[name]
        groups = settings.groups(own.groups, own.default)
        chosen = settings.read(groups, options, name)["groups"]
        return SwapProbe(name, chosen, own.swap, own.nothing)

    def options() -> type[BaseModel]:
        from harness_probes import settings

        own = _swaps()[name]
        return settings.groups(own.groups, own.default)

    return ProbeSpec(name, description, make, SUITE, options)


SPECS = (
    _spec("gender_swap", "men become women and women men"),
    _spec("name_swap", "first names become those of other groups"),
    _spec("dialect", "said in African American and in British English"),
    _spec("age", "people become young, or old"),
    _spec("religion", "believers, houses and books of another religion"),
    _spec("nationality", "people and countries of another nationality"),
)
