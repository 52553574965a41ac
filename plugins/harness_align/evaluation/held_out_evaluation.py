"""What the training did to the model's answers on held-out prompts, and at what distance.

Win rates, KL to the reference, lengths, diversity, truncation, and on held-out pairs the drift
of the chosen answer's log-probability. Everything asks models through their backends.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from harness import ModelConfig, Registry, open_model
from harness.types import Completion, Generate, Loglikelihood, Prompt, Sampling
from harness_align import rewards
from harness_align.dataset.training_rows import Row, Rows, plain
from harness_align.evaluation import asking, judging, measures, simple_rules
from harness_align.evaluation.held_out_changes import HeldOutChange, HeldOutEvaluation, Paired


@dataclass(frozen=True, slots=True)
class Probing:
    """How both models are asked.

    Attributes:
        base: The base.
        candidate: The trained checkpoint; everything else equals ``base``.
        registry: The loaded plugins.
        sampling: Of the answers.
        samples: Most prompts (and pairs) to ask.
        reward: What was trained on; empty for none.
        held_out_reward: What was not.
        judge: Compares answers; None for none.
    """

    base: ModelConfig
    candidate: ModelConfig
    registry: Registry
    sampling: Sampling
    samples: int
    reward: str = ""
    held_out_reward: str = ""
    judge: ModelConfig | None = None


def measure(probing: Probing, development: Rows) -> HeldOutEvaluation:
    """Asks both models about held-out rows, and compares.

    Raises:
        HarnessError: A model or reward cannot be used.
    """
    rows = _distinct_prompts(development, probing.samples)
    asked = [Generate(row.prompt, probing.sampling) for row in rows]
    old = asking.texts(probing.base, probing.registry, asked)
    new = asking.texts(probing.candidate, probing.registry, asked)
    answered = [
        (row, before, after)
        for row, before, after in zip(rows, old, new, strict=True)
        if before is not None and after is not None
    ]
    if not answered:
        return HeldOutEvaluation()
    kept = [row for row, _, _ in answered]
    before, after = [each for _, each, _ in answered], [each for _, _, each in answered]
    found = _lengths(kept, before, after)
    won, target = _rewards(probing, kept, before, after)
    likelihoods: list[HeldOutChange] = []
    likelier: tuple[Paired, ...] = ()
    if Loglikelihood in _supports(probing):
        found += _distance(probing, kept, after)
        likelihoods, likelier = _likelihoods(probing, development.rows[: probing.samples])
    return HeldOutEvaluation(
        (*won, *_judged(probing, kept, before, after), *found, *likelihoods),
        _shares(before, after),
        tuple((plain(row.prompt), one.text, other.text) for row, one, other in answered[:EXAMPLES]),
        likelier if target is None else (target,),
    )


EXAMPLES = 8


def _distinct_prompts(rows: Rows, most: int) -> list[Row]:
    return list({plain(row.prompt): row for row in reversed(rows.rows)}.values())[::-1][:most]


def _clusters(rows: Sequence[Row]) -> list[str]:
    return [row.key for row in rows]


def _distance(
    probing: Probing, rows: Sequence[Row], answers: Sequence[Completion]
) -> list[HeldOutChange]:
    """KL(candidate ‖ base) a token, on the candidate's own samples."""
    pairs = [(row, each) for row, each in zip(rows, answers, strict=True) if each.text]
    if not pairs:
        return []
    # Decoding drops the space that most answers begin with: of both forms, the likelier was said.
    forms = [
        [Loglikelihood(row.prompt, start + each.text) for row, each in pairs] for start in ("", " ")
    ]
    said = asking.logprobs(probing.candidate, probing.registry, [*forms[0], *forms[1]])
    bare, spaced = said[: len(pairs)], said[len(pairs) :]
    use = [
        one is not None and other is not None and other.total > one.total
        for one, other in zip(bare, spaced, strict=True)
    ]
    requests = [forms[second][index] for index, second in enumerate(use)]
    ours = [(bare, spaced)[second][index] for index, second in enumerate(use)]
    theirs = asking.logprobs(probing.base, probing.registry, requests)
    found = [
        (one.total - other.total, one.token_count, plain(row.prompt))
        for (row, _), one, other in zip(pairs, ours, theirs, strict=True)
        if one is not None and other is not None and one.token_count
    ]
    if not found:
        return []
    totals, tokens, clusters = zip(*found, strict=True)
    estimate = measures.per_token(totals, tokens, clusters)
    return [
        HeldOutChange("KL per token", estimate, "distance to the base on the model's own answers")
    ]


