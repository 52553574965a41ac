"""One training run, from a spec to a checkpoint."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

from harness import load_plugins
from harness.errors import DataError, RunFailedError, UsageError
from harness.types import Message
from harness_align import rewards
from harness_align.dataset import curriculum, formats, training_rows
from harness_align.dataset.training_rows import Kind, Rows
from harness_align.event_log import EventLog
from harness_align.reward_model import Values
from harness_align.spec import UNTRAINED, AlignSpec
from harness_align.training import adapters, checks, models
from harness_align.training.callbacks import (
    COMPLETE,
    MODEL,
    EarlyStopping,
    Guard,
    KeepUntrained,
    Progress,
)
from harness_align.training.methods import trainer_named
from harness_align.training.setup import Method, Setup


def train(spec: AlignSpec, event_log: EventLog) -> Path:
    """Trains, and returns the folder of the final checkpoint, ``out/model``.

    Raises:
        HarnessError: The model, the data or the settings cannot be used, or training stopped.
    """
    from transformers import set_seed

    method = trainer_named(spec.method)
    checks.check(spec)
    kinds: tuple[Kind, ...] = (method.kind,)
    if spec.method == "contrastive" and spec.objective == "sft":
        kinds = ("completion",)
    elif spec.method == "sft":
        kinds = ("completion", "text")
    rows = training_rows.choose(formats.read(Path(spec.data)), kinds, spec.method)
    conversational = not isinstance(rows.rows[0].prompt, str)
    spec = models.with_architecture(spec)
    config = models.check_architecture(spec)
    tokenizer = models.open_tokenizer(spec, conversational)
    if not conversational and models.wraps(spec, tokenizer, rows.kind):
        rows = training_rows.as_messages(rows)
    set_seed(spec.seed)  # new weights: a reward model's head, an adapter's
    model = models.open_model(
        spec, method.classifier, tokenizer.pad_token_id, tokenizer.eos_token_id
    )
    functions = _rewards(spec) if rows.kind == "prompt" else []
    trained = [function for function, weight in functions if weight]
    length = min(spec.max_length, models.room(spec, config) or spec.max_length)
    setup = Setup(
        spec,
        model,
        tokenizer,
        _dataset(spec, method, rows),
        _arguments(spec, method),
        [Progress(event_log), Guard(spec.constant_reward_patience, trained)],
        adapters.config(spec, method.classifier),
        functions,
        length,
        method.classifier,
    )
    return _trained(setup, method.trainer(setup), event_log)


def _trained(setup: Setup, trainer: Any, event_log: EventLog) -> Path:
    spec, out = setup.spec, Path(setup.spec.out)
    stopping = None
    if setup.adapter is not None and setup.adapter.is_prompt_learning:
        untrained = partial(models.export, trainer, setup, out / UNTRAINED)
        trainer.add_callback(KeepUntrained(untrained))
    if spec.stop_tasks:
        from harness_align.training.measuring import measure

        export = partial(models.export, trainer, setup)
        stopping = EarlyStopping(spec, measure(spec), export, event_log, out / "stopping")
        trainer.add_callback(stopping)
    trainer.train(resume_from_checkpoint=last_checkpoint(out) if spec.resume else None)
    if trainer.state.global_step == 0:
        raise RunFailedError("no step was trained", "Are there rows left after filtering?")
    if stopping is None:
        return models.export(trainer, setup, out / MODEL)
    if trainer.is_world_process_zero():
        for best in stopping.best_folder.iterdir():
            shutil.rmtree(out / best.name, ignore_errors=True)
            best.rename(out / best.name)
    return out / MODEL


def last_checkpoint(out: Path) -> str | None:
    """The newest checkpoint that was written whole; None starts anew."""
    found = [
        folder
        for folder in (out / "checkpoints").glob("checkpoint-*")
        if (folder / COMPLETE).exists() and folder.name.rpartition("-")[2].isdecimal()
    ]
    newest = max(found, key=lambda each: int(each.name.rpartition("-")[2]), default=None)
    return None if newest is None else str(newest)


def _dataset(spec: AlignSpec, method: Method, rows: Rows) -> Any:
    """The rows as ``datasets`` holds them; facts stay only where a reward reads them."""
    from datasets import Dataset

    chosen = list(rows.rows)
    if method.sequential:
        draws = spec.batch_size * spec.gradient_accumulation * (spec.steps or 0)
        draws = draws or round(len(chosen) * spec.epochs)
        order = curriculum.order(curriculum.is_easy(chosen), draws, spec.curriculum, spec.seed)
        chosen = [chosen[index] for index in order]
    wanted = {rewards.SAMPLE_FACT, rewards.TASK_FACT} if rows.kind == "prompt" else set()
    made = []
    for row in chosen:
        content = training_rows.to_json(row, rows.kind)
        facts = {name: _as_text(content.get(name)) for name in wanted}
        columns = {name: content[name] for name in _COLUMNS[rows.kind]}
        made.append({**facts, **columns} if any(facts.values()) else columns)
    return Dataset.from_list(made)


_COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    "preference": ("prompt", "chosen", "rejected"),
    "completion": ("prompt", "completion"),
    "label": ("prompt", "completion", "label"),
    "text": ("text",),
    "prompt": ("prompt",),
}


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _arguments(spec: AlignSpec, method: Method) -> dict[str, Any]:
    """What every TRL config receives."""
    import torch

    rate = spec.learning_rate
    if rate is None:
        rate = method.learning_rate * (1 if spec.adapter == "full" else 10)
    on_gpu = torch.cuda.is_available()
    precision = spec.precision
    if precision == "auto":
        precision = "bfloat16" if on_gpu and torch.cuda.is_bf16_supported() else "float32"
    chosen: dict[str, Any] = {
        "output_dir": str(Path(spec.out) / "checkpoints"),
        "seed": spec.seed,
        "data_seed": spec.seed,
        "max_steps": spec.steps or -1,
        "num_train_epochs": spec.epochs,
        "learning_rate": rate,
        "lr_scheduler_type": spec.schedule,
        "warmup_steps": spec.warmup_steps,
        "weight_decay": spec.weight_decay,
        "max_grad_norm": spec.max_grad_norm,
        "per_device_train_batch_size": spec.batch_size,
        "gradient_accumulation_steps": spec.gradient_accumulation,
        "gradient_checkpointing": spec.gradient_checkpointing,
        "bf16": precision == "bfloat16",
        "fp16": precision == "float16",
        "use_cpu": not on_gpu,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps" if spec.save_every else "no",
        "save_total_limit": spec.keep,
        "report_to": "none",
        "disable_tqdm": True,
    }
    if spec.save_every:
        chosen["save_steps"] = spec.save_every
    if method.sequential:
        chosen["train_sampling_strategy"] = "sequential"
    return chosen


# --------------------------------------------------------------------------- rewards


def _rewards(spec: AlignSpec) -> list[tuple[_TrlReward, float]]:
    """TRL's reward functions and their weights; the held-out one weighs nothing.

    Raises:
        UsageError: No reward is given.
    """
    if not spec.rewards:
        raise UsageError(
            "no reward is given", "Give --reward task:NAME, a folder or plugin:FILE.py:FUNCTION."
        )
    registry = load_plugins([Path(file) for file in spec.plugin_files])
    used = [
        (_TrlReward(f"trained_{index}", rewards.open_reward(term.source, registry)), term.weight)
        for index, term in enumerate(rewards.parse(spec.rewards))
    ]
    if spec.held_out_reward:
        held_out = _TrlReward("held_out", rewards.WeightedSum(spec.held_out_reward, registry))
        used.append((held_out, 0.0))
    return used


class _TrlReward:
    """A reward in the form TRL calls: keyword arguments, lists, None for no value.

    Attributes:
        constant: Whether all answers to each prompt of the last batch got one value.
    """

    PATIENCE = 3
    constant = False

    def __init__(self, name: str, reward: rewards.Reward) -> None:
        self.__name__ = name
        self._reward, self._empty = reward, 0

    def __call__(
        self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any
    ) -> Values:
        names = [name for name in (rewards.SAMPLE_FACT, rewards.TASK_FACT) if name in columns]
        facts = [{name: columns[name][index] for name in names} for index in range(len(prompts))]
        asked = [_prompt(each) for each in prompts]
        values = self._reward(asked, [_answer(each) for each in completions], facts)
        # Not TRL's own share of such prompts: it counts the KL term, which always differs a little.
        different = {pair for pair in zip(asked, values, strict=True) if pair[1] is not None}
        self.constant = len(different) == len({prompt for prompt, _ in different})
        self._empty = self._empty + 1 if all(value is None for value in values) else 0
        if self._empty >= self.PATIENCE:
            raise DataError(
                f"the reward gave no value for any answer, {self._empty} batches in a row",
                expected="a number for at least some answers",
            )
        return values


def _prompt(prompt: Any) -> Any:
    if isinstance(prompt, str):
        return prompt
    return tuple(Message(turn["role"], turn["content"]) for turn in prompt)


def _answer(completion: Any) -> str:
    return completion if isinstance(completion, str) else str(completion[-1]["content"])
