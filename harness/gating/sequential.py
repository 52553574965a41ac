"""Judging while the run goes on, so that it can end as soon as the verdict is sure.

Samples are consumed in an order committed to before the run, whatever order their answers come
in: completion order correlates with length, and so with the score. What is judged is what the
benchmark's samples were drawn from, or on request the benchmark itself, N samples drawn without
replacement. Clusters, where there are any, are the units, and count by their sizes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.authoring.metrics import Mean
from harness.comparison import comparability, measure
from harness.comparison.comparability import TaskIdentity
from harness.comparison.measure import CannotCompare, MetricsOfTask
from harness.errors import ConfigError
from harness.gating import fixed, names
from harness.gating.config import CHANGES, GateConfig, Rule
from harness.gating.judging import Judge, check_share, too_many_missing
from harness.gating.rule_test import RuleTest, Unsuited
from harness.gating.verdict import blocked, conclude
from harness.results.baseline import ScoredRun
from harness.stats import estimates
from harness.types import GateVerdict, RuleVerdict, ScoreValue


def committed_order(clusters: Mapping[str, str | None], seed: int) -> list[str]:
    """The order in which a task's samples are judged; the members of a cluster are adjacent.

    It depends only on the ids and the seed: not on the order of the data, and a smaller set of
    samples keeps its relative order.

    Args:
        clusters: Sample id → cluster, None for a sample of its own.
        seed: The run's seed.
    """

    def rank(name: str) -> bytes:
        return hashlib.sha256(f"{seed}\x1f{name}".encode()).digest()

    def key(name: str) -> tuple[bytes, bytes]:
        cluster = clusters[name]
        unit = f"sample\x1f{name}" if cluster is None else f"cluster\x1f{cluster}"
        return rank(unit), rank(name)

    return sorted(clusters, key=key)


class SequentialGate:
    """Decides while samples come in.

    Rules on per-sample scores in [0, 1] are tested after every sample (``min``, ``max`` and
    ``target`` by bets on the mean itself). A ``min``, ``max`` or ``target`` rule on anything
    else (a corpus metric, a probe's measure) is judged at the end of its task, which then runs
    in full. Each of k rules gets α/k.

    Args:
        config: The gate.
        planned: Task → sample id → cluster (None: its own) of every sample the run would score.
        baseline: For ``max_drop``; None where no rule needs one.
        metrics: Task → metric objects.
        seed: Of the committed order.
        identities: Task → what the run's data and setting are, to refuse a baseline that is
            not comparable before the first model call.

    Raises:
        UnknownNameError: A rule's metric exists nowhere.
        ConfigError: A ``max_drop`` rule is on a corpus metric, or there is no baseline for it.
    """

    def __init__(
        self,
        config: GateConfig,
        planned: Mapping[str, Mapping[str, str | None]],
        baseline: ScoredRun | None,
        metrics: MetricsOfTask,
        seed: int = 0,
        identities: Mapping[str, TaskIdentity] | None = None,
    ) -> None:
        names.check_rules(config.rules, [baseline], metrics, probes_of=planned)
        self._config, self._seed = config, seed
        self._baseline, self._metrics = baseline, metrics
        self._orders = {task: committed_order(ids, seed) for task, ids in planned.items()}
        self._positions = dict.fromkeys(planned, 0)
        self._expected = {task: set(ids) for task, ids in planned.items()}
        self._waiting: dict[str, dict[str, Mapping[str, ScoreValue]]] = {
            task: {} for task in planned
        }
        self._tests: dict[Rule, RuleTest] = {}
        self._settled: dict[Rule, RuleVerdict] = {}
        for rule in config.rules:
            try:
                track = self._track(rule, planned, identities or {})
            except CannotCompare as reason:
                self._settled[rule] = blocked(rule, str(reason))
                continue
            if track is not None:
                self._tests[rule] = track

    def order(self, task: str) -> Sequence[str]:
        """The task's sample ids in the committed order: the run should ask in this order."""
        return self._orders[task]

    def update(self, task: str, sample_id: str, scores: Mapping[str, ScoreValue]) -> bool:
        """Takes a sample's scores, in any order, and returns whether every rule is decided.

        Args:
            task: Its task.
            sample_id: One of the planned ids.
            scores: What the task gave; empty where a request failed.

        Raises:
            ValueError: The sample was not planned, or came twice.
        """
        if sample_id not in self._expected[task]:
            raise ValueError(f"{task}: sample {sample_id!r} was not planned, or came twice")
        self._expected[task].remove(sample_id)
        waiting, order = self._waiting[task], self._orders[task]
        waiting[sample_id] = scores
        while self._positions[task] < len(order) and order[self._positions[task]] in waiting:
            following = order[self._positions[task]]
            self._positions[task] += 1
            self._consume(task, following, waiting.pop(following))
        return self.decided

    @property
    def decided(self) -> bool:
        """Whether every rule is; the run may then end."""
        return not self.open_tasks

    @property
    def blocked(self) -> bool:
        """Whether some rule blocks already, so that no other can change the overall verdict."""
        rules = [*self._settled.values(), *(track.verdict for track in self._tests.values())]
        return any(each is not None and each.verdict == "block" and each.decides for each in rules)

    @property
    def open_tasks(self) -> frozenset[str]:
        """The tasks whose samples still matter."""
        undecided = set()
        for rule in self._config.rules:
            track = self._tests.get(rule)
            if rule in self._settled or (track is not None and track.verdict is not None):
                continue
            ref = rule.ref(self._orders)
            assert ref is not None  # otherwise settled
            if self._positions[ref.task] < len(self._orders[ref.task]):
                undecided.add(ref.task)
        return frozenset(undecided)

    def conclude(self, candidate: ScoredRun) -> GateVerdict:
        """The verdict of the ended run, on which rules kept for the end are judged."""
        config = self._config
        rules = []
        for rule in config.rules:
            if rule in self._settled:
                rules.append(self._settled[rule])
            elif rule in self._tests:
                rules.append(self._tests[rule].conclude())
            else:
                rules.append(self._at_the_end(rule, candidate))
        planned = {task: len(order) for task, order in self._orders.items()}
        return conclude(rules, config, self._seed, self._positions, planned)

    # ----------------------------------------------------------------- inside

    def _consume(self, task: str, sample_id: str, scores: Mapping[str, ScoreValue]) -> None:
        for rule, track in list(self._tests.items()):
            ref = rule.ref(self._orders)
            if ref is None or ref.task != task:
                continue
            try:
                track.consume(sample_id, scores)
            except Unsuited as reason:
                del self._tests[rule]
                if rule.kind in CHANGES:
                    self._settled[rule] = blocked(rule, f"sample {sample_id} {reason}")

    def _track(
        self,
        rule: Rule,
        planned: Mapping[str, Mapping[str, str | None]],
        identities: Mapping[str, TaskIdentity],
    ) -> RuleTest | None:
        """The rule's test; None where it is judged at the end.

        Raises:
            CannotCompare: There is nothing to judge it by; it blocks.
            ConfigError: It needs the fixed mode.
        """
        ref = rule.ref(planned)
        if ref is None:
            raise CannotCompare("the run does not evaluate its task")
        task, name = ref.task, ref.metric
        config = self._config
        share = 1 / len(config.of_tier(rule.tier))
        alphas = (share * config.alpha, share * config.alpha_to_block)
        whole = config.population == "benchmark"
        if rule.kind not in CHANGES:
            if not isinstance(measure.metric_object(self._metrics, task, name), Mean):
                return None
            doubt = self._too_few(task, name, planned[task])
            return RuleTest(rule, name, *alphas, _units(planned[task]), whole, doubt=doubt)
        assert self._baseline is not None  # check_rules
        known = [self._baseline]
        if names.ideal_of(rule, known, self._metrics) is not None:
            raise _not_sequential(rule, "it is a distance, not a mean")
        before = _baseline_scores(rule, self._baseline, task, name, identities.get(task))
        clusters = {each: planned[task][each] for each in planned[task] if each in before}
        if not clusters:
            raise CannotCompare("no planned sample has a score in the baseline")
        if rule.kind == "max_relative_drop":
            level = estimates.infer_mean([before[each] for each in clusters], [*clusters.values()])
            check_share(rule, level)
        better = names.direction(rule.metric, known, self._metrics) is not False
        doubt = self._too_few(task, name, planned[task])
        return RuleTest(rule, name, *alphas, _units(clusters), whole, before, better, doubt)

    def _too_few(self, task: str, name: str, planned: Mapping[str, str | None]) -> str:
        """Why what is not planned of the baseline's samples forbids a pass."""
        if self._baseline is None or task not in self._baseline.samples:
            return ""
        rows = measure.rows(self._baseline.samples[task], name)
        missing = sum(row.sample_id not in planned for row in rows)
        return too_many_missing(missing, len(rows), self._config.max_missing)

    def _at_the_end(self, rule: Rule, candidate: ScoredRun) -> RuleVerdict:
        share = len(self._config.of_tier(rule.tier))
        config = replace(
            self._config,
            alpha=self._config.alpha / share,
            block_alpha=self._config.alpha_to_block / share,
        )
        try:
            judge = Judge(config, candidate, self._baseline, self._metrics)
            judged = judge.judge(rule, config.alpha)
        except CannotCompare as reason:
            return blocked(rule, str(reason))
        return fixed.decide(rule, judged, config, judged.p_block)


def _not_sequential(rule: Rule, reason: str) -> ConfigError:
    return ConfigError(
        f"{rule.kind} on {rule.name} cannot be judged sequentially: {reason}",
        'Set mode = "fixed" under [gate], or bound it with min or max, which are then '
        "judged at the end of the run.",
    )


def _units(clusters: Mapping[str, str | None]) -> dict[str, str]:
    """Sample id → unit: its cluster, or itself; the two can have the same name."""
    return {
        name: f"sample {name}" if cluster is None else f"cluster {cluster}"
        for name, cluster in clusters.items()
    }


def _baseline_scores(
    rule: Rule, baseline: ScoredRun, task: str, name: str, identity: TaskIdentity | None
) -> dict[str, float]:
    """Sample id → the baseline's score, in [0, 1].

    Raises:
        CannotCompare: The baseline lacks the task, or is not comparable.
        ConfigError: The metric cannot be judged sample by sample.
    """
    if task not in baseline.result.tasks or task not in baseline.samples:
        raise CannotCompare(f"the baseline holds no samples of {task}")
    theirs = baseline.result.tasks[task]
    reason = identity and (
        comparability.incomparable(TaskIdentity.of_result(theirs), identity)
        or comparability.other_repeats(theirs.settings, identity.settings, name)
    )
    if reason:
        raise CannotCompare(f"not comparable with the baseline ({reason})")
    rows = measure.rows(baseline.samples[task], name)
    if not rows:
        raise CannotCompare("the baseline has no scores of it")
    values = [row.value for row in rows]
    if any(isinstance(value, float) and value != value for value in values):
        raise CannotCompare("the baseline holds a score that is NaN")
    bounded = all(isinstance(value, float) and 0 <= value <= 1 for value in values)
    if not bounded or not measure.is_mean(rows, theirs.metrics.get(name)):
        raise _not_sequential(rule, "it is not a mean of per-sample scores in [0, 1]")
    return {row.sample_id: row.value for row in rows if isinstance(row.value, float)}