def _supports(probing: Probing) -> frozenset[type]:
    with closing(open_model(probing.candidate, probing.registry)) as backend:
        return backend.supports


def _lengths(
    rows: Sequence[Row], before: Sequence[Completion], after: Sequence[Completion]
) -> list[HeldOutChange]:
    estimate = measures.ratio(_lengths_of(after), _lengths_of(before), _clusters(rows))
    return [
        HeldOutChange("length ratio", estimate, "length of the answers over the base's; 1 is equal")
    ]


def _lengths_of(answers: Sequence[Completion]) -> list[float]:
    return [
        float(len(each.text.split()) if each.tokens is None else each.tokens) for each in answers
    ]


def _shares(
    before: Sequence[Completion], after: Sequence[Completion]
) -> dict[str, tuple[float, float]]:
    sides = ([each.text for each in before], [each.text for each in after])
    cut = [sum(e.finish_reason == "length" for e in side) / len(side) for side in (before, after)]
    return {
        "distinct-1": (measures.distinct(sides[0], 1), measures.distinct(sides[1], 1)),
        "distinct-2": (measures.distinct(sides[0], 2), measures.distinct(sides[1], 2)),
        "truncated": (cut[0], cut[1]),
    }


# --------------------------------------------------------------------------- rewards


def _rewards(
    probing: Probing,
    rows: Sequence[Row],
    before: Sequence[Completion],
    after: Sequence[Completion],
) -> tuple[list[HeldOutChange], Paired | None]:
    """Changes and win rates by each reward; the trained one is the default target."""
    effects: list[HeldOutChange] = []
    targets: list[Paired] = []
    for name, text in (
        ("reward", probing.reward),
        ("held-out reward", probing.held_out_reward),
    ):
        if text:
            function = rewards.WeightedSum(text, probing.registry)
            found, target = _by_reward(name, function, rows, before, after)
            effects += found
            targets += [] if target is None else [target]
    if len(targets) == 2:
        note = (
            "gain in the trained reward beyond the held-out one's, in the base's standard "
            "deviations; clearly above 0 is reward hacking"
        )
        sides = [
            dict(zip(each.clusters, zip(each.before, each.after, strict=True), strict=True))
            for each in targets
        ]
        effects.append(HeldOutChange("reward gap", measures.gap(*sides), note))
    return effects, targets[0] if targets else None


def _by_reward(
    name: str,
    function: rewards.Reward,
    rows: Sequence[Row],
    before: Sequence[Completion],
    after: Sequence[Completion],
) -> tuple[list[HeldOutChange], Paired | None]:
    """One reward's change and win rates; nothing where it values no answer."""
    prompts: list[Prompt] = [row.prompt for row in rows]
    facts = [row.facts for row in rows]
    clusters = _clusters(rows)
    old = function(prompts, [each.text for each in before], facts)
    new = function(prompts, [each.text for each in after], facts)
    known = [
        (a, b, cluster)
        for a, b, cluster in zip(old, new, clusters, strict=True)
        if a is not None and b is not None
    ]
    if not known:
        return [], None
    a, b, own = zip(*known, strict=True)
    change = measures.change(a, b, own)
    won = measures.wins(old, new)
    lengths = np.subtract(_lengths_of(after), _lengths_of(before)).tolist()
    effects = [
        HeldOutChange(f"{name} change", change, f"from {np.mean(a):.4g} to {np.mean(b):.4g}"),
        HeldOutChange(
            f"win rate ({name})",
            measures.win_rate(won, clusters),
            "share of prompts on which the answer beats the base's; ties ½",
        ),
        HeldOutChange(
            f"length-controlled win rate ({name})",
            measures.length_controlled_win_rate(won, lengths, clusters),
            "the same at equal length",
        ),
    ]
    return effects, Paired(f"{name} on held-out prompts", a, b, own)


