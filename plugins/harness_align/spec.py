"""What a training run is: one flat, frozen value that travels to the child process as JSON.

The same names are the keys of ``[align]`` in harness.toml, of ``--set KEY=VALUE``, of the
``[align.search.parameters]`` of a search, and of the fields below, which declare type, range,
default and help once. An unknown key is an error, unless it is one of the trainer's own settings
(``harness_align.settings``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from harness.authoring import option_models
from harness.authoring.io import secrets, serialization
from harness.authoring.readers import text_files
from harness.errors import ConfigError, DataError

Adapter = Literal["full", "lora", "qlora", "prompt", "prefix"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Curriculum = Literal["easy_to_hard", "shuffled", "hard_to_easy"]


_CHECKED = ConfigDict(allow_inf_nan=False)


def _number(value: Any) -> Any:
    """A text as a number (``1e3`` is a whole one); true and false are none."""
    if isinstance(value, bool):
        raise PydanticCustomError("number", "not a number")
    with suppress(ValueError):
        return float(value) if isinstance(value, str) else value
    return value  # which pydantic refuses


Whole = Annotated[int, BeforeValidator(_number)]
Number = Annotated[float, BeforeValidator(_number)]


@dataclass(frozen=True, slots=True, config=_CHECKED)
class AlignSpec:
    """One training run; each field says what it is."""

    method: str = Field(description="a trainer's name: sft, reward, dpo, …")
    model: str = Field(description="the checkpoint folder or hub id that is trained further")
    data: str = Field(description="JSONL in the columns of the method's kind of rows")
    out: str = Field(description="folder for checkpoints, progress and the final `model` folder")
    format: str = Field(
        default="",
        description="the form of the data (alpaca, sharegpt, …); empty finds it by the columns",
    )
    columns: str = Field(
        default="", description="FIELD:COLUMN,…: columns that are called otherwise in the form"
    )
    seed: Whole = Field(
        default=0, description="of the order of the data, dropout, new weights and sampling"
    )
    steps: Whole | None = Field(
        default=None, ge=1, description="optimizer steps; without them it trains for `epochs`"
    )
    epochs: Number = Field(
        default=1.0, ge=0, description="passes over the data where `steps` is not set"
    )
    learning_rate: Number | None = Field(
        default=None, ge=0, description="peak rate; without it the method's usual one"
    )
    schedule: str = Field(
        default="linear", description="linear, cosine, constant, …: a scheduler of transformers"
    )
    warmup_steps: Whole = Field(default=0, ge=0, description="steps until the peak rate")
    weight_decay: Number = Field(default=0.0, ge=0, description="AdamW's decoupled decay")
    max_grad_norm: Number = Field(
        default=1.0, ge=0, description="gradients are clipped to this norm"
    )
    batch_size: Whole = Field(default=4, ge=1, description="samples a device and forward pass")
    gradient_accumulation: Whole = Field(
        default=1, ge=1, description="forward passes an optimizer step"
    )
    max_length: Whole = Field(
        default=512, ge=8, description="tokens of prompt and answer; longer pairs are refused"
    )
    adapter: Adapter = Field(
        default="full",
        description="which weights are trained: all, LoRA, QLoRA, prompt or prefix tuning",
    )
    lora_rank: Whole = Field(default=16, ge=1, description="LoRA's r (Hu et al. 2021)")
    lora_alpha: Whole = Field(default=32, ge=1, description="LoRA's α")
    lora_dropout: Number = Field(default=0.0, ge=0, le=1, description="LoRA's dropout")
    virtual_tokens: Whole = Field(
        default=16, ge=1, description="length of the trained prompt or prefix"
    )
    precision: Precision = Field(
        default="auto", description="auto is bfloat16 on a GPU that has it, float32 elsewhere"
    )
    gradient_checkpointing: bool = Field(
        default=False, description="recompute activations instead of keeping them"
    )
    pad_token: str | None = Field(default=None, description="for tokenizers without one")
    chat_template: str | None = Field(
        default=None, description="a Jinja file, for tokenizers without a template"
    )
    wrap: bool = Field(
        default=True,
        description="whether text prompts become a user's message where there is a chat template",
    )
    save_every: Whole = Field(default=50, ge=0, description="steps between checkpoints; 0 for none")
    keep: Whole = Field(default=2, ge=1, description="checkpoints kept")
    resume: bool = Field(
        default=False, description="go on from the last complete checkpoint in `out`"
    )
    loss: str | None = Field(
        default=None, description="dpo: the loss by name (sigmoid, hinge, ipo, robust, …)"
    )
    beta: Number | None = Field(
        default=None,
        ge=0,
        description="strength of the pull to the reference; without it the method's usual one",
    )
    label_smoothing: Number = Field(
        default=0.0, ge=0, le=0.5, description="dpo: share of labels assumed to be flipped"
    )
    slic_delta: Number = Field(default=1.0, ge=1e-6, description="slic: the margin δ in nats")
    slic_lambda: Number = Field(
        default=0.1, ge=0, description="slic: the weight λ of the chosen answer's NLL"
    )
    simpo_gamma: Number = Field(default=0.5, description="simpo: the target margin")
    desirable_weight: Number = Field(default=1.0, description="kto: λ_D")
    undesirable_weight: Number = Field(default=1.0, description="kto: λ_U")
    curriculum: Curriculum = Field(
        default="easy_to_hard",
        description="contrastive: order of the pairs; the others are the ablations",
    )
    objective: Literal["dpo", "slic", "sft"] = Field(
        default="dpo", description="contrastive: what it trains with"
    )
    sft_steps: Whole = Field(
        default=0, ge=0, description="contrastive: steps of SFT on the chosen answers first"
    )
    sft_learning_rate: Number | None = Field(
        default=None, ge=0, description="their peak rate; without it the usual one"
    )
    policy_optimizer: Literal["rloo", "grpo"] = Field(
        default="rloo", description="rlhf: what learns from the reward"
    )
    reward_steps: Whole | None = Field(
        default=None,
        ge=1,
        description="rlhf: steps of the reward model it trains where none is given",
    )
    reward_learning_rate: Number | None = Field(
        default=None, ge=0, description="its peak rate; without it the usual one"
    )
    rewards: str = Field(default="", description="what RL maximises")
    held_out_reward: str = Field(
        default="", description="a reward that is logged but not trained on"
    )
    generations: Whole = Field(default=4, ge=2, description="rlhf: answers sampled for each prompt")
    max_new_tokens: Whole = Field(default=64, ge=1, description="length of a sampled answer")
    temperature: Number = Field(default=1.0, ge=1e-6, description="of the sampling in RL")
    constant_reward_patience: Whole = Field(
        default=10, ge=1, description="steps in a row with equal rewards after which RL stops"
    )
    stop_tasks: tuple[str, ...] = Field(
        default=(), description="tasks whose metric ends the training early"
    )
    stop_metric: str = Field(
        default="",
        description="TASK.METRIC or TASK.METRIC@IDEAL; empty takes the first of the first task",
    )
    stop_data: Mapping[str, str] = Field(
        default_factory=dict, description="task → path or `sample`"
    )
    stop_every: Whole = Field(
        default=50,
        ge=1,
        description="steps between these evaluations; the first is before any step",
    )
    stop_patience: Whole = Field(
        default=3, ge=1, description="evaluations without a better value before the end"
    )
    stop_limit: Whole | None = Field(
        default=200, ge=1, description="samples a task in these evaluations"
    )
    stop_evaluation: Mapping[str, Any] = Field(
        default_factory=dict, description="how the suite asks: task settings, templates, roles, …"
    )
    plugin_files: tuple[str, ...] = Field(default=(), description="Python files loaded as plugins")
    trainer: Mapping[str, Any] = Field(
        default_factory=dict, description="further settings of TRL's config, by TRL's names"
    )

    def to_json(self) -> dict[str, Any]:
        """Plain values; ``from_mapping`` reads them back."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    def save(self, path: Path) -> Path:
        """Writes the JSON file that the child process reads; keys of a judge are masked in it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        shown = secrets.redact_value(self.to_json())
        path.write_text(serialization.dumps(shown, indent=2) + "\n", encoding="utf-8")
        return path

    @property
    def masked(self) -> AlignSpec:
        """The spec as its file tells it."""
        return from_mapping(secrets.redact_value(self.to_json()))

    @property
    def secret_texts(self) -> Mapping[str, str]:
        """What the file shows instead of a text → the text, for the child process."""
        found: dict[str, str] = {}
        _differences(secrets.redact_value(self.to_json()), self.to_json(), found)
        return found


def declared() -> Mapping[str, FieldInfo]:
    """The fields with their types, ranges, defaults and help."""
    return cast("Mapping[str, FieldInfo]", AlignSpec.__pydantic_fields__)  # type: ignore[attr-defined]


SECRETS = "HARNESS_ALIGN_SECRETS"
"""The variable by which the child process gets ``secret_texts``, as JSON."""
UNTRAINED = "untrained"
"""The folder, beside a checkpoint of virtual tokens, of the same tokens before their training."""
NAMES = tuple(declared())
SET_ELSEWHERE = ("method", "model", "data", "out", "resume", "rewards", "held_out_reward", "seed")
"""Fields that have a flag of their own."""
DERIVED = ("stop_evaluation", "plugin_files", "trainer")
"""Fields that are made of other tables and flags."""


@lru_cache(maxsize=1)
def _model() -> type[BaseModel]:
    return create_model("AlignSpec", __config__=_CHECKED, **_definitions(NAMES))


def _definitions(names: Iterable[str]) -> Any:
    """Fields as pydantic's ``create_model`` takes them."""
    return {name: (declared()[name].annotation, declared()[name]) for name in names}


