"""The [gate] table of harness.toml: which rules hold, and how sure the verdict must be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from harness.authoring.io import serialization
from harness.authoring.metrics import MetricRef, split_ideal
from harness.errors import ConfigError, UsageError, suggestion
from harness.protocols import NO_AGREEMENT, UNCALIBRATED
from harness.types import Tier

Mode: TypeAlias = Literal["fixed", "sequential"]
Population: TypeAlias = Literal["source", "benchmark"]
RuleKind: TypeAlias = Literal["min", "max", "max_drop", "max_relative_drop", "min_gain", "target"]

TIERS: tuple[Tier, ...] = ("blocking", "supporting", "advisory")
DROPS: tuple[RuleKind, ...] = ("max_drop", "max_relative_drop")
CHANGES: tuple[RuleKind, ...] = (*DROPS, "min_gain")
"""Rules on the change from a baseline."""
_BOUNDS: tuple[RuleKind, ...] = ("min", "max", *CHANGES)
_NOT_NEGATIVE = (*CHANGES, "target")
_GATE_KEYS = (
    *("baseline", "alpha", "mode", "population", "inconclusive", "max_unscored", "max_missing"),
    *("series", "builds", "series_folder", "noise", "allow_uncalibrated", "rule"),
)
_RULE_KEYS = ("metric", *_BOUNDS, "target", "tolerance", "tier", "pass_unless_broken")
_EXAMPLE = 'Write it as:\n  [[gate.rule]]\n  metric = "squad.f1"\n  max_drop = 0.02'


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition on one metric, in the metric's own units.

    Attributes:
        metric: ``TASK.METRIC``, or ``TASK.PROBE.METRIC.MEASURE`` for what a probe measured.
        kind: ``min`` and ``max`` bound the metric itself; ``max_drop`` bounds how much worse
            than the baseline it may be (a rise, where lower is better), ``max_relative_drop``
            the same as a share of the baseline's value; ``min_gain`` wants it to be better by
            more than that, 0 for any gain at all; ``target`` wants it within ``tolerance`` of a
            value.
        value: The bound, the allowed drop, the gain, or the target.
        tolerance: Only for ``target``.
        tier: Only ``blocking`` rules decide the verdict; the others are judged, shown and
            counted, each tier with an error rate of its own.
        ideal: From ``TASK.METRIC@IDEAL``: a drop is then a move away from this value.
        pass_unless_broken: Whether it passes where neither side is shown, as long as samples
            enough are there and scored. Such a rule shows no more than what it would have seen.
        against: What the baseline is, for the sentence, where it is no earlier run.
    """

    metric: str
    kind: RuleKind
    value: float
    tolerance: float = 0.0
    tier: Tier = "blocking"
    ideal: float | None = None
    pass_unless_broken: bool = False
    against: str = ""

    @property
    def name(self) -> str:
        """The metric as it was written."""
        return self.metric if self.ideal is None else f"{self.metric}@{self.ideal:g}"

    def ref(self, tasks: Iterable[str]) -> MetricRef | None:
        """The task and its metric; None where no task fits."""
        return MetricRef.find(self.metric, tasks)

    def __str__(self) -> str:
        within = f" ± {self.tolerance:g}" if self.kind == "target" else ""
        against = f" against {self.against}" if self.against else ""
        unless = ", passes unless broken" if self.pass_unless_broken else ""
        return f"{self.kind} = {self.value:g}{within}{against}{unless}"


