"""The job of ``harness align``: flags and harness.toml become one frozen AlignJob."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness import ModelConfig, Registry, RunSpec, load_plugins, parse_gate
from harness.authoring import option_models
from harness.authoring.io.run_options import read_config, read_toml, split_names
from harness.errors import ConfigError, UnknownNameError, UsageError
from harness.protocols import AlignerOptions, AlignerSpec, Options, TrainingEvent, option_names
from harness_align import spec as specs
from harness_align.spec import AlignSpec


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
        augment: Probes, or suites of them, whose variants of the training rows are trained on
            as well; gender and names are short for gender_swap and name_swap.
        augment_settings: Probe of ``augment`` → what is set for it.
        gate_data: Refuse data in which ``harness data check`` finds something.
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
    augment_settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    gate_data: bool = False
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
        for name in self.settings:
            if name in specs.SET_ELSEWHERE:
                raise UsageError(
                    f"--set {name}=… is not a training setting",
                    f"Use --{name.replace('_', '-').replace('rewards', 'reward')}.",
                )
        if not 0 < self.development < 1:
            raise UsageError(f"development is {self.development:g}, expected a share in (0, 1)")

    def checked(self, aligner: AlignerSpec) -> AlignJob:
        """The same job, its settings read as the method declares them.

        Raises:
            UnknownNameError: The method has no such setting.
            ConfigError: A value does not fit.
        """
        return replace(self, settings=read_settings(aligner, self.settings))

    @property
    def training(self) -> dict[str, Any]:
        """What the aligner receives: the model, what has flags of its own, and the settings."""
        return {
            **self.settings,
            "model": self.model,
            "seed": self.seed,
            "resume": self.resume,
            "rewards": self.reward,
            "held_out_reward": self.held_out_reward,
            "plugin_files": tuple(map(str, self.plugin_files)),
            **({"stop_evaluation": self._asking()} if self.settings.get("stop_tasks") else {}),
        }

    @property
    def told(self) -> Mapping[str, Any]:
        """What of the training was set, for the record; the run folders say how the suite asks."""
        set_ = {key: value for key, value in self.training.items() if value not in ("", ())}
        return {key: value for key, value in set_.items() if key != "stop_evaluation"}

    def _asking(self) -> dict[str, Any]:
        """How the suite asks, for the evaluations inside the training."""
        spec = self.run_spec(self.model, self.settings["stop_tasks"], self.out)
        return {name: getattr(spec, name) for name in _ASKING}

    @property
    def allows_uncalibrated(self) -> bool:
        """Whether the verdict may rest on a judge whose errors nobody has measured."""
        table = self.evaluation.get("gate")
        return table is not None and parse_gate(table).allow_uncalibrated

    def model_config(self, model: str) -> ModelConfig:
        """How a model is opened outside the suite."""
        given = {
            _MODEL_KEYS[key]: value for key, value in self.evaluation.items() if key in _MODEL_KEYS
        }
        return ModelConfig(model, seed=self.seed, **given)

    def training_with(self, further: Mapping[str, Any], aligner: AlignerSpec) -> dict[str, Any]:
        """The same with further settings, those of them that the method has."""
        known = names_of_settings(aligner)
        return {**self.training, **{key: each for key, each in further.items() if key in known}}

    def standard(self, training: Mapping[str, Any]) -> AlignSpec:
        """What the loop itself reads of a training, under the names that ours have for it.

        A third party's setting of such a name (``max_length``, ``wrap``) means the same.
        """
        own = {name: value for name, value in training.items() if name in specs.NAMES}
        named = {"method": self.method, "data": self.data, "out": str(self.out)}
        return specs.from_mapping({**own, **named})

    def aligner_options(
        self,
        aligner: AlignerSpec,
        quiet: bool = True,
        progress: Callable[[TrainingEvent], None] | None = None,
    ) -> AlignerOptions:
        """What the aligner is opened with."""
        values = read_settings(aligner, self.settings)
        options = AlignerOptions(values, quiet, self.accelerate_config)
        return options if progress is None else replace(options, progress=progress)

    def run_spec(self, model: str, tasks: Sequence[str], out: Path) -> RunSpec:
        """The run of the frozen suite on a model."""
        given = {**self.evaluation, "seed": self.seed, "out": out}
        return RunSpec(model, tuple(tasks), **given)


_MODEL_KEYS = {
    "backend_settings": "settings",
    **{key: key for key in ("batch_size", "dtype", "device", "executor", "prices", "cache")},
}
"""What of the evaluation says how a model is opened → the field of ModelConfig."""

_ASKING = ("num_fewshot", "task_settings", "templates", "roles", "prices")
"""What of the evaluation says how tasks are asked, and by whom they are judged."""

_LOOP_SETTINGS = ("format", "columns", "chat_template")
"""Settings that say how the data is read and the models are asked, for every aligner."""


def _options(aligner: AlignerSpec) -> Options:
    """What the method declares; without anything, what ours take."""
    if aligner.options is not None:
        return aligner.options
    from harness_align import settings

    return settings.model(aligner.name, ())


def names_of_settings(aligner: AlignerSpec) -> tuple[str, ...]:
    """The settings that a method declares, and those of the loop."""
    return tuple(dict.fromkeys((*option_names(_options(aligner)), *_LOOP_SETTINGS)))


def read_settings(aligner: AlignerSpec, values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as the method declares them.

    Raises:
        UnknownNameError: The method has no such setting.
        ConfigError: A value does not fit.
    """
    declared = option_names(_options(aligner))
    loop = {key: specs.parse(key, values[key]) for key in _LOOP_SETTINGS if key in values}
    own = {key: value for key, value in values.items() if key in declared or key not in loop}
    owner = f"--method {aligner.name}"
    return {**loop, **option_models.given(_options(aligner), own, owner, ConfigError)}


