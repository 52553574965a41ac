"""Rules that the planned samples cannot judge at any margin: said before the first request."""

from __future__ import annotations

from collections.abc import Mapping

from harness.authoring.metrics import Mean, Resamplable, statistics_of
from harness.comparison import measure
from harness.comparison.measure import MetricsOfTask
from harness.errors import ConfigError
from harness.gating.config import GateConfig, Rule
from harness.gating.names import check_reducers, measured
from harness.protocols import NO_AGREEMENT, calibration_of
from harness.results.baseline import ScoredRun
from harness.stats import resampling

_REMEDIES = (
    "Calibrate it on labels of people (`harness judge calibrate`), give the rule "
    'tier = "advisory", or set allow_uncalibrated = true in [gate].',
    'Take another judge or rubric, calibrate on more labels, or give the rule tier = "advisory".',
)
"""What to do about an uncalibrated judge, and about one no better than chance."""

Planned = Mapping[str, Mapping[str, str | None]]
"""Task → sample id → cluster, None for a sample of its own."""


def check_samples(
    config: GateConfig, planned: Planned, baseline: ScoredRun | None, metrics: MetricsOfTask
) -> None:
    """Refuses a gate of which a blocking rule would have no interval, whatever is answered.

    What only the answers can show (that nothing varies) is left to the verdict.

    Args:
        config: The gate.
        planned: The samples that the run will score.
        baseline: The run that is compared with; how many samples each class has is read from it.
        metrics: Task → metric objects.

    Raises:
        ConfigError: There are such rules; the message has the number of samples that would do.
        UnknownNameError: A rule is on a reducer of repeats that the run does not compute.
    """
    check_reducers(config.rules, metrics)
    check_calibration(config, metrics)
    found = {
        rule: reason
        for rule in config.of_tier("blocking")
        if (reason := refused(rule, planned, baseline, metrics)) is not None
    }
    if found:
        listed = "\n".join(f"  {rule.name} {rule}: {why}" for rule, why in found.items())
        raise ConfigError(
            f"no interval could be trusted, whatever the model answers, for:\n{listed}",
            "Plan that many samples (--limit, --sample), bound another metric, or give the rule "
            'tier = "advisory".',
        )


def check_calibration(config: GateConfig, metrics: MetricsOfTask) -> None:
    """Refuses blocking rules on a judge that nobody has checked, unless the gate allows it.

    One that was checked, and does not agree with people more than by chance, it cannot allow.

    Raises:
        ConfigError: There are such rules.
    """
    for rule in config.of_tier("blocking"):
        ref = rule.ref(metrics)
        name = "" if ref is None else measured(ref.metric)
        metric = None if ref is None else measure.metric_object(metrics, ref.task, name)
        calibration = None if metric is None else calibration_of(metric)
        if why := config.distrusted(rule, calibration):
            raise ConfigError(f"{rule.name}: {why}", _REMEDIES[calibration == NO_AGREEMENT])


def refused(
    rule: Rule, planned: Planned, baseline: ScoredRun | None, metrics: MetricsOfTask
) -> str | None:
    """Why these samples cannot judge the rule, with the number that would do; None where they can.

    A metric that is not at hand, and a probe's measure, are left to the verdict.
    """
    ref = rule.ref(planned)
    if ref is None:
        return None
    task, name = ref.task, ref.metric
    metric = measure.metric_object(metrics, task, name)
    clusters = planned[task]
    if metric is None or not clusters:
        return None
    units = len({(name, each) if each is None else each for name, each in clusters.items()})
    needed = _fewest_units(metric)
    if units < needed and len(clusters) > 1:
        what = "samples" if units == len(clusters) else f"clusters ({len(clusters):,} samples)"
        return f"{units} {what} planned, and it takes at least {needed}"
    known = {} if baseline is None else baseline.samples.get(task, {})
    rows = measure.rows({each: known[each] for each in clusters if each in known}, name)
    if not isinstance(metric, Resamplable) or not rows:
        return None
    return resampling.doubted(
        metric.compute, statistics_of(rows, metric).sum(axis=0, keepdims=True)
    )


def _fewest_units(metric: object) -> int:
    """Samples, or clusters, below which the metric has no interval."""
    if isinstance(metric, Mean):
        return 2
    if not isinstance(metric, Resamplable):
        return 4  # for halves that differ
    return resampling.FEWEST_NOISY if hasattr(metric.compute, "noise") else 2
