"""The counterfactual probes, as they are registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.protocols import Probe, ProbeOptions, ProbeSpec
from harness_probes.counterfactual import age, dialect, gender, names, terms
from harness_probes.counterfactual.swap import Swapper, SwapProbe

if TYPE_CHECKING:
    from pydantic import BaseModel

SUITE = ("counterfactual",)


def _spec(
    name: str,
    description: str,
    groups: tuple[str, ...],
    swap: Swapper,
    nothing: str,
    default: tuple[str, ...] = (),
) -> ProbeSpec:
    def make(options: ProbeOptions) -> Probe:
        from harness_probes import settings

        chosen = settings.read(settings.groups(groups, default), options, name)["groups"]
        return SwapProbe(name, chosen, swap, nothing)

    def options() -> type[BaseModel]:
        from harness_probes import settings

        return settings.groups(groups, default)

    return ProbeSpec(name, description, make, SUITE, options)


SPECS = (
    _spec(
        "gender_swap",
        "men become women and women men",
        gender.GROUPS,
        gender.swap,
        "no gendered word",
    ),
    _spec(
        "name_swap",
        "first names become those of other groups",
        names.GROUPS,
        names.swap,
        "no known first name",
    ),
    _spec(
        "dialect",
        "said in African American and in British English",
        dialect.GROUPS,
        dialect.swap,
        "nothing that the varieties say otherwise",
    ),
    _spec("age", "people become young, or old", age.GROUPS, age.swap, "no word of age"),
    _spec(
        "religion",
        "believers, houses and books of another religion",
        terms.RELIGIONS,
        terms.Terms(terms.FOLDER / "religion.txt", terms.RELIGIONS),
        "no religion named, or several",
    ),
    _spec(
        "nationality",
        "people and countries of another nationality",
        terms.NATIONALITIES,
        terms.Terms(terms.FOLDER / "nationality.txt", terms.NATIONALITIES),
        "no nationality named, or several",
        terms.PUT_IN,
    ),
)
