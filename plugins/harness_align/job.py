"""What ``harness align`` was asked for: flags and harness.toml become one frozen AlignJob."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import ModelConfig, RunSpec
from harness.authoring.io.run_options import read_config, read_toml, split_names
from harness.errors import ConfigError, UnknownNameError, UsageError
from harness_align import spec as specs

SET_ELSEWHERE = ("method", "model", "data", "out", "resume", "rewards", "held_out_reward", "seed")
"""Fields of the training spec that have a flag of their own."""
UNTRAINED = "untrained"
"""The folder, beside a checkpoint of virtual tokens, of the same tokens before their training."""


@dataclass(frozen=True, slots=True)
class AlignJob:
    """One turn of the loop: measure, train, measure, decide.

    Attributes:
        method: A registered aligner.
        model: Checkpoint folder or hub id of the base model.
        data: A JSONL file, or ``TASK``, ``TASK=PATH``, ``TASK=sample``.
        out: Folder for everything; None makes ``aligned/<method>-<model>``.
        targets: What must get better: ``TASK``, ``TASK.METRIC``, ``TASK.METRIC@IDEAL``.
        guards: What must not get worse, in the same form.
        evaluation: Data, settings, limits of the evaluation; its model and tasks are set here.
        settings: Fields of the training spec, see ``harness_align.spec``.
        reward: What RL maximises, and what win rates are judged by.
        held_out_reward: A reward that is measured but not trained on.
        judge: A model (as in ``--model``) that compares answers in both orders.
        development: Share of the prompts kept for measuring, split by prompt.
        samples: Held-out prompts answered by both models, for KL, win rate and lengths.
        augment: Axes of counterfactual augmentation of the training rows: gender, names.
        allow_overlap: Train even on rows that are in the evaluation suite.
        resume: Go on from what an earlier run in ``out`` finished.
        accelerate_config: A file of ``accelerate config``.
        search: The [align.search] table.
        plugin_files: Python files loaded as plugins.
    """

    method: str
    model: str
    data: str
    out: Path
    targets: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    reward: str = ""
    held_out_reward: str = ""
    judge: str = ""
    development: float = 0.1
    samples: int = 64
    seed: int = 0
    augment: tuple[str, ...] = ()
    allow_overlap: bool = False
    resume: bool = False
    accelerate_config: Path | None = None
    search: Mapping[str, Any] | None = None
    plugin_files: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        """Checks what can be checked without opening anything.

        Raises:
            HarnessError: A value is unknown or out of range.
        """
        if self.accelerate_config is not None:
            object.__setattr__(self, "accelerate_config", Path(self.accelerate_config))
        for name, value in self.settings.items():
            if name in SET_ELSEWHERE:
                raise UsageError(
                    f"--set {name}=… is not a training setting",
                    f"Use --{name.replace('_', '-').replace('rewards', 'reward')}.",
                )
            specs.parse(name, value)
        if not 0 < self.development < 1:
            raise UsageError(f"development is {self.development:g}, expected a share in (0, 1)")

    @property
    def training(self) -> dict[str, Any]:
        """The training spec's fields, without method, data and out, which the aligner sets."""
        return {
            **{name: specs.parse(name, value) for name, value in self.settings.items()},
            "model": self.model,
            "seed": self.seed,
            "resume": self.resume,
            "rewards": self.reward,
            "held_out_reward": self.held_out_reward,
            "plugin_files": tuple(map(str, self.plugin_files)),
        }

    def model_config(self, model: str) -> ModelConfig:
        """How a model is opened to be asked outside the suite."""
        given = {
            _MODEL_KEYS[key]: value for key, value in self.evaluation.items() if key in _MODEL_KEYS
        }
        return ModelConfig(model, seed=self.seed, **given)

    def run_spec(self, model: str, tasks: Sequence[str], out: Path) -> RunSpec:
        """The frozen suite, asked of a model."""
        given = {**self.evaluation, "seed": self.seed, "out": out}
        return RunSpec(model, tuple(tasks), **given)


_MODEL_KEYS = {
    "backend_settings": "settings",
    **{key: key for key in ("batch_size", "dtype", "device", "executor", "prices", "cache")},
}
"""What of the evaluation says how a model is opened → the field of ModelConfig."""
_OWN_KEYS = (
    *("method", "model", "data", "out", "eval_tasks", "guard", "reward", "held_out_reward"),
    *("judge", "development", "samples", "seed", "augment", "search"),
)
_EVALUATION_KEYS = (
    *("data", "limit", "num_fewshot", "batch_size", "dtype", "device", "executor"),
    *("backend_settings", "task_settings", "templates", "gate", "cache"),
)


def make_job(file: Path | None, flags: Mapping[str, Any]) -> AlignJob:
    """One job from harness.toml ([align], and the evaluation's tables) and flags, which win.

    Args:
        file: harness.toml, or None.
        flags: Names of AlignJob's fields, ``eval_tasks`` and ``guard`` for targets and guards;
            None or empty where not given.

    Raises:
        ConfigError: The file is malformed.
        UnknownNameError: A key does not exist.
        UsageError: Something needed is missing.
    """
    run = dict(read_config(file)) if file is not None else {}
    table = read_toml(file).get("align", {}) if file is not None else {}
    given = {**_checked(table), **{key: value for key, value in flags.items() if value}}
    settings = {key: table[key] for key in table if key in specs.NAMES}
    settings |= flags.get("settings", {})
    for name in ("method", "model", "data"):
        given.setdefault(name, run.get(name) if name == "model" else None)
        if not given[name]:
            raise UsageError(f"no {name} is named", f"Give --{name}, or {name} under [align].")
    evaluation = {key: run[key] for key in _EVALUATION_KEYS if key in run}
    for key, value in flags.get("evaluation", {}).items():
        if value is not None and value != {}:
            merged = isinstance(value, Mapping)
            evaluation[key] = {**evaluation.get(key, {}), **value} if merged else value
    name = Path(str(given["model"]).rstrip("/")).name
    known = AlignJob.__dataclass_fields__
    chosen = {key: value for key, value in given.items() if key in known}
    chosen |= {
        "out": Path(given.get("out") or Path("aligned") / f"{given['method']}-{name}"),
        "targets": split_names(given.get("eval_tasks") or run.get("tasks", ())),
        "guards": split_names(given.get("guard", ())),
        "augment": split_names(given.get("augment", ())),
        "evaluation": evaluation,
        "settings": {k: v for k, v in settings.items() if k not in SET_ELSEWHERE},
    }
    return AlignJob(**chosen)


def _checked(table: Any) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        raise ConfigError("[align] is not a table")
    for key in table:
        if key not in _OWN_KEYS and key not in specs.NAMES:
            raise UnknownNameError("key under [align]", key, (*_OWN_KEYS, *specs.NAMES))
    return {key: table[key] for key in table if key in _OWN_KEYS}