def _judged(
    probing: Probing,
    rows: Sequence[Row],
    before: Sequence[Completion],
    after: Sequence[Completion],
) -> list[HeldOutChange]:
    """Win rates by a judge that saw both orders."""
    if probing.judge is None:
        return []
    clusters = _clusters(rows)
    texts = ([each.text for each in before], [each.text for each in after])
    won = judging.preferences(probing.judge, probing.registry, clusters, *texts)
    lengths = np.subtract(_lengths_of(after), _lengths_of(before)).tolist()
    return [
        HeldOutChange("win rate (judge)", measures.win_rate(won, clusters), "both orders, ties ½"),
        HeldOutChange(
            "length-controlled win rate (judge)",
            measures.length_controlled_win_rate(won, lengths, clusters),
            "the same at equal length",
        ),
    ]


# --------------------------------------------------------------------------- likelihoods


def _likelihoods(
    probing: Probing, rows: Sequence[Row]
) -> tuple[list[HeldOutChange], tuple[Paired, ...]]:
    """Drift of held-out answers' log-probabilities; for pairs, margin and accuracy too.

    Pairs have two targets: the chosen answers are preferred more often than by the base, and what
    was learned ranks pairs better than the best simple rule.
    """
    rows = [row for row in rows if row.chosen is not None and row.label is not False]
    if not rows:
        return [], ()
    chosen = _totals(probing, rows, [row.chosen for row in rows])
    paired = rows[0].rejected is not None
    rejected = _totals(probing, rows, [row.rejected for row in rows]) if paired else chosen
    known = np.isfinite(np.concatenate([chosen, rejected])).all(axis=0)
    chosen, rejected = chosen[:, known], rejected[:, known]
    rows = [row for row, keep in zip(rows, known, strict=True) if keep]
    if not rows:
        return [], ()
    clusters = _clusters(rows)
    drift = HeldOutChange(
        "chosen log-probability drift",
        measures.change(chosen[0], chosen[1], clusters),
        "change in nats an answer; strongly negative: the good answers are being unlearned",
    )
    if not paired:
        return [drift], (_paired("log-probability of held-out answers", chosen, clusters),)
    gains = (chosen[1] - chosen[0], rejected[1] - rejected[0])
    won = [float(np.sign(one - other) + 1) / 2 for one, other in zip(*gains, strict=True)]
    ruled = simple_rules.rank(rows)
    effects = [
        drift,
        HeldOutChange(
            "reward margin",
            measures.change(gains[1], gains[0], clusters),
            "chosen − rejected, as log-ratios to the base, in nats",
        ),
        HeldOutChange(
            "reward accuracy",
            measures.win_rate(won, clusters),
            "held-out pairs whose chosen answer gained more; ties ½",
        ),
        *(
            HeldOutChange(f"accuracy of choosing {name}", accuracy, ruled.note(name))
            for name, accuracy in ruled.accuracies.items()
        ),
    ]
    right = (chosen > rejected).astype(float)
    return effects, (
        _paired("preference for the chosen answer on held-out pairs", right, clusters),
        Paired(
            "reward accuracy on held-out pairs",
            tuple(ruled.wins),
            tuple(won),
            tuple(clusters),
            ruled.reference,
        ),
    )


def _paired(name: str, sides: measures.Array, clusters: Sequence[str]) -> Paired:
    before, after = (tuple(map(float, side)) for side in sides)
    return Paired(name, before, after, tuple(clusters))


def _totals(
    probing: Probing, rows: Sequence[Row], answers: Sequence[Prompt | None]
) -> measures.Array:
    """Log-probabilities of the answers by base and candidate, shape (2, n); NaN where failed."""
    requests = [
        Loglikelihood(row.prompt, _answer_text(answer))
        for row, answer in zip(rows, answers, strict=True)
    ]
    sides = []
    for model in (probing.base, probing.candidate):
        found = asking.logprobs(model, probing.registry, requests)
        sides.append([np.nan if each is None else each.total for each in found])
    return np.array(sides, dtype=np.float64)


def _answer_text(answer: Prompt | None) -> str:
    """The text of an answer given as messages."""
    assert answer is not None
    return answer if isinstance(answer, str) else "".join(turn.content for turn in answer)