_OWN_KEYS = (
    *("method", "model", "data", "out", "eval_tasks", "guard", "reward", "held_out_reward"),
    *("judge", "development", "samples", "seed", "augment", "gate_data", "search"),
)
_EVALUATION_KEYS = (
    *("data", "limit", "num_fewshot", "batch_size", "dtype", "device", "executor"),
    *("backend_settings", "task_settings", "templates", "gate", "cache"),
    *("energy", "machine_hour", "prices", "roles"),
)


def make_job(
    file: Path | None, flags: Mapping[str, Any], registry: Registry | None = None
) -> AlignJob:
    """One job from harness.toml ([align], and the evaluation's tables) and flags, which win.

    Args:
        file: harness.toml, or None.
        flags: Names of AlignJob's fields, ``eval_tasks`` and ``guard`` for targets and guards;
            None or empty where not given.
        registry: The loaded plugins; None loads them.

    Raises:
        ConfigError: The file is malformed.
        UnknownNameError: A key does not exist.
        UsageError: Something needed is missing.
    """
    run = dict(read_config(file)) if file is not None else {}
    table = read_toml(file).get("align", {}) if file is not None else {}
    given = {**_own(table), **{key: value for key, value in flags.items() if value}}
    if not given.get("method"):
        _check_keys(table, specs.NAMES)
    settings = {key: table[key] for key in table if key not in _OWN_KEYS}
    settings |= flags.get("settings", {})
    for name in ("method", "model", "data"):
        given.setdefault(name, run.get(name) if name == "model" else None)
        if not given[name]:
            raise UsageError(f"no {name} is named", f"Give --{name}, or {name} under [align].")
    registry = registry or load_plugins(flags.get("plugin_files") or ())
    aligner = aligner_named(given["method"], registry)
    settings = {k: v for k, v in settings.items() if k not in specs.SET_ELSEWHERE}
    try:
        settings = read_settings(aligner, settings)
    except UnknownNameError:
        _check_keys(table, names_of_settings(aligner))
        raise
    evaluation = {key: run[key] for key in _EVALUATION_KEYS if key in run}
    for key, value in flags.get("evaluation", {}).items():
        if value is not None and value != {}:
            merged = isinstance(value, Mapping)
            evaluation[key] = _merged(evaluation.get(key, {}), value) if merged else value
    of_names = dict(evaluation.get("task_settings", {}))
    of_probes = {name: of_names.pop(name) for name in list(of_names) if name in registry.probes}
    if of_names or "task_settings" in evaluation:
        evaluation["task_settings"] = of_names
    name = Path(str(given["model"]).rstrip("/")).name
    known = AlignJob.__dataclass_fields__
    chosen = {key: value for key, value in given.items() if key in known}
    chosen |= {
        "out": Path(given.get("out") or Path("aligned") / f"{given['method']}-{name}"),
        "targets": split_names(given.get("eval_tasks") or run.get("tasks", ())),
        "guards": split_names(given.get("guard", ())),
        "augment": split_names(given.get("augment", ())),
        "augment_settings": of_probes,
        "evaluation": evaluation,
        "settings": settings,
    }
    return AlignJob(**chosen)


def _merged(known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Two tables, and their tables, key by key; what is given wins."""
    found = dict(known)
    for key, value in given.items():
        both = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
        found[key] = _merged(found[key], value) if both else value
    return found


def aligner_named(method: str, registry: Registry) -> AlignerSpec:
    """The method's registered aligner.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if method not in registry.aligners:
        raise UnknownNameError("method", method, registry.aligners)
    return registry.aligners[method]


def _check_keys(table: Mapping[str, Any], settings: Sequence[str]) -> None:
    for key in table:
        if key not in _OWN_KEYS and key not in settings:
            raise UnknownNameError("key under [align]", key, (*_OWN_KEYS, *settings))


def _own(table: Any) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        raise ConfigError("[align] is not a table")
    return {key: table[key] for key in table if key in _OWN_KEYS}
