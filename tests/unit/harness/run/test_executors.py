"""``--executor``: who opens the model, and who gets which option."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness import config, errors
from harness.cli import app
from harness.config import ModelConfig
from harness.errors import HarnessError, UnknownNameError, UsageError
from harness.protocols import (
    BackendOptions,
    Executor,
    ExecutorOptions,
    ExecutorSpec,
    ModelBackend,
    ModelSource,
)
from harness.run import models


@dataclass
class Nearby:
    """Opens the model where it is asked to, and keeps what it was given."""

    options: ExecutorOptions
    source: ModelSource | None = None

    def open(self, source: ModelSource) -> ModelBackend:
        self.source = pickle.loads(pickle.dumps(source))
        return THE_BACKEND


THE_BACKEND: Any = object()


@pytest.fixture
def made(registry) -> list[Nearby]:
    found: list[Nearby] = []

    def open_executor(options: ExecutorOptions) -> Nearby:
        found.append(Nearby(options))
        return found[-1]

    registry.executors["nearby"] = ExecutorSpec(
        "nearby", "in the next room", open_executor, {"workers": "how many", "knob": "its own"}
    )
    return found


def spec(**given) -> ModelConfig:
    return ModelConfig("fake:rest", **given)


def test_the_executor_opens_the_model_with_its_own_options(registry, made) -> None:
    registry.files = (Path("/somewhere/plugin.py"),)
    registry.backends["fake"] = replace(
        registry.backends["fake"], options={"depth": "", "knob": "turn"}
    )
    settings = {"workers": "2", "depth": "7", "knob": "left"}
    opened = models.open_backend(spec(executor="nearby", settings=settings), registry)
    assert opened is THE_BACKEND
    (executor,) = made
    assert isinstance(executor, Executor)
    assert isinstance(executor, Nearby)
    assert executor.options.values == {"workers": "2", "knob": "left"}
    expected = BackendOptions("rest", values={"depth": "7"})
    assert executor.source == ModelSource("fake", expected, registry.files)


def test_without_one_the_model_is_opened_here(registry, made, backend) -> None:
    assert models.open_backend(spec(), registry) is backend
    assert models.open_backend(spec(executor="local"), registry) is backend
    assert not made
    with pytest.raises(UnknownNameError, match="option of the fake backend 'workers'"):
        models.open_backend(spec(settings={"workers": "2"}), registry)


def test_what_does_not_exist_is_named_with_what_is_near(registry, made) -> None:
    with pytest.raises(UnknownNameError, match="executor 'nearbye'") as caught:
        models.open_backend(spec(executor="nearbye"), registry)
    assert "nearby" in str(caught.value.hint)
    with pytest.raises(UnknownNameError, match="backend and the nearby executor 'worker'"):
        settings = {"worker": "2"}
        models.open_backend(spec(executor="nearby", settings=settings), registry)


def test_a_backend_of_which_there_can_be_one_is_not_spread(registry, made) -> None:
    registry.backends["fake"] = replace(registry.backends["fake"], replicable=False)
    with pytest.raises(UsageError, match="--executor nearby with the fake backend"):
        models.open_backend(spec(executor="nearby"), registry)
    assert not made


def test_harness_toml_names_it_and_the_command_line_wins(tmp_path: Path) -> None:
    file = tmp_path / "harness.toml"
    file.write_text('[run]\nmodel = "demo"\ntasks = ["echo"]\nexecutor = "nearby"\n')
    values = config.read_config(file)
    assert config.merge(values, {"executor": None}).executor == "nearby"
    assert config.merge(values, {"executor": "local"}).executor == "local"


def test_ls_shows_executors_and_their_options(registry, made) -> None:
    state = {"registry": registry}
    listed = CliRunner().invoke(app, ["ls"], obj=state)
    assert "in the next room" in listed.output
    shown = CliRunner().invoke(app, ["ls", "nearby"], obj=state)
    assert "workers" in shown.output
    assert "how many" in shown.output


ERRORS = [
    errors.UnknownNameError("task", "sqad", ["squad"]),
    errors.DataError("bad", path="rows.jsonl", line=3, expected="a number"),
    errors.MissingExtraError("the hf backend", "hf"),
    errors.RunInterruptedError("stopped", "Go on."),
    errors.ModelError("no hint"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_can_travel_between_processes(error: HarnessError) -> None:
    there = pickle.loads(pickle.dumps(error))
    assert type(there) is type(error)
    assert (there.message, there.hint, str(there)) == (error.message, error.hint, str(error))
    assert there.exit_code == error.exit_code
