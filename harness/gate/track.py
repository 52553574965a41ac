"""One rule's sequential test, fed one sample after another in the committed order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from harness.gate.config import Rule
from harness.gate.verdict import Decision, Evidence, RuleVerdict, blocked, explain
from harness.stats.sequential import SequentialTest, confidence_sequence
from harness.types import ScoreValue, Unscored


class Unsuited(Exception):  # noqa: N818 — an outcome, turned into words by the gate
    """The rule's metric is not a mean of scores in [0, 1] that every sample has."""


class Track:
    """One rule's test, and the units (samples or clusters) that are being filled.

    Values are differences to the baseline's score, better positive, for ``max_drop``, else the
    scores themselves; as (least, most), which differ where a sample could not be scored.
    """

    def __init__(
        self,
        rule: Rule,
        name: str,
        alpha: float,
        units: Mapping[str, str],
        before: Mapping[str, float] | None = None,
        higher_is_better: bool = True,
    ) -> None:
        self.rule = rule
        self.verdict: RuleVerdict | None = None
        self._name = name
        self._alpha = alpha
        self._before = before
        self._units = units
        self._sign = 1.0 if higher_is_better else -1.0
        self._open = Counter(units.values())
        self._filling: dict[str, list[tuple[float, float]]] = {}
        self._least: list[float] = []
        self._most: list[float] = []
        self._used: list[str] = []
        self._unscored = 0
        self._population = len(self._open)
        self._tests = self._make_tests()

    def _make_tests(self) -> tuple[tuple[float, SequentialTest], ...]:
        """(sign, test): with sign −1 the test sees the negated values."""
        rule, alpha, population = self.rule, self._alpha, self._population
        if rule.kind == "max_drop":
            return ((1.0, SequentialTest.of_difference(rule.value, alpha, population)),)
        least, most = rule.value, rule.value
        if rule.kind == "target":
            least, most, alpha = least - rule.tolerance, most + rule.tolerance, alpha / 2
        above = (1.0, SequentialTest(least, alpha, population))
        below = (-1.0, SequentialTest(-most, alpha, population, low=-1.0, high=0.0))
        # Either side of a target can block, so each gets half of α.
        return {"min": (above,), "max": (below,), "target": (above, below)}[rule.kind]

    def consume(self, sample_id: str, scores: Mapping[str, ScoreValue]) -> None:
        """Takes the next sample of the committed order.

        Raises:
            Unsuited: The rule cannot be judged sample by sample after all.
        """
        unit = self._units.get(sample_id)
        if unit is None or self.verdict is not None:
            return
        value = self._value(sample_id, scores)
        if value is None:
            self.verdict = blocked(self.rule, f"sample {sample_id} scored NaN")
            return
        self._used.append(sample_id)
        self._filling.setdefault(unit, []).append(value)
        self._open[unit] -= 1
        if self._open[unit]:
            return
        members = self._filling.pop(unit)
        least, most = (sum(ends) / len(members) for ends in zip(*members, strict=True))
        self._least.append(least)
        self._most.append(most)
        decisions = {
            test.update(least, most) if sign > 0 else test.update(-most, -least)
            for sign, test in self._tests
        }
        if "block" in decisions:
            self.verdict = self._explained("block")
        elif decisions == {"pass"}:
            self.verdict = self._explained("pass")

    def _value(
        self, sample_id: str, scores: Mapping[str, ScoreValue]
    ) -> tuple[float, float] | None:
        score = scores.get(self._name)
        if score is None and scores and self._before is None:
            # Scored, but not by this metric: N is then not known before the end.
            raise Unsuited("does not have the metric")
        if score is None or isinstance(score, Unscored):
            self._unscored += 1
            ends = (0.0, 1.0)
        elif isinstance(score, tuple):
            raise Unsuited("has no single score")
        elif math.isnan(score):
            return None
        elif not 0 <= score <= 1:
            raise Unsuited(f"scored {score:g}, outside [0, 1]")
        else:
            ends = (score, score)
        if self._before is None:
            return ends
        changes = [self._sign * (end - self._before[sample_id]) for end in ends]
        return min(changes), max(changes)

    def conclude(self) -> RuleVerdict:
        """The verdict; inconclusive while undecided."""
        return self.verdict or self._explained("inconclusive")

    def _explained(self, verdict: Decision) -> RuleVerdict:
        used, planned = len(self._used), len(self._units)
        if not self._least:
            sentence = f"{self.rule.metric}: no samples were judged: {verdict}"
            return RuleVerdict(self.rule, verdict, sentence, None, 0, planned)
        drop = self.rule.kind == "max_drop"
        alpha = self._alpha / 2 if self.rule.kind == "target" else self._alpha
        low, high = confidence_sequence(
            self._least, self._most, alpha, self._population, -1.0 if drop else 0.0
        )
        value = (sum(self._least) + sum(self._most)) / 2 / len(self._least)
        clusters = f", {self._population} clusters" if self._population < planned else ""
        evidence = Evidence(
            value,
            low,
            high,
            1 - 2 * alpha,
            used - self._unscored,
            f"betting confidence sequence, without replacement{clusters}",
            missing=self._unscored,
            points=drop,
        )
        if drop:
            assert self._before is not None
            before = sum(self._before[each] for each in self._used) / used
            evidence = replace(
                evidence,
                value=-value,
                low=-high,
                high=-low,
                baseline=before,
                candidate=before + self._sign * value,
                higher_is_better=self._sign > 0,
            )
        explained = explain(
            self.rule, verdict, evidence, after=f" after {used} of {planned} samples"
        )
        return replace(explained, samples_used=used, samples_planned=planned)
