"""How good a reward model is: held-out pairs against what comes without any training.

A share of rightly ranked pairs says little by itself: the length ranks most pairs of many data
sets, and a head of random weights follows length, too. So the verdict compares with both.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.stats import estimates
from harness.types import Estimate
from harness_align.dataset.training_rows import Row, Rows
from harness_align.evaluation import measures, simple_rules
from harness_align.evaluation.held_out_changes import HeldOutChange, HeldOutEvaluation, Paired
from harness_align.reward_model import ModelReward, Values


def measure(checkpoint: Path, base: str, development: Rows, seed: int = 0) -> HeldOutEvaluation:
    """Scores every held-out pair by the trained model, the untrained one, and simple rules.

    Args:
        checkpoint: The trained reward model.
        base: The checkpoint that it was trained from.
        development: Held-out pairs.
        seed: Of the training, which made the new head by it.

    Returns:
        Its targets are the two comparisons that a reward model must win: with the rule that ranks
        most of these pairs rightly, and with the model before its first step.

    Raises:
        ModelError: The checkpoint is no reward model.
    """
    rows = development.rows
    clusters = [row.key for row in rows]
    chosen, rejected = _scores(ModelReward(str(checkpoint)), rows)
    won = measures.wins(rejected, chosen)
    untrained = measures.wins(*_scores(ModelReward(str(checkpoint), base, seed), rows)[::-1])
    ruled = simple_rules.rank(rows)
    lengths = ([len(simple_rules.text(row, index)) for row in rows] for index in (0, 1))
    matched = measures.length_matched(*lengths)
    found = (
        HeldOutChange(
            "pairwise accuracy", measures.win_rate(won, clusters), "held-out pairs ranked rightly"
        ),
        HeldOutChange(
            "pairwise accuracy, equal length",
            measures.win_rate(*_only(won, clusters, matched)),
            "on pairs whose lengths are within 10 %",
        ),
        HeldOutChange(
            "accuracy before training",
            measures.win_rate(untrained, clusters),
            "the same model before its first step, with the head that was trained",
        ),
        *(
            HeldOutChange(f"accuracy of choosing {name}", accuracy, ruled.note(name))
            for name, accuracy in ruled.accuracies.items()
        ),
        HeldOutChange(
            "reward margin",
            _margin(chosen, rejected, clusters),
            "chosen − rejected, in nats of the Bradley–Terry model",
        ),
    )
    targets = (
        _target("the untrained model", untrained, won, clusters),
        _target(ruled.reference, ruled.wins, won, clusters),
    )
    return HeldOutEvaluation(found, default_targets=targets)


def _margin(chosen: Values, rejected: Values, clusters: Sequence[str]) -> Estimate:
    """The mean difference of the pairs of which both answers have a value."""
    pairs = [
        (a - b, cluster)
        for a, b, cluster in zip(chosen, rejected, clusters, strict=True)
        if a is not None and b is not None
    ]
    return estimates.mean([value for value, _ in pairs], [cluster for _, cluster in pairs])


def _target(
    reference: str,
    before: Sequence[float | None],
    after: Sequence[float | None],
    clusters: Sequence[str],
) -> Paired:
    """The accuracy of a reference and the model's, on the pairs that both ranked."""
    kept = [
        (old, new, each)
        for old, new, each in zip(before, after, clusters, strict=True)
        if old is not None and new is not None
    ]
    old, new, prompts = zip(*kept, strict=True) if kept else ((), (), ())
    return Paired("pairwise accuracy on held-out pairs", old, new, prompts, reference)


def _scores(model: ModelReward, rows: Sequence[Row]) -> tuple[Values, Values]:
    """The model's values of the chosen and of the rejected answers."""
    prompts = [row.prompt for row in rows]
    chosen, rejected = (model(prompts, [simple_rules.text(row, i) for row in rows]) for i in (0, 1))
    return chosen, rejected


def _only(
    values: Sequence[float | None], clusters: Sequence[str], keep: Sequence[bool]
) -> tuple[list[float | None], list[str]]:
    rows = [(v, c) for v, c, k in zip(values, clusters, keep, strict=True) if k]
    return [value for value, _ in rows], [cluster for _, cluster in rows]
