"""One rule's sequential test, fed one sample after another in the committed order."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from harness.gating.config import Rule
from harness.gating.sentences import explain
from harness.gating.verdict import blocked
from harness.stats.sequential import SequentialTest, confidence_sequence, shrunken
from harness.types import Decision, Evidence, RuleVerdict, ScoreValue, Unscored


class Unsuited(Exception):  # noqa: N818 — an outcome, turned into words by the gate
    """The rule's metric is not a mean of scores in [0, 1] that every sample has."""


class RuleTest:
    """One rule's test, and the units (samples or clusters) that are being filled.

    Values are differences to the baseline's score, better positive, for drops, else the scores
    themselves; as (least, most), which differ where a sample could not be scored. For
    ``max_relative_drop`` the baseline's score is multiplied by the share that must be left.

    Args:
        rule: The rule.
        name: Its metric's name.
        alpha: Error bound of passing; also the interval's.
        block_alpha: Error bound of blocking.
        units: Sample id → unit, for the samples that are judged.
        whole: Whether the verdict is about these units only, rather than what they were drawn
            from.
        before: Sample id → the baseline's score, for drops.
        higher_is_better: The metric's direction.
        doubt: Why it may not pass whatever it scores.
    """

    def __init__(
        self,
        rule: Rule,
        name: str,
        alpha: float,
        block_alpha: float,
        units: Mapping[str, str],
        whole: bool = False,
        before: Mapping[str, float] | None = None,
        higher_is_better: bool = True,
        doubt: str = "",
    ) -> None:
        self.rule = rule
        self.verdict: RuleVerdict | None = None
        self._name, self._doubt = name, doubt
        self._alpha, self._block_alpha = alpha, block_alpha
        self._before = before
        self._units = units
        self._sign = 1.0 if higher_is_better else -1.0
        self._left = 1.0
        if rule.kind == "max_relative_drop":
            self._left = 1 - self._sign * rule.value
        self._sizes = Counter(units.values())
        self._open = Counter(self._sizes)
        self._filling: dict[str, list[tuple[float, float]]] = {}
        self._least: list[float] = []
        self._most: list[float] = []
        self._weights: list[float] = []
        self._used: list[str] = []
        self._unscored = 0
        self._population = len(self._sizes) if whole else None
        self._low, self._high = self._range()
        self._tests = self._make_tests()

    def _range(self) -> tuple[float, float]:
        """What a value can be."""
        if self._before is None:
            return 0.0, 1.0
        return (-self._left, 1.0) if self._sign > 0 else (-1.0, self._left)

    def _make_tests(self) -> tuple[tuple[float, float, SequentialTest], ...]:
        """(sign, bound, test): with sign −1 the test sees the negated values."""
        rule, low, high = self.rule, self._low, self._high
        least = most = 0.0 if rule.kind == "max_relative_drop" else rule.value
        share = 1.0
        if rule.kind == "max_drop":
            least = most = -rule.value  # a gain's bound is the rule's value itself
        elif rule.kind == "target":
            # Either side of a target can block, so each gets half of α.
            least, most, share = least - rule.tolerance, most + rule.tolerance, 0.5

        def test(bound: float, low: float, high: float) -> SequentialTest:
            alpha, block_alpha = share * self._alpha, share * self._block_alpha
            return SequentialTest(bound, alpha, self._population, low, high, block_alpha)

        above = (1.0, least, test(least, low, high))
        below = (-1.0, -most, test(-most, -high, -low))
        return {"max": (below,), "target": (above, below)}.get(rule.kind, (above,))

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
        weight = len(members) / max(self._sizes.values())
        self._least.append(least)
        self._most.append(most)
        self._weights.append(weight)
        decisions = {
            test.update(
                *(
                    float(shrunken(end, bound, weight))
                    for end in ((least, most) if sign > 0 else (-most, -least))
                )
            )
            for sign, bound, test in self._tests
        }
        if "block" in decisions:
            self.verdict = self._explained("block")
        elif decisions == {"pass"}:
            self.verdict = self._explained("inconclusive" if self._doubt else "pass")

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
        before = self._left * self._before[sample_id]
        changes = [self._sign * (end - before) for end in ends]
        return min(changes), max(changes)

    def conclude(self) -> RuleVerdict:
        """The verdict; inconclusive while undecided, and block where nothing was scored."""
        if self.verdict is None and self._used and self._unscored == len(self._used):
            return blocked(self.rule, f"none of {len(self._used)} samples could be scored")
        kept = self.rule.pass_unless_broken and self._least and not self._doubt
        return self.verdict or self._explained("pass" if kept else "inconclusive")

    def _explained(self, verdict: Decision) -> RuleVerdict:
        used, planned = len(self._used), len(self._units)
        if not self._least:
            sentence = f"{self.rule.name}: no samples were judged: {verdict}"
            rule = self.rule
            return RuleVerdict(rule.name, str(rule), rule.tier, verdict, sentence, None, 0, planned)
        evidence = self._evidence(used)
        after = f" after {used} of {planned} samples"
        if self._doubt and verdict == "inconclusive":
            after += f", because {self._doubt}"
        explained = explain(self.rule, verdict, evidence, after=after)
        return replace(explained, samples_used=used, samples_planned=planned)

    def _evidence(self, used: int) -> Evidence:
        alpha = self._alpha / 2 if self.rule.kind == "target" else self._alpha
        low, high = confidence_sequence(
            self._least, self._most, alpha, self._population, self._low, self._high, self._weights
        )
        middle = [(one + other) / 2 for one, other in zip(self._least, self._most, strict=True)]
        value = sum(map(operator.mul, self._weights, middle)) / sum(self._weights)
        of = "of this benchmark" if self._population else "of what the samples are drawn from"
        units = len(self._sizes)
        clusters = f", {units} clusters" if units < len(self._units) else ""
        evidence = Evidence(
            value,
            low,
            high,
            1 - 2 * alpha,
            used - self._unscored,
            f"betting confidence sequence, {of}{clusters}",
            missing=self._unscored,
            points=self.rule.kind in ("max_drop", "min_gain"),
        )
        if self._before is None:
            return evidence
        before = sum(self._before[each] for each in self._used) / used
        sizes = (value, low, high) if self.rule.kind == "min_gain" else (-value, -high, -low)
        if self.rule.kind == "max_relative_drop":
            sizes = tuple(self.rule.value + each / before for each in sizes)  # type: ignore[assignment]
        return replace(
            evidence,
            value=sizes[0],
            low=sizes[1],
            high=sizes[2],
            baseline=before,
            candidate=self._left * before + self._sign * value,
            higher_is_better=self._sign > 0,
        )
