"""The methods that ``harness align --method`` offers, and the stages each of them is made of.

A stage is one training run in one child process, with one trainer of
``harness_align.training.methods``; stages hand over folders, never weights in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from harness.errors import UsageError
from harness.protocols import DataKind

if TYPE_CHECKING:  # registered before it is used: pydantic must not load yet
    from pydantic import BaseModel

    from harness_align.spec import AlignSpec


@dataclass(frozen=True, slots=True)
class Method:
    """One value of ``--method``.

    Attributes:
        name: What users call it.
        description: One line for ``harness ls``.
        kinds: The kinds of data it can train on, best first.
        stages: The training runs it is made of.
        trainers: What its stages may train with, where that is not a trainer of its own name.
        makes: What comes of it, see ``AlignerSpec``.
        own: Its settings that some other method does not have.
    """

    name: str
    description: str
    kinds: tuple[DataKind, ...]
    stages: Callable[[AlignSpec], list[AlignSpec]]
    trainers: tuple[str, ...] = ()
    makes: Literal["model", "reward"] = "model"
    own: tuple[str, ...] = ()

    def kinds_for(self, rewards: object) -> tuple[DataKind, ...]:
        """The kinds of data that it can train on, best first, where ``rewards`` are given."""
        if "prompt" not in self.kinds:
            return self.kinds
        return ("prompt",) if rewards else ("preference",)

    def settings(self) -> type[BaseModel]:
        """What a user may set."""
        from harness_align import settings

        of_others = {name for each in METHODS.values() for name in each.own} - {*self.own}
        return settings.model(self.name, self.trainers or (self.name,), frozenset(of_others))


def _single(spec: AlignSpec) -> list[AlignSpec]:
    return [spec]


def _rlhf(spec: AlignSpec) -> list[AlignSpec]:
    """Reward model (unless a reward is given), then RLOO or GRPO with a KL term."""
    policy = replace(spec, method=spec.policy_optimizer)
    if spec.rewards:
        return [policy]
    out = Path(spec.out) / "reward"
    # The reward model is always trained whole: an adapter would have to be merged to be used.
    reward = replace(
        spec,
        method="reward",
        out=str(out),
        steps=spec.reward_steps or spec.steps,
        learning_rate=spec.reward_learning_rate,
        beta=None,
        adapter="full",
        stop_tasks=(),
    )
    return [reward, replace(policy, rewards=str(out / "model"))]


def _contrastive(spec: AlignSpec) -> list[AlignSpec]:
    """SFT on the strong model's answers where the settings want it, then the curriculum."""
    main = replace(spec, method="contrastive")
    if not spec.sft_steps:
        return [main]
    if spec.objective == "sft":
        raise UsageError(
            "sft_steps with objective=sft is SFT twice", "Leave sft_steps out for the ablation."
        )
    out = Path(spec.out) / "sft"
    first = replace(
        spec,
        method="sft",
        out=str(out),
        steps=spec.sft_steps,
        learning_rate=spec.sft_learning_rate,
        adapter="full",
        stop_tasks=(),
    )
    return [first, replace(main, model=str(out / "model"))]


_PAIRS: tuple[DataKind, ...] = ("preference",)
_OF_DPO = ("loss", "beta", "label_smoothing")
_OF_SLIC = ("slic_delta", "slic_lambda")
_OF_CONTRASTIVE = ("curriculum", "objective", "sft_steps", "sft_learning_rate")
_OF_RLHF = (
    *("policy_optimizer", "reward_steps", "reward_learning_rate"),
    *("generations", "constant_reward_patience"),
)

METHODS = {
    each.name: each
    for each in (
        Method(
            "sft",
            "supervised fine-tuning on answers",
            ("completion", "text", "preference"),
            _single,
        ),
        Method(
            "reward",
            "a reward model from preference pairs (Bradley–Terry)",
            _PAIRS,
            _single,
            makes="reward",
        ),
        Method(
            "rlhf",
            "a reward (model, task, function), then RLOO or GRPO with a KL term",
            ("prompt", "preference", "completion"),
            _rlhf,
            ("reward", "rloo", "grpo"),
            own=("beta", *_OF_RLHF),
        ),
        Method(
            "dpo",
            "direct preference optimization; --set loss=… picks its loss",
            _PAIRS,
            _single,
            own=_OF_DPO,
        ),
        Method(
            "slic",
            "sequence likelihood calibration (hinge, no reference)",
            _PAIRS,
            _single,
            own=_OF_SLIC,
        ),
        Method(
            "kto",
            "Kahneman–Tversky optimization; answers marked good or bad",
            ("label", "preference"),
            _single,
            own=("beta", "desirable_weight", "undesirable_weight"),
        ),
        Method(
            "orpo",
            "odds-ratio preference optimization, no reference",
            _PAIRS,
            _single,
            own=("beta",),
        ),
        Method(
            "simpo",
            "length-normalised preference optimization, no reference",
            _PAIRS,
            _single,
            own=("beta", "simpo_gamma"),
        ),
        Method(
            "contrastive",
            "pairs of strong and weak models, easy to hard (arXiv 2310.02263)",
            _PAIRS,
            _contrastive,
            ("sft", "contrastive", "slic"),
            own=(*_OF_DPO, *_OF_SLIC, *_OF_CONTRASTIVE),
        ),
    )
}
