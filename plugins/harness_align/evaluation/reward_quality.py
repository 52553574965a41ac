"""How good a reward model is: held-out pairwise accuracy, and whether length explains it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.stats import estimates
from harness_align.dataset.training_rows import Row, Rows
from harness_align.evaluation import measures
from harness_align.evaluation.held_out_evaluation import HeldOutChange, HeldOutEvaluation, Paired
from harness_align.rewards import ModelReward


def measure(checkpoint: Path, development: Rows) -> HeldOutEvaluation:
    """Scores every held-out pair.

    Raises:
        ModelError: The checkpoint is no reward model.
    """
    model = ModelReward(str(checkpoint))
    rows = development.rows
    prompts = [row.prompt for row in rows]
    chosen = model(prompts, [_text(row, 0) for row in rows])
    rejected = model(prompts, [_text(row, 1) for row in rows])
    won = measures.wins(rejected, chosen)
    matched = measures.length_matched(*([len(_text(row, i)) for row in rows] for i in (0, 1)))
    longer = [float(len(_text(row, 0)) > len(_text(row, 1))) for row in rows]
    clusters = [row.key for row in rows]
    margins = [
        (a - b, cluster)
        for a, b, cluster in zip(chosen, rejected, clusters, strict=True)
        if a is not None and b is not None
    ]
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
            "accuracy of choosing the longer",
            measures.win_rate(longer, clusters),
            "what length alone would reach",
        ),
        HeldOutChange(
            "reward margin",
            estimates.mean([value for value, _ in margins], [each for _, each in margins]),
            "chosen − rejected, in nats of the Bradley–Terry model",
        ),
    )
    kept = [(value, each) for value, each in zip(won, clusters, strict=True) if value is not None]
    target = Paired(
        "pairwise accuracy above chance",
        tuple(0.5 for _ in kept),
        tuple(value for value, _ in kept),
        tuple(each for _, each in kept),
    )
    return HeldOutEvaluation(found, default_target=target)


def _text(row: Row, index: int) -> str:
    answer = row.answers[index]
    return answer if isinstance(answer, str) else "".join(turn.content for turn in answer)


def _only(
    values: Sequence[float | None], clusters: Sequence[str], keep: Sequence[bool]
) -> tuple[list[float | None], list[str]]:
    rows = [(v, c) for v, c, k in zip(values, clusters, keep, strict=True) if k]
    return [value for value, _ in rows], [cluster for _, cluster in rows]