@dataclass(frozen=True, slots=True)
class GateConfig:
    """Everything that decides a verdict, fixed before the first sample is seen.

    Attributes:
        rules: All blocking ones must hold.
        alpha: Bound on the probability of blocking a change that keeps every rule, in (0, 1);
            and of passing, by any one rule, a change that breaks it.
        mode: ``fixed`` judges once, at the end; ``sequential`` as soon as the verdict is sure.
        inconclusive: What an inconclusive verdict does to the command: ``fail`` it, ``warn``
            (exit code 0 with an annotation) or ``pass``; None: exit code 4.
        baseline: A run folder or baseline file.
        max_unscored: Largest share of samples that the candidate may fail on, where the
            baseline did not, and still pass a rule, in [0, 1].
        max_missing: Largest share of the baseline's samples that the candidate may not have
            run, and still pass a rule, in [0, 1]. What is allowed to be missing is taken to be
            like the rest.
        population: What a sequential verdict is about: the ``source`` that the benchmark's
            samples were drawn from, as a fixed one does, or only this ``benchmark``.
        series: Name of the series of builds that shares one error budget for false blocks.
        builds: Builds that the budget is spread over evenly; None: it never ends, and gets
            smaller from build to build.
        series_folder: Where the budget's state is kept.
        block_alpha: α for blocking, where a series leaves less than ``alpha``.
        noise: A file that ``harness noise`` wrote; rules must allow more than it found.
        allow_uncalibrated: Whether a blocking rule may rest on a judge whose errors nobody has
            measured.
    """

    rules: tuple[Rule, ...]
    alpha: float = 0.05
    mode: Mode = "fixed"
    inconclusive: Literal["fail", "warn", "pass"] | None = None
    baseline: str | None = None
    max_unscored: float = 0.05
    max_missing: float = 0.0
    population: Population = "source"
    series: str | None = None
    builds: int | None = None
    series_folder: str = "gate-series"
    block_alpha: float | None = None
    noise: str | None = None
    allow_uncalibrated: bool = False

    @property
    def alpha_to_block(self) -> float:
        """α for blocking: what the series leaves, or ``alpha``."""
        return self.alpha if self.block_alpha is None else self.block_alpha

    def distrusted(self, rule: Rule, calibration: str | None) -> str:
        """Why the rule may not rest on a judge of this calibration; empty where it may.

        Args:
            rule: The rule; one that cannot block may rest on any judge.
            calibration: See ``harness.protocols.HasCalibration``.
        """
        if rule.tier != "blocking":
            return ""
        if calibration == NO_AGREEMENT:
            return "it rests on a judge that labels of people do not show to be better than chance"
        if calibration == UNCALIBRATED and not self.allow_uncalibrated:
            return "it rests on an uncalibrated judge: calibrate it, or set allow_uncalibrated"
        return ""

    def of_tier(self, tier: Tier) -> list[Rule]:
        """The rules of one tier, in order."""
        return [rule for rule in self.rules if rule.tier == tier]

    def sha256(self, planned: Mapping[str, int]) -> str:
        """Hash of α, the mode, the rules with their margins, and N, the samples of each task."""
        return serialization.canonical_hash(
            {
                "alpha": self.alpha,
                "block_alpha": self.alpha_to_block,
                "mode": self.mode,
                "population": self.population,
                "max_unscored": self.max_unscored,
                "max_missing": self.max_missing,
                **({"allow_uncalibrated": True} if self.allow_uncalibrated else {}),
                "rules": [[each.name, str(each), each.tier] for each in self.rules],
                "planned": dict(planned),
            }
        )


def parse_gate(table: Mapping[str, Any]) -> GateConfig:
    """The checked [gate] table.

    Raises:
        ConfigError: A key is unknown, a value has the wrong type or is out of range, a rule
            names no condition, or there is no rule that could block.
    """
    _known(table, _GATE_KEYS, "[gate]")
    alpha = _number(table, "alpha", "[gate]", 0.05)
    if not 0 < alpha < 1:
        raise ConfigError(
            f"[gate] alpha = {alpha:g} is outside (0, 1)",
            "It is the accepted risk of a false block; 0.05 is usual.",
        )
    mode = _choice(table, "mode", "[gate]", ("fixed", "sequential"), "fixed")
    population = _choice(table, "population", "[gate]", ("source", "benchmark"), "source")
    if population == "benchmark" and mode == "fixed":
        raise ConfigError(
            '[gate] population = "benchmark" needs mode = "sequential"',
            "A fixed gate has seen all of the benchmark: about that alone nothing is uncertain, "
            "and noise that happens to cross the margin would block.",
        )
    rules = _parse_rules(table)
    return GateConfig(
        rules,
        alpha,
        mode,
        _choice(table, "inconclusive", "[gate]", ("fail", "warn", "pass"), None),
        _text(table, "baseline", "a path in quotes"),
        _share(table, "max_unscored", 0.05),
        _share(table, "max_missing", 0.0),
        population,
        _series(table),
        _builds(table),
        _text(table, "series_folder", "a path in quotes") or "gate-series",
        noise=_text(table, "noise", "a path in quotes"),
        allow_uncalibrated=_flag(table, "allow_uncalibrated"),
    )


def _parse_rules(table: Mapping[str, Any]) -> tuple[Rule, ...]:
    listed = table.get("rule", [])
    if not isinstance(listed, list) or not listed:
        raise ConfigError("[gate] has no rule: it could never block", _EXAMPLE)
    rules = [rule for position, each in enumerate(listed, 1) for rule in _rules(each, position)]
    seen: set[tuple[str, str]] = set()
    for rule in rules:
        if (rule.name, rule.kind) in seen:
            raise ConfigError(f"[gate] has two {rule.kind} rules for {rule.name}", "Keep one.")
        seen.add((rule.name, rule.kind))
    if not any(rule.tier == "blocking" for rule in rules):
        raise ConfigError(
            "[gate] has no blocking rule: it could never block",
            'Leave out tier, or give one rule tier = "blocking".',
        )
    return tuple(rules)


def _rules(table: Any, position: int) -> list[Rule]:
    where = f"[[gate.rule]] number {position}"
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} is {table!r}, expected a table", _EXAMPLE)
    _known(table, _RULE_KEYS, where)
    metric, ideal = _metric(table.get("metric"), where)
    tier = _choice(table, "tier", where, TIERS, "blocking")
    unless = table.get("pass_unless_broken", False)
    if not isinstance(unless, bool):
        raise ConfigError(f"{where}: pass_unless_broken = {unless!r}, expected true or false")
    rules = [
        Rule(metric, kind, _number(table, kind, where), 0.0, tier, ideal, unless)
        for kind in _BOUNDS
        if kind in table
    ]
    if "target" in table:
        value, tolerance = (_number(table, name, where) for name in ("target", "tolerance"))
        rules.append(Rule(metric, "target", value, tolerance, tier, ideal, unless))
    elif "tolerance" in table:
        raise ConfigError(f"{where}: tolerance without target", "Add target = VALUE.")
    if not rules:
        raise ConfigError(
            f"{where} ({metric}) has no condition",
            f"Give one of {', '.join(_BOUNDS)}, or target with tolerance.",
        )
    _check_values(rules, where)
    return [_of_distance(rule, where) for rule in rules]


