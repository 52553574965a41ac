"""What a training run is: one flat, frozen value that travels to the child process as JSON.

The same names are the keys of ``[align]`` in harness.toml, of ``--set KEY=VALUE``, of the
``[align.search.parameters]`` of a search, and of the fields below. An unknown key is an error.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from harness.authoring.io import serialization
from harness.authoring.readers import text_files
from harness.errors import ConfigError, DataError, UnknownNameError

Adapter = Literal["full", "lora", "qlora", "prompt", "prefix"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Curriculum = Literal["easy_to_hard", "shuffled", "hard_to_easy"]


@dataclass(frozen=True, slots=True)
class AlignSpec:
    """One training run.

    Attributes:
        method: A trainer's name: ``sft``, ``reward``, ``dpo``, ….
        model: The checkpoint folder or hub id that is trained further.
        data: JSONL in the columns that ``harness_align.dataset.training_rows`` writes.
        out: Folder for checkpoints, progress and the final ``model`` folder.
        format: The form of the data (``alpaca``, ``sharegpt``, …); empty finds it by the columns.
        columns: ``FIELD:COLUMN,…``: columns that are called otherwise in the form.
        seed: Of the order of the data, dropout, new weights and sampling.
        steps: Optimizer steps; None trains for ``epochs``.
        epochs: Passes over the data where ``steps`` is None.
        learning_rate: Peak rate; None takes the method's usual one.
        schedule: ``linear``, ``cosine``, ``constant``, …: a scheduler of transformers.
        warmup_steps: Steps until the peak rate.
        weight_decay: AdamW's decoupled decay.
        max_grad_norm: Gradients are clipped to this norm.
        batch_size: Samples a device and forward pass.
        gradient_accumulation: Forward passes an optimizer step.
        max_length: Tokens of prompt and answer; longer pairs are refused by the validation.
        adapter: Which weights are trained: all, LoRA, QLoRA, prompt or prefix tuning.
        lora_rank, lora_alpha, lora_dropout: LoRA's (Hu et al. 2021) r, α and dropout.
        virtual_tokens: Length of the trained prompt or prefix.
        precision: ``auto`` is bfloat16 on a GPU that has it, float32 elsewhere.
        gradient_checkpointing: Recompute activations instead of keeping them.
        pad_token: For tokenizers without one.
        chat_template: A Jinja file, for tokenizers without a template.
        wrap: Whether text prompts become a user's message where the tokenizer has a template, as
            the hf backend asks; false trains on plain continuations.
        save_every: Steps between checkpoints; 0 for none.
        keep: Checkpoints kept.
        resume: Go on from the last complete checkpoint in ``out``.
        loss: The loss by name (``dpo``: sigmoid, hinge, ipo, robust, …).
        beta: Strength of the pull to the reference; None takes the method's usual one.
        label_smoothing: Share of labels assumed to be flipped (``robust``, conservative DPO).
        slic_delta: SLiC's margin δ in nats.
        slic_lambda: SLiC's weight λ of the chosen answer's NLL.
        simpo_gamma: SimPO's target margin.
        desirable_weight, undesirable_weight: KTO's λ_D and λ_U.
        curriculum: Order of the pairs for ``contrastive``; ``shuffled`` and ``hard_to_easy``
            are the ablations.
        objective: What ``contrastive`` trains with: ``dpo``, ``slic`` or ``sft`` (ablation).
        sft_steps: Steps of SFT on the chosen answers before ``contrastive``; 0 for none.
        sft_learning_rate: Its peak rate; None takes the usual one.
        policy_optimizer: ``rloo`` or ``grpo`` for ``rlhf``.
        reward_steps: Steps of the reward model that ``rlhf`` trains where no reward is given.
        reward_learning_rate: Its peak rate; None takes the usual one.
        rewards: What RL maximises: see ``harness_align.rewards``.
        held_out_reward: A reward that is logged but not trained on.
        generations: Answers sampled for each prompt in RL.
        max_new_tokens: Length of a sampled answer.
        temperature: Of the sampling in RL.
        constant_reward_patience: Steps in a row with equal rewards after which RL stops.
        stop_tasks: Tasks whose metric ends the training early.
        stop_metric: ``TASK.METRIC``, or ``TASK.METRIC@IDEAL`` where neither high nor low is best;
            empty takes the first task's first metric.
        stop_data: Task → path or ``sample``.
        stop_every: Steps between these evaluations; the first is before any step.
        stop_patience: Evaluations without a better value before the end.
        stop_limit: Samples a task in these evaluations.
        plugin_files: Python files loaded as plugins.
    """

    method: str
    model: str
    data: str
    out: str
    format: str = ""
    columns: str = ""
    seed: int = 0
    steps: int | None = None
    epochs: float = 1.0
    learning_rate: float | None = None
    schedule: str = "linear"
    warmup_steps: int = 0
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    batch_size: int = 4
    gradient_accumulation: int = 1
    max_length: int = 512
    adapter: Adapter = "full"
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    virtual_tokens: int = 16
    precision: Precision = "auto"
    gradient_checkpointing: bool = False
    pad_token: str | None = None
    chat_template: str | None = None
    wrap: bool = True
    save_every: int = 50
    keep: int = 2
    resume: bool = False
    loss: str | None = None
    beta: float | None = None
    label_smoothing: float = 0.0
    slic_delta: float = 1.0
    slic_lambda: float = 0.1
    simpo_gamma: float = 0.5
    desirable_weight: float = 1.0
    undesirable_weight: float = 1.0
    curriculum: Curriculum = "easy_to_hard"
    objective: Literal["dpo", "slic", "sft"] = "dpo"
    sft_steps: int = 0
    sft_learning_rate: float | None = None
    policy_optimizer: Literal["rloo", "grpo"] = "rloo"
    reward_steps: int | None = None
    reward_learning_rate: float | None = None
    rewards: str = ""
    held_out_reward: str = ""
    generations: int = 4
    max_new_tokens: int = 64
    temperature: float = 1.0
    constant_reward_patience: int = 10
    stop_tasks: tuple[str, ...] = ()
    stop_metric: str = ""
    stop_data: Mapping[str, str] = dataclasses.field(default_factory=dict)
    stop_every: int = 50
    stop_patience: int = 3
    stop_limit: int | None = 200
    plugin_files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Checks the ranges.

        Raises:
            ConfigError: A number is out of range.
        """
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                top = "" if math.isinf(high) else f" and at most {high:g}"
                raise ConfigError(f"{name} is {value}, expected at least {low:g}{top}")

    def to_json(self) -> dict[str, Any]:
        """Plain values; ``from_mapping`` reads them back."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    def save(self, path: Path) -> Path:
        """Writes the JSON file that the child process reads."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(serialization.dumps(self.to_json(), indent=2) + "\n", encoding="utf-8")
        return path


