"""Options that several commands share, and how they become a RunSpec."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from harness import config
from harness.config import (
    RUNS,
    RunSpec,
    parse_data,
    parse_pairs,
    read_config,
    read_toml,
    split_names,
)
from harness.protocols import ProbeSpec

__all__ = [
    "RUNS",
    "BatchSize",
    "Names",
    "parse_data",
    "parse_pairs",
    "read_config",
    "read_toml",
    "run_options",
    "run_spec",
    "split_names",
    "with_shortcuts",
]

Function = TypeVar("Function", bound=Callable[..., Any])


class Names(click.ParamType[tuple[str, ...]]):
    """Comma-separated names."""

    name = "a,b,c"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> tuple[str, ...]:
        """Splits at commas; empty names are dropped."""
        del param, context
        if isinstance(value, tuple):
            return value
        return tuple(name.strip() for name in str(value).split(",") if name.strip())


class BatchSize(click.ParamType[int | str]):
    """``auto`` or a whole number from 1."""

    name = "auto|N"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> int | str:
        """Checks the number."""
        if value == "auto" or isinstance(value, int):
            return value  # type: ignore[no-any-return]
        if str(value).isdecimal() and int(value) >= 1:
            return int(value)
        return self.fail(f"{value!r} is neither `auto` nor a whole number from 1", param, context)


_RUN_OPTIONS = (
    click.option("--model", metavar="MODEL", help="Checkpoint folder, hub id or SCHEME:REST."),
    click.option("--tasks", type=Names(), help="Tasks and suites, comma-separated."),
    click.option(
        "--data",
        multiple=True,
        metavar="TASK=PATH",
        help="A task's data file or folder (SRC:REF for parallel text), or `sample` for the "
        "small sets that ship with the tasks. Without it, data come from the hub.",
    ),
    click.option("--probes", type=Names(), help="Probes and suites of probes, on every task."),
    click.option(
        "--metrics",
        type=Names(),
        help="Registered metrics to compute beside the tasks' own; `harness ls` lists them.",
    ),
    click.option("--limit", type=click.IntRange(1), help="Only the first N samples of each task."),
    click.option(
        "--sample",
        type=click.IntRange(1),
        help="Only N samples of each task, drawn with the seed, stratified by group or label.",
    ),
    click.option("--num-fewshot", type=click.IntRange(0), help="Solved examples shown. [0]"),
    click.option("--batch-size", type=BatchSize(), help="Sequences a forward pass. [auto]"),
    click.option("--dtype", help="auto, float32, bfloat16 or float16. [auto]"),
    click.option("--device", help="auto, cpu, cuda, cuda:1, mps. [auto]"),
    click.option("--executor", metavar="NAME", help="Where the model runs: local, ray. [local]"),
    click.option(
        "--seed", type=int, help="Of few-shot draws, probes, --sample and drawn answers. [0]"
    ),
    click.option("--group-by", type=Names(), help="Metadata fields to report by group."),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="[NAME.]KEY=VALUE",
        help="An option of the backend or executor, or of the task or probe NAME; "
        "`harness ls NAME` lists them.",
    ),
    click.option("--repeats", type=click.IntRange(1), help="Answers to each sample. [1]"),
    click.option(
        "--reduce",
        "reducers",
        type=Names(),
        help="What to compute of repeats: pass@K, pass^K, majority, at_least_one, mean.",
    ),
    click.option(
        "--max-seconds",
        type=click.FloatRange(0, min_open=True),
        help="After how long a run ends with what is answered; a gate is then inconclusive.",
    ),
    click.option("--temperature", type=float, help="Of generated answers. [the tasks' own]"),
    click.option("--system", metavar="TEXT", help="What the system says before every prompt."),
    click.option(
        "--judge",
        "judges",
        multiple=True,
        metavar="MODEL",
        help="The model that grades answers; several make a panel. Its settings stand in the "
        "[judge] table of harness.toml, or in --judge-set.",
    ),
    click.option(
        "--judge-set",
        "judge_settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="An option of the judge's backend.",
    ),
    click.option(
        "--role",
        "other_roles",
        multiple=True,
        metavar="NAME=MODEL",
        help="The model of another role that a task asks, such as retriever.",
    ),
    click.option(
        "--allow-unsafe-code",
        is_flag=True,
        help="Run code that the model wrote where there is no sandbox.",
    ),
    click.option(
        "--energy",
        metavar="COUNTRY",
        help="Measure energy and CO2e, by the electricity of a country such as DEU.",
    ),
    click.option("--config", type=click.Path(path_type=Path), help="harness.toml to start from."),
    click.option("--out", type=click.Path(path_type=Path), help="Run folder. [runs/TIME-MODEL]"),
    click.option("--baseline", help="Run folder or baseline file to gate against."),
    click.option("--format", "formats", type=Names(), help="Reports to write. [console,html]"),
    click.option("--no-cache", is_flag=True, help="Neither read nor keep stored responses."),
)


def run_options(function: Function) -> Function:
    """Adds the options that describe a run."""
    for option in reversed(_RUN_OPTIONS):
        function = option(function)
    return function


def with_shortcuts(command: click.Command, probes: Iterable[ProbeSpec]) -> click.Command:
    """The command with the flags of probes' shortcuts, where it takes ``run_options``.

    A flag that the command has already, or another probe, is left out with a warning.
    """
    names = [parameter.name for parameter in command.params]
    if not {"tasks", "probes", "settings"} <= {*names}:
        return command
    taken = {flag for parameter in command.params for flag in parameter.opts}
    added: list[click.Parameter] = []
    for spec in probes:
        shortcut = spec.shortcut
        if shortcut is None:
            continue
        if shortcut.flag in taken:
            warnings.warn(f"{shortcut.flag} of the probe {spec.name!r} is taken", stacklevel=2)
            continue
        taken.add(shortcut.flag)
        option = click.Option([shortcut.flag], metavar=shortcut.metavar, help=shortcut.help)
        option.name = f"{spec.name}.{shortcut.option}"  # no other parameter's name has a point
        added.append(option)
    found = copy.copy(command)
    place = names.index("probes") + 1
    found.params = [*command.params[:place], *added, *command.params[place:]]
    return found


def run_spec(given: Mapping[str, Any]) -> RunSpec:
    """The RunSpec of parsed ``run_options``, probes' shortcuts among them.

    Raises:
        HarnessError: A value is malformed, or harness.toml is.
    """
    values = dict(given)
    path = values.pop("config")
    backend, tasks = config.parse_settings(values.pop("settings"))
    values["backend_settings"], values["task_settings"] = backend, tasks
    values["data"] = config.parse_data(values["data"])
    judges, settings = values.pop("judges"), values.pop("judge_settings")
    values["roles"] = config.parse_roles(judges, settings, values.pop("other_roles"))
    for key in [each for each in values if "." in each]:  # of ``with_shortcuts``
        value = values.pop(key)
        if value is not None:
            probe, _, option = key.rpartition(".")
            values["probes"] = (*(values["probes"] or ()), probe)
            tasks.setdefault(probe, {})[option] = value
    if values["batch_size"] == "auto":
        values["batch_size"] = None
    if not values["allow_unsafe_code"]:
        del values["allow_unsafe_code"]
    if values.pop("no_cache"):
        values["cache"] = False
    return config.merge(config.read_config(path) if path is not None else {}, values)