def _metric(text: Any, where: str) -> tuple[str, float | None]:
    """``TASK.METRIC`` and the number behind ``@``, where there is one."""
    if not isinstance(text, str) or "." not in text.partition("@")[0].strip("."):
        raise ConfigError(f"{where}: metric = {text!r}, expected TASK.METRIC", _EXAMPLE)
    try:
        return split_ideal(text)
    except UsageError as error:
        raise ConfigError(f"{where}: {error.message}", "Write @0.5 or so.") from error


def _check_values(rules: Iterable[Rule], where: str) -> None:
    for rule in rules:
        least = rule.tolerance if rule.kind == "target" else rule.value
        if rule.kind in _NOT_NEGATIVE and least < 0:
            name = "tolerance" if rule.kind == "target" else rule.kind
            raise ConfigError(f"{where}: {name} = {least:g}, expected at least 0")
        if rule.kind == "max_relative_drop" and rule.value >= 1:
            raise ConfigError(
                f"{where}: max_relative_drop = {rule.value:g}, expected a share below 1",
                "0.05 allows the metric to lose 5 % of the baseline's value.",
            )
    kinds = {rule.kind: rule.value for rule in rules}
    if "min" in kinds and "max" in kinds and kinds["min"] > kinds["max"]:
        raise ConfigError(
            f"{where}: min = {kinds['min']:g} is above max = {kinds['max']:g}: nothing can pass"
        )


def _of_distance(rule: Rule, where: str) -> Rule:
    """A rule on a distance: ``max`` on it is a target with a tolerance."""
    if rule.ideal is None or rule.kind in ("max_drop", "min_gain"):
        return rule
    if rule.kind == "max":
        if rule.value < 0:
            raise ConfigError(f"{where}: max = {rule.value:g}, and a distance is at least 0")
        return replace(rule, kind="target", value=rule.ideal, tolerance=rule.value, ideal=None)
    raise ConfigError(
        f"{where}: {rule.kind} does not apply to {rule.name}, a distance to {rule.ideal:g}",
        "Use max_drop (how much further from it than the baseline), min_gain (how much nearer) or "
        "max (how far from it).",
    )


def _series(table: Mapping[str, Any]) -> str | None:
    name = _text(table, "series", "a name in quotes")
    if name is None:
        for key in ("builds", "series_folder"):
            if key in table:
                raise ConfigError(f"[gate] {key} without series", 'Add series = "NAME".')
    elif not name or not all(each.isalnum() or each in "-_." for each in name) or name[0] == ".":
        raise ConfigError(
            f"[gate] series = {name!r} is no name for a file",
            "Use letters, digits, - and _: it names the file that keeps the budget.",
        )
    return name


def _builds(table: Mapping[str, Any]) -> int | None:
    builds = table.get("builds")
    if builds is not None and (isinstance(builds, bool) or not isinstance(builds, int)):
        raise ConfigError(f"[gate] builds = {builds!r}, expected a whole number")
    if builds is not None and builds < 1:
        raise ConfigError(f"[gate] builds = {builds}, expected at least 1")
    return builds


def _known(table: Mapping[str, Any], keys: Iterable[str], where: str) -> None:
    keys = list(keys)
    for key in table:
        if key not in keys:
            raise ConfigError(f"{where}: unknown key {key!r}", suggestion(key, keys))


def _number(table: Mapping[str, Any], key: str, where: str, default: float | None = None) -> float:
    value = table.get(key, default)
    if value is None:
        raise ConfigError(f"{where}: {key} is missing", f"Add {key} = NUMBER.")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"{where}: {key} = {value!r}, expected a number")
    return float(value)


def _share(table: Mapping[str, Any], key: str, default: float) -> float:
    value = _number(table, key, "[gate]", default)
    if not 0 <= value <= 1:
        raise ConfigError(f"[gate] {key} = {value:g} is outside [0, 1]")
    return value


def _flag(table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise ConfigError(f"[gate] {key} = {value!r}, expected true or false")
    return value


def _text(table: Mapping[str, Any], key: str, expected: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"[gate] {key} = {value!r}, expected {expected}")
    return value


def _choice(
    table: Mapping[str, Any], key: str, where: str, allowed: tuple[str, ...], default: Any
) -> Any:
    value = table.get(key, default)
    if value != default and value not in allowed:
        expected = " or ".join(map(repr, allowed))
        raise ConfigError(f"{where} {key} = {value!r}, expected {expected}")
    return value
