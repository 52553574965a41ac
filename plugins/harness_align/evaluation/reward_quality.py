"""How good a reward model is: held-out pairs against what comes without any training.

A share of rightly ranked pairs says little by itself: the length ranks most pairs of many data
sets, and a head of random weights follows length, too. So the verdict compares with both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.stats import estimates
from harness.types import Estimate
from harness_align.dataset.training_rows import Row, Rows, plain
from harness_align.evaluation import measures
from harness_align.evaluation.held_out_evaluation import HeldOutChange, HeldOutEvaluation, Paired
from harness_align.reward_model import ModelReward, Values

Rule = Callable[[Row, str], object]


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
    ruled = {name: by_rule(rule, rows) for name, rule in RULES.items()}
    accuracies = {name: measures.win_rate(wins, clusters) for name, wins in ruled.items()}
    best = max(accuracies, key=lambda name: accuracies[name].value)
    lengths = ([len(_text(row, index)) for row in rows] for index in (0, 1))
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
            HeldOutChange(
                f"accuracy of choosing {name}",
                accuracy,
                "the best simple rule" if name == best else "what this alone would reach",
            )
            for name, accuracy in accuracies.items()
        ),
        HeldOutChange(
            "reward margin",
            _margin(chosen, rejected, clusters),
            "chosen − rejected, in nats of the Bradley–Terry model",
        ),
    )
    targets = (
        _target("the untrained model", untrained, won, clusters),
        _target(f"choosing {best} (the best simple rule)", ruled[best], won, clusters),
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
    chosen, rejected = (model(prompts, [_text(row, i) for row in rows]) for i in (0, 1))
    return chosen, rejected


# --------------------------------------------------------------------------- simple rules


def _shared_words(row: Row, answer: str) -> float:
    """Share of the answer's different words that are in the prompt."""
    words = set(_WORD.findall(answer.lower()))
    return len(words & set(_WORD.findall(plain(row.prompt).lower()))) / max(len(words), 1)


_WORD = re.compile(r"\w+")
RULES: Mapping[str, Rule] = {
    "the longer answer": lambda _, answer: len(answer),
    "the shorter answer": lambda _, answer: -len(answer),
    "the answer with more words of the prompt": _shared_words,
    "the answer with fewer words of the prompt": lambda *of: -_shared_words(*of),
    "the first answer in alphabetical order": lambda _, answer: [-ord(c) for c in answer] + [1],
    "the last answer in alphabetical order": lambda _, answer: answer,
}
"""Name → the higher, the better. A pair's place in its row is no rule: a reward model sees one
answer at a time, and the better one comes first in every row."""


def by_rule(rule: Rule, rows: Sequence[Row]) -> list[float | None]:
    """1 where the rule prefers the chosen answer, 0 where the rejected one, ½ where neither."""
    wins: list[float | None] = []
    for row in rows:
        chosen, rejected = (rule(row, _text(row, index)) for index in (0, 1))
        wins.append(0.5 if chosen == rejected else float(chosen > rejected))  # type: ignore[operator]
    return wins


def _text(row: Row, index: int) -> str:
    answer = row.answers[index]
    return answer if isinstance(answer, str) else "".join(turn.content for turn in answer)


def _only(
    values: Sequence[float | None], clusters: Sequence[str], keep: Sequence[bool]
) -> tuple[list[float | None], list[str]]:
    rows = [(v, c) for v, c, k in zip(values, clusters, keep, strict=True) if k]
    return [value for value, _ in rows], [cluster for _, cluster in rows]
