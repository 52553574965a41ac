"""The same question put differently: its options in another order, another prompt template."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, permutations

from harness.errors import UnknownNameError
from harness.protocols import Metric, Probe, ProbeOptions, Task, settings_of
from harness.types import Estimate, Sample, Score, Skipped

ALL = "all"
_MOST = 5
"""Options whose orders are all asked with ``permutations=all``: 119 variants."""


@dataclass(frozen=True, slots=True)
class OptionOrder:
    """The options of a multiple-choice question in other orders; the right one stays right.

    ``count`` None means every order. Tasks whose prompt does not show the options ask nothing
    new then, and their variants are skipped as unchanged.
    """

    count: int | None
    name: str = "option_order"

    def perturb(self, sample: Sample, rng: random.Random) -> Iterable[Sample | Skipped]:
        """Distinct orders, none of them the sample's own."""
        size = len(sample.choices)
        if size < 2:
            return [Skipped("no options to reorder")]
        if self.count is None and size > _MOST:
            return [Skipped(f"more than {_MOST} options: too many orders to ask all")]
        own = tuple(range(size))
        total = math.factorial(size) - 1
        if self.count is None or total <= self.count:
            orders = list(islice(permutations(own), 1, None))
        else:
            orders = _sampled(own, self.count, rng)
        return [
            replace(sample, choices=tuple(sample.choices[place] for place in order))
            for order in orders
        ]

    def aggregate(
        self, metric: Metric, original: Sequence[Score], perturbed: Sequence[Score]
    ) -> Mapping[str, Estimate]:
        """The shared measures, and ``spread``: the range over the orders."""
        from harness.authoring import paired

        return {
            **paired.measures(metric, original, perturbed),
            **paired.spread(metric, original, perturbed),
        }


def _sampled(own: tuple[int, ...], count: int, rng: random.Random) -> list[tuple[int, ...]]:
    found: dict[tuple[int, ...], None] = {}
    while len(found) < count:
        order = tuple(rng.sample(own, len(own)))
        if order != own:
            found[order] = None
    return list(found)


def open_option_order(options: ProbeOptions) -> Probe:
    """``permutations`` is a whole number from 1 or ``all``.

    Raises:
        UsageError: It is neither.
    """
    from harness_probes import settings

    count = settings.read(settings.OptionOrder, options, "option_order")["permutations"]
    return OptionOrder(None if count == ALL else count)


@dataclass(frozen=True, slots=True)
class Templates:
    """The task asked through its other prompt templates."""

    labels: tuple[str, ...]
    tasks: tuple[Task, ...]
    name: str = "templates"

    def perturb(self, sample: Sample, rng: random.Random) -> Iterable[Sample | Skipped]:  # noqa: ARG002
        """Nothing of its own: the samples stay what they are."""
        return () if self.tasks else [Skipped("the task has no other template")]

    def aggregate(
        self, metric: Metric, original: Sequence[Score], perturbed: Sequence[Score]
    ) -> Mapping[str, Estimate]:
        """The shared measures by template, and ``spread``: the range over all templates."""
        from harness.authoring import paired

        return {
            **paired.measures(metric, original, perturbed, self.labels),
            **paired.spread(metric, original, perturbed),
        }


def open_templates(options: ProbeOptions) -> Probe:
    """The task's other templates, those of harness.toml among them.

    Raises:
        UnknownNameError: ``names`` has one that the task does not.
    """
    if options.task is None:
        return Templates((), ())
    chosen = options.task_options
    known = {**options.task.templates, **chosen.templates}
    from harness_probes import settings

    names = settings.read(settings.Templates, options, "templates")["names"] or list(known)
    for name in names:
        if name not in known:
            raise UnknownNameError(f"template of {options.task.name}", name, known)
    own = chosen.values.get("template") or _template_of(options)
    others = [name for name in names if name != own]
    tasks = [
        options.task.open(replace(chosen, values={**chosen.values, "template": name}))
        for name in others
    ]
    return Templates(tuple(others), tuple(tasks))


def _template_of(options: ProbeOptions) -> str | None:
    """The template that the task takes when the user names none."""
    assert options.task is not None
    stated = settings_of(options.task.open(options.task_options))
    return stated.get("template", next(iter(options.task.templates), None))