_INF = math.inf
_RANGES: dict[str, tuple[float, float]] = {
    "steps": (1, _INF),
    "epochs": (0.0, _INF),
    "learning_rate": (0.0, _INF),
    "sft_learning_rate": (0.0, _INF),
    "reward_learning_rate": (0.0, _INF),
    "warmup_steps": (0, _INF),
    "weight_decay": (0.0, _INF),
    "max_grad_norm": (0.0, _INF),
    "batch_size": (1, _INF),
    "gradient_accumulation": (1, _INF),
    "max_length": (8, _INF),
    "lora_rank": (1, _INF),
    "lora_alpha": (1, _INF),
    "lora_dropout": (0.0, 1.0),
    "virtual_tokens": (1, _INF),
    "save_every": (0, _INF),
    "keep": (1, _INF),
    "beta": (0.0, _INF),
    "label_smoothing": (0.0, 0.5),
    "slic_delta": (1e-6, _INF),
    "slic_lambda": (0.0, _INF),
    "sft_steps": (0, _INF),
    "reward_steps": (1, _INF),
    "generations": (2, _INF),
    "max_new_tokens": (1, _INF),
    "temperature": (1e-6, _INF),
    "constant_reward_patience": (1, _INF),
    "stop_every": (1, _INF),
    "stop_patience": (1, _INF),
    "stop_limit": (1, _INF),
}

_HINTS = typing.get_type_hints(AlignSpec)
NAMES = tuple(each.name for each in fields(AlignSpec))


def load(path: Path) -> AlignSpec:
    """Reads a spec from its JSON file.

    Raises:
        DataError: The file is missing or no JSON object.
        ConfigError: A key is unknown or a value has the wrong type.
    """
    content = text_files.read_json(path)
    if not isinstance(content, dict):
        raise DataError("not a training spec", path=path, expected="a JSON object")
    return from_mapping(content)


def from_mapping(values: Mapping[str, Any]) -> AlignSpec:
    """A spec from JSON, TOML or ``--set`` values; texts become the types of the fields.

    Raises:
        UnknownNameError: A key does not exist.
        ConfigError: A value has the wrong type, or a needed one is missing.
    """
    for name in ("method", "model", "data", "out"):
        if name not in values:
            raise ConfigError(f"the training spec has no {name!r}")
    return AlignSpec(**{name: parse(name, value) for name, value in values.items()})


def parse(name: str, value: Any) -> Any:
    """The value of one field, from a text where it is one.

    Raises:
        UnknownNameError: There is no such field.
        ConfigError: The value does not fit its type.
    """
    if name not in _HINTS:
        raise UnknownNameError("alignment option", name, NAMES)
    kind = _HINTS[name]
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if value is None and types.NoneType in options:
        return None
    kind = next(each for each in options if each is not types.NoneType)
    try:
        return _converted(kind, value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name} is {value!r}, expected {_kind_name(kind)}") from error


def _converted(kind: Any, value: Any) -> Any:
    origin = typing.get_origin(kind)
    if origin is Literal:
        if value not in typing.get_args(kind):
            raise ValueError
        return value
    if origin is tuple:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(str(part).strip() for part in parts if str(part).strip())
    if origin is not None:
        if not isinstance(value, Mapping):
            raise TypeError
        return {str(key): str(each) for key, each in value.items()}
    if kind is bool:
        if not isinstance(value, bool) and str(value).lower() not in ("true", "false"):
            raise ValueError
        return str(value).lower() == "true"
    if kind is str:
        if not isinstance(value, str):
            raise TypeError
        return value
    if isinstance(value, bool):
        raise TypeError
    number = float(value)
    if not math.isfinite(number) or (kind is int and number != int(number)):
        raise ValueError
    return int(number) if kind is int else number


def _kind_name(kind: Any) -> str:
    if typing.get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, typing.get_args(kind)))
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    return names.get(kind, "a list" if typing.get_origin(kind) is tuple else "a table")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value
