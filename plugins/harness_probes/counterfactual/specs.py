"""The counterfactual probes, as they are registered."""

from __future__ import annotations

from harness.protocols import Probe, ProbeOptions, ProbeSpec
from harness_probes import settings
from harness_probes.counterfactual import age, dialect, gender, names, terms
from harness_probes.counterfactual.swap import Swapper, SwapProbe

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
        chosen = settings.names(options, "groups", groups, default or groups)
        return SwapProbe(name, chosen, swap, nothing)

    told = f"default {', '.join(default)}" if default else "default all"
    options = {"groups": f"some of {', '.join(groups)} ({told})"}
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