def parse(name: str, value: Any) -> Any:
    """The value of one field, from a text where it is one.

    Raises:
        UnknownNameError: There is no such field.
        ConfigError: The value does not fit its type.
    """
    kind = create_model("Field", __config__=_CHECKED, **_definitions((name,)))
    return getattr(option_models.read(kind, {name: value}, "the training", ConfigError), name)


def load(path: Path, secret_texts: Mapping[str, str] | None = None) -> AlignSpec:
    """Reads a spec from its JSON file, with what is masked there put back.

    Raises:
        DataError: The file is missing or no JSON object.
        ConfigError: A key is unknown or a value has the wrong type.
    """
    content = text_files.read_json(path)
    if not isinstance(content, dict):
        raise DataError("not a training spec", path=path, expected="a JSON object")
    return from_mapping(_unmasked(content, secret_texts or {}))


def _differences(shown: Any, value: Any, found: dict[str, str]) -> None:
    """Collects the texts of ``value`` that ``shown``, of the same shape, has masked."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            _differences(shown[key], each, found)
    elif isinstance(value, list | tuple):
        for masked, each in zip(shown, value, strict=True):
            _differences(masked, each, found)
    elif shown != value:
        found[shown] = value


def _unmasked(value: Any, texts: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _unmasked(each, texts) for key, each in value.items()}
    if isinstance(value, list):
        return [_unmasked(each, texts) for each in value]
    return texts.get(value, value) if isinstance(value, str) else value


def from_mapping(values: Mapping[str, Any]) -> AlignSpec:
    """A spec from JSON, TOML or ``--set`` values; texts become the types of the fields.

    Raises:
        UnknownNameError: A key does not exist.
        ConfigError: A value has the wrong type, or a needed one is missing.
    """
    for name in ("method", "model", "data", "out"):
        if name not in values:
            raise ConfigError(f"the training spec has no {name!r}")
    read = option_models.read(_model(), values, "the training", ConfigError)
    return AlignSpec(**{name: getattr(read, name) for name in values})


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value
