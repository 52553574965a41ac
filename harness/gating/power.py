"""What a gate will do, before anything is run: how often a harmless change passes, a drop blocks.

The very tests that gates run are run on simulated pairs of 0/1 scores: a share of pairs differs
(the discordance), by chance to either side, and to one side more where there is a true drop. For
other scores the discordance is the mean square of a pair's difference, which is what the
samples needed depend on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.gating.config import DROPS, GateConfig, Rule
from harness.stats import compare as paired
from harness.stats.inference import Array
from harness.stats.sequential import SequentialTest

GATES = 1000
BUILDS = 20
MOSTLY = 0.5
_LONGEST = 20_000
"""Samples after which a simulated sequential gate is given up."""


@dataclass(frozen=True, slots=True)
class Chances:
    """Shares of gates; they add up to 1."""

    passes: float
    inconclusive: float
    blocks: float


@dataclass(frozen=True, slots=True)
class Power:
    """What to expect of one rule.

    Attributes:
        rule: The rule.
        n: Samples.
        harmless: A change that moves as many samples up as down.
        drops: (what is worse, in words; chances).
        needed: Samples at which a harmless change passes in 80 %; None where no number would do.
        margin: The margin at which ``n`` samples do; None where none would.
        name: Of ``harmless``, in words.
        gates: How many were simulated.
    """

    rule: Rule
    n: int
    harmless: Chances
    drops: tuple[tuple[str, Chances], ...]
    needed: int | None
    margin: float | None
    name: str = "a harmless change"
    gates: int = GATES

    @property
    def any_block(self) -> float:
        """Chance of at least one block in ``BUILDS`` harmless builds."""
        return 1 - (1 - self.harmless.blocks) ** BUILDS

    @property
    def any_doubt(self) -> float:
        """Chance of at least one build of ``BUILDS`` harmless ones that does not pass."""
        return 1 - self.harmless.passes**BUILDS

    @property
    def warning(self) -> str | None:
        """Said where the gate will mostly decide nothing."""
        if self.harmless.inconclusive <= MOSTLY:
            return None
        head = f"this gate will mostly be inconclusive: {self.n:,} samples are too few"
        if self.needed is None or self.margin is None:
            return f"{head}, or the bound too close."
        if self.rule.kind in DROPS:
            size = f"a margin of {self.margin:.2g}"
        else:
            size = f"a bound {self.margin:.2g} away from the baseline's value"
        return f"{head}. It takes about {self.needed:,}, or {size}."


def power(config: GateConfig, rule: Rule, n: int, discordance: float, seed: int = 0) -> Power:
    """Simulates the gate's verdicts on one ``max_drop`` rule.

    Args:
        config: The gate; its other blocking rules make this one less sensitive.
        rule: One of its rules, ``max_drop``.
        n: Samples.
        discordance: In (0, 1].
        seed: Of the simulation.
    """
    assert rule.kind in DROPS
    margin = rule.value
    wide = max(discordance, 4 * margin)
    drops = tuple(
        (
            f"a true drop of {drop:.3g}",
            _chances(config, margin, n, max(discordance, drop), drop, seed),
        )
        for drop in (2 * margin, 4 * margin)
        if drop <= min(1.0, wide) and drop > 0
    )
    harmless = _chances(config, margin, n, discordance, 0.0, seed)
    needed = _needed(config, margin, discordance, seed)
    enough = margin * math.sqrt(needed / n)
    return Power(rule, n, harmless, drops, needed, enough)


def discordance_of(before: Array, after: Array) -> float:
    """Mean square of the paired differences; of 0/1 scores the share that differs.

    Where nothing differs, what n pairs leave possible: 3/n (the rule of three), at most 1.
    """
    found = float(np.mean((after - before) ** 2))
    return found if found > 0 else min(1.0, 3 / len(before))


def alphas(config: GateConfig) -> tuple[float, float]:
    """α for passing and for blocking one of the blocking rules."""
    rules = len(config.of_tier("blocking"))
    if config.mode == "sequential":
        return config.alpha / rules, config.alpha_to_block / rules
    return config.alpha, config.alpha_to_block / rules


def _chances(
    config: GateConfig, margin: float, n: int, discordance: float, drop: float, seed: int
) -> Chances:
    rng = np.random.default_rng(seed)
    lost, gained = (discordance + drop) / 2, (discordance - drop) / 2
    if config.mode == "sequential":
        passed, blocked, _ = _sequential(config, margin, n, lost, gained, rng)
        passes, blocks = float(passed.mean()), float(blocked.mean())
    else:
        passes, blocks = _fixed(config, margin, n, lost, gained, rng)
    return Chances(passes, max(0.0, 1 - passes - blocks), blocks)


def _fixed(
    config: GateConfig, margin: float, n: int, lost: float, gained: float, rng: np.random.Generator
) -> tuple[float, float]:
    alpha, block_alpha = alphas(config)
    counts = rng.multinomial(n, [lost, gained, max(0.0, 1 - lost - gained)], size=GATES)[:, :2]
    passes = blocks = 0
    for (losses, gains), times in zip(*np.unique(counts, axis=0, return_counts=True), strict=True):
        before, after = np.zeros(n), np.zeros(n)
        before[:losses] = 1
        after[losses : losses + gains] = 1
        inference = paired.infer_paired(before, after)
        if inference.below(-margin) <= block_alpha:
            blocks += int(times)
        elif inference.above(-margin) <= alpha:
            passes += int(times)
    return passes / GATES, blocks / GATES


def _sequential(
    config: GateConfig, margin: float, n: int, lost: float, gained: float, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """(whether each gate passed, whether it blocked, after how many samples it passed)."""
    alpha, block_alpha = alphas(config)
    population = n if config.population == "benchmark" else None
    test = SequentialTest(-margin, alpha, population, -1.0, 1.0, block_alpha)
    gates = GATES if n <= _LONGEST // 4 else GATES // 5
    taken = np.full(gates, np.inf)
    for seen in range(min(n, _LONGEST)):
        draw = rng.random(gates)
        test.update(np.where(draw < lost, -1.0, np.where(draw < lost + gained, 1.0, 0.0)))
        taken[test.passed & np.isinf(taken)] = seen + 1
        if (test.passed | test.blocked).all():
            break
    return np.asarray(test.passed, float), np.asarray(test.blocked, float), taken


def _needed(config: GateConfig, margin: float, discordance: float, seed: int) -> int:
    """(z₀.₉₅ + z₀.₈)²·discordance/margin² at α = 5 %, but where nothing differs ln(1/α)/margin.

    A sequential gate's is the time by which 80 % of harmless changes have passed.
    """
    from scipy.special import ndtri

    alpha, _ = alphas(config)
    if margin <= 0:
        return 0
    fixed = float(ndtri(1 - alpha) + ndtri(0.8)) ** 2 * discordance / margin**2
    fixed = math.ceil(max(fixed, -math.log(alpha) / margin))
    if config.mode == "fixed":
        return fixed
    rng = np.random.default_rng(seed)
    longest = min(_LONGEST, 6 * fixed)
    *_, taken = _sequential(config, margin, longest, discordance / 2, discordance / 2, rng)
    found = float(np.quantile(taken, 0.8, method="higher"))
    return longest if math.isinf(found) else int(found)
