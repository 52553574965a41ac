"""The [gate] table of harness.toml: which rules hold, and how sure the verdict must be."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from harness import codec
from harness.errors import ConfigError

Mode: TypeAlias = Literal["fixed", "sequential"]
RuleKind: TypeAlias = Literal["min", "max", "max_drop", "target"]

_GATE_KEYS = ("baseline", "alpha", "mode", "inconclusive", "max_unscored", "rule")
_RULE_KEYS = ("metric", "min", "max", "max_drop", "target", "tolerance")
_EXAMPLE = 'Write it as:\n  [[gate.rule]]\n  metric = "squad.f1"\n  max_drop = 0.02'


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition on one metric, in the metric's own units.

    Attributes:
        metric: ``TASK.METRIC``, or ``TASK.PROBE.METRIC.MEASURE`` for what a probe measured.
        kind: ``min`` and ``max`` bound the metric itself; ``max_drop`` bounds how much worse
            than the baseline it may be (a rise, where lower is better); ``target`` wants it
            within ``tolerance`` of a value.
        value: The bound, the allowed drop, or the target.
        tolerance: Only for ``target``.
    """

    metric: str
    kind: RuleKind
    value: float
    tolerance: float = 0.0

    def __str__(self) -> str:
        within = f" ± {self.tolerance:g}" if self.kind == "target" else ""
        return f"{self.kind} = {self.value:g}{within}"


@dataclass(frozen=True, slots=True)
class GateConfig:
    """Everything that decides a verdict, fixed before the first sample is seen.

    Attributes:
        rules: All of them must hold.
        alpha: Bound on the probability of blocking a change that keeps every rule, in (0, 1);
            and of passing, by any one rule, a change that breaks it.
        mode: ``fixed`` judges once, at the end; ``sequential`` as soon as the verdict is sure.
        inconclusive: Whether an inconclusive verdict fails or passes the command; None: exit
            code 4.
        baseline: A run folder or baseline file.
        max_unscored: Largest share of samples that the candidate may fail on, where the
            baseline did not, and still pass a rule in fixed mode, in [0, 1].
    """

    rules: tuple[Rule, ...]
    alpha: float = 0.05
    mode: Mode = "fixed"
    inconclusive: Literal["fail", "pass"] | None = None
    baseline: str | None = None
    max_unscored: float = 0.05

    def sha256(self, planned: Mapping[str, int]) -> str:
        """Hash of α, the mode, the rules with their margins, and N, the samples of each task."""
        return codec.canonical_hash(
            {
                "alpha": self.alpha,
                "mode": self.mode,
                "max_unscored": self.max_unscored,
                "rules": [[each.metric, str(each)] for each in self.rules],
                "planned": dict(planned),
            }
        )


def parse_gate(table: Mapping[str, Any]) -> GateConfig:
    """The checked [gate] table.

    Raises:
        ConfigError: A key is unknown, a value has the wrong type or is out of range, a rule
            names no condition, or there is no rule.
    """
    _known(table, _GATE_KEYS, "[gate]")
    alpha = _number(table, "alpha", "[gate]", 0.05)
    if not 0 < alpha < 1:
        raise ConfigError(
            f"[gate] alpha = {alpha:g} is outside (0, 1)",
            "It is the accepted risk of a false block; 0.05 is usual.",
        )
    unscored = _number(table, "max_unscored", "[gate]", 0.05)
    if not 0 <= unscored <= 1:
        raise ConfigError(f"[gate] max_unscored = {unscored:g} is outside [0, 1]")
    baseline = table.get("baseline")
    if baseline is not None and not isinstance(baseline, str):
        raise ConfigError(f"[gate] baseline = {baseline!r}, expected a path in quotes")
    listed = table.get("rule", [])
    if not isinstance(listed, list) or not listed:
        raise ConfigError("[gate] has no rule: it could never block", _EXAMPLE)
    rules = [rule for position, each in enumerate(listed, 1) for rule in _rules(each, position)]
    seen: set[tuple[str, str]] = set()
    for rule in rules:
        if (rule.metric, rule.kind) in seen:
            raise ConfigError(f"[gate] has two {rule.kind} rules for {rule.metric}", "Keep one.")
        seen.add((rule.metric, rule.kind))
    return GateConfig(
        tuple(rules),
        alpha,
        _choice(table, "mode", ("fixed", "sequential"), "fixed"),
        _choice(table, "inconclusive", ("fail", "pass"), None),
        baseline,
        unscored,
    )


def _rules(table: Any, position: int) -> list[Rule]:
    where = f"[[gate.rule]] number {position}"
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} is {table!r}, expected a table", _EXAMPLE)
    _known(table, _RULE_KEYS, where)
    metric = table.get("metric")
    if not isinstance(metric, str) or "." not in metric.strip("."):
        raise ConfigError(f"{where}: metric = {metric!r}, expected TASK.METRIC", _EXAMPLE)
    rules = [
        Rule(metric, kind, _number(table, kind, where))
        for kind in ("min", "max", "max_drop")
        if kind in table
    ]
    if "target" in table:
        rules.append(
            Rule(
                metric,
                "target",
                _number(table, "target", where),
                _number(table, "tolerance", where),
            )
        )
    elif "tolerance" in table:
        raise ConfigError(f"{where}: tolerance without target", "Add target = VALUE.")
    if not rules:
        raise ConfigError(
            f"{where} ({metric}) has no condition",
            "Give one of min, max, max_drop, or target with tolerance.",
        )
    for rule in rules:
        least = rule.tolerance if rule.kind == "target" else rule.value
        if rule.kind in ("max_drop", "target") and least < 0:
            name = "tolerance" if rule.kind == "target" else "max_drop"
            raise ConfigError(f"{where}: {name} = {least:g}, expected at least 0")
    kinds = {rule.kind: rule.value for rule in rules}
    if "min" in kinds and "max" in kinds and kinds["min"] > kinds["max"]:
        raise ConfigError(
            f"{where}: min = {kinds['min']:g} is above max = {kinds['max']:g}: nothing can pass"
        )
    return rules


def _known(table: Mapping[str, Any], keys: Iterable[str], where: str) -> None:
    keys = list(keys)
    for key in table:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=3, cutoff=0.5)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(keys)}"
            raise ConfigError(f"{where}: unknown key {key!r}", hint)


def _number(table: Mapping[str, Any], key: str, where: str, default: float | None = None) -> float:
    value = table.get(key, default)
    if value is None:
        raise ConfigError(f"{where}: {key} is missing", f"Add {key} = NUMBER.")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"{where}: {key} = {value!r}, expected a number")
    return float(value)


def _choice(table: Mapping[str, Any], key: str, allowed: tuple[str, ...], default: Any) -> Any:
    value = table.get(key, default)
    if value != default and value not in allowed:
        near = difflib.get_close_matches(str(value), allowed, n=1, cutoff=0.5)
        raise ConfigError(
            f"[gate] {key} = {value!r}, expected {' or '.join(map(repr, allowed))}",
            f"Did you mean {near[0]!r}?" if near else None,
        )
    return value
