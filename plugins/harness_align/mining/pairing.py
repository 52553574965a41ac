"""Preference pairs made by models of different strength, without an annotator.

Xu et al. 2023 (arXiv 2310.02263): the stronger model's answer is taken as the better one; strong
against weak is easy, strong against middle is hard. Every drop is counted and reported.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from harness import ModelConfig, Registry
from harness.errors import DataError, UsageError
from harness.types import Completion, Generate, Sampling
from harness_align import rewards
from harness_align.dataset.curriculum import DIFFICULTY
from harness_align.dataset.training_rows import Row, Rows, plain
from harness_align.evaluation import asking
from harness_align.mining.conversion import spaced


@dataclass(frozen=True, slots=True)
class PairSpec:
    """Which models answer, how, and which pairs are kept.

    Attributes:
        models: ``strong``, ``weak`` and perhaps ``middle`` → how it is opened.
        sampling: Of all answers.
        max_words: Longer answers are dropped.
        length_outlier: A pair is dropped where one answer is more than this many times as long
            as the other, in words; infinity keeps all.
        agree: A reward that must prefer the chosen answer; empty asks none.
    """

    models: Mapping[str, ModelConfig]
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=0.7))
    max_words: int = 400
    length_outlier: float = 5.0
    agree: str = ""

    def __post_init__(self) -> None:
        """Checks that there are two different models at least.

        Raises:
            UsageError: There are not.
        """
        if not {"strong", "weak"} <= set(self.models):
            raise UsageError("pairs need a strong and a weak model", "Give --strong and --weak.")
        names = [each.model for each in self.models.values()]
        if len(set(names)) < len(names):
            raise UsageError(
                f"{', '.join(names)}: one model twice is not stronger than itself",
                "Give different models.",
            )


@dataclass(frozen=True, slots=True)
class Made:
    """The pairs and what became of the rest: reason → number of pairs dropped."""

    pairs: Rows
    dropped: Mapping[str, int]
    prompts: int


def make(
    spec: PairSpec, prompts: Rows, registry: Registry, say: Callable[[str], None] = lambda _: None
) -> Made:
    """Asks every model for an answer to every prompt, and pairs the answers.

    Args:
        spec: Models and filters.
        prompts: Rows with prompts.
        registry: The loaded plugins.
        say: Called with a line at the start of each part.

    Raises:
        DataError: No pair is left.
        HarnessError: A model cannot be used.
    """
    rows = list({plain(row.prompt): row for row in reversed(prompts.rows)}.values())[::-1]
    answers: dict[str, list[Completion | None]] = {}
    for role, model in spec.models.items():
        say(f"Asking the {role} model {model.model} for {len(rows):,} answers")
        asked = [Generate(row.prompt, spec.sampling) for row in rows]
        answers[role] = asking.texts(model, registry, asked)
    agreement = _agreement(spec, rows, answers, registry)
    dropped: Counter[str] = Counter()
    pairs: list[Row] = []
    for number, row in enumerate(rows):
        for weaker in ("weak", "middle"):
            if weaker not in answers:
                continue
            chosen, rejected = answers["strong"][number], answers[weaker][number]
            gap = agreement(number, weaker)
            why = _unfit(spec, chosen, rejected, gap)
            if why is not None:
                dropped[why] += 1
                continue
            assert chosen is not None
            assert rejected is not None
            facts = _facts(spec, row, weaker, gap)
            pairs.append(
                Row(
                    row.line,
                    row.prompt,
                    _answer(row, chosen.text),
                    _answer(row, rejected.text),
                    facts=facts,
                )
            )
    if not pairs:
        raise DataError(
            f"no pair is left of {len(rows):,} prompts: {_listed(dropped)}",
            path=prompts.source,
            expected="models that answer differently; loosen --max-words or --length-outlier",
        )
    return Made(
        Rows("preference", tuple(_with_gaps(spec, pairs)), prompts.source), dropped, len(rows)
    )


def _answer(row: Row, text: str) -> Any:
    """The answer after its prompt; decoding has dropped the space it began with."""
    return text if text[:1].isspace() else spaced(row.prompt, text)


def _unfit(
    spec: PairSpec, chosen: Completion | None, rejected: Completion | None, gap: float | None
) -> str | None:
    """Why a pair is dropped; None keeps it."""
    if chosen is None or rejected is None:
        return "a model failed"
    texts = (chosen.text.strip(), rejected.text.strip())
    words = [len(text.split()) for text in texts]
    if not all(texts):
        return "empty answer"
    if texts[0] == texts[1]:
        return "identical answers"
    if max(words) > spec.max_words:
        return f"longer than {spec.max_words:,} words"
    if max(words) > spec.length_outlier * max(1, min(words)):
        return f"one answer over {spec.length_outlier:g} times as long"
    if spec.agree and (gap is None or gap <= 0):
        return "the reward does not prefer the stronger model's answer"
    return None


def _agreement(
    spec: PairSpec,
    rows: Sequence[Row],
    answers: Mapping[str, Sequence[Completion | None]],
    registry: Registry,
) -> Callable[[int, str], float | None]:
    """(row, weaker role) → how much higher the reward scores the strong answer."""
    if not spec.agree:
        return lambda _, __: None
    function = rewards.WeightedSum(spec.agree, registry)
    prompts, facts = [row.prompt for row in rows], [row.facts for row in rows]
    scores = {
        role: function(prompts, ["" if each is None else each.text for each in given], facts)
        for role, given in answers.items()
    }

    def gap(number: int, weaker: str) -> float | None:
        strong, weak = scores["strong"][number], scores[weaker][number]
        return None if strong is None or weak is None else strong - weak

    return gap


def _facts(spec: PairSpec, row: Row, weaker: str, gap: float | None) -> dict[str, Any]:
    """What is kept of each pair: enough to make it again."""
    return {
        **row.facts,
        DIFFICULTY: "easy" if weaker == "weak" else "hard",
        "chosen_model": spec.models["strong"].model,
        "rejected_model": spec.models[weaker].model,
        "score_gap": gap,
        "max_tokens": spec.sampling.max_tokens,
        "temperature": spec.sampling.temperature,
        "top_p": spec.sampling.top_p,
        "seed": spec.sampling.seed,
    }


def _with_gaps(spec: PairSpec, pairs: Sequence[Row]) -> list[Row]:
    """With two models and a reward, a wide gap of the scores is easy, a narrow one hard."""
    if "middle" in spec.models or not spec.agree:
        return list(pairs)
    middle = median(float(row.facts["score_gap"]) for row in pairs)
    return [
        Row(
            row.line,
            row.prompt,
            row.chosen,
            row.rejected,
            facts={
                **row.facts,
                DIFFICULTY: "easy" if float(row.facts["score_gap"]) >= middle else "hard",
            },
        )
        for row in pairs
    ]


def _listed(dropped: Mapping[str, int]) -> str:
    return "; ".join(f"{count:,} {why}" for why, count in dropped.items()) or "none was made"


def describe(made: Made) -> dict[str, Any]:
    """What the documentation file beside the pairs holds."""
    kinds = Counter(str(row.facts[DIFFICULTY]) for row in made.pairs.rows)
    lengths = [
        math.fsum(len(plain(answer).split()) for answer in side) / len(made.pairs)
        for side in zip(*(row.answers for row in made.pairs.rows), strict=True)
    ]
    return {
        "prompts": made.prompts,
        "pairs": len(made.pairs),
        **dict(kinds),
        "words chosen": round(lengths[0], 2),
        "words rejected": round(lengths[1], 2),
        "dropped": dict(made.dropped),
    }
