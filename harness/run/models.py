"""From ``--model`` and ``--executor`` to an open backend."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness import plugins
from harness.config import ModelConfig
from harness.errors import UnknownNameError, UsageError
from harness.plugins import Registry
from harness.protocols import (
    BackendOptions,
    BackendSpec,
    Deadline,
    ExecutorOptions,
    ExecutorSpec,
    ModelBackend,
    ModelSource,
    option_names,
)
from harness.run import cache

DEFAULT_SCHEME = "hf"
LOCAL = "local"
"""The executor that is none: the model is opened in this process."""


def locate(model: str, registry: Registry) -> tuple[BackendSpec, str]:
    """The backend of ``--model`` and what it is to open.

    ``SCHEME:REST``, or a scheme alone (``demo``); anything else is a checkpoint for ``hf``. A
    folder with a scheme's name is reached as ``./demo``.

    Raises:
        UnknownNameError: No plugin offers that scheme.
    """
    scheme, colon, rest = model.partition(":")
    if colon and scheme in registry.backends:
        return registry.backends[scheme], rest
    if model in registry.backends:
        return registry.backends[model], ""
    if colon and scheme.isidentifier() and len(scheme) > 1 and not Path(model).exists():
        raise UnknownNameError("backend", scheme, registry.backends)
    return registry.backend(DEFAULT_SCHEME), model


def open_backend(
    config: ModelConfig, registry: Registry, deadline: Deadline | None = None
) -> ModelBackend:
    """Opens a model; this is where heavy packages are imported and weights are read.

    The response store is opened once before: where answers cannot be kept, no model is opened.

    Args:
        config: Which model, and how.
        registry: The loaded plugins.
        deadline: When the run ends; of a model on other machines only the executor hears of it.

    Raises:
        HarnessError: The response store cannot be used.
        UnknownNameError: The scheme, the executor or an option does not exist.
        UsageError: The executor cannot spread this backend.
        ModelError: The checkpoint or endpoint cannot be used.
    """
    backend, rest = locate(config.model, registry)
    executor = _executor(config.executor, registry)
    theirs = () if executor is None else option_names(executor.options)
    for key in config.settings:
        if key not in option_names(backend.options) and key not in theirs:
            raise _unknown_option(key, backend, executor)
    if config.cache and not backend.by_sample:
        cache.ResponseStore(cache.default_path()).close()
    options = BackendOptions(
        rest,
        config.batch_size,
        config.dtype,
        config.device,
        config.seed,
        {key: value for key, value in config.settings.items() if key not in theirs},
        config.prices.get(config.model) or config.prices.get(rest, {}),
    )
    if executor is None:
        return backend.open(replace(options, deadline=deadline))
    if not backend.replicable:
        raise UsageError(
            f"--executor {executor.name} with the {backend.scheme} backend, "
            "of which a run needs exactly one",
            "Leave --executor out.",
        )
    values = {key: value for key, value in config.settings.items() if key in theirs}
    return executor.open(ExecutorOptions(values, deadline)).open(
        ModelSource(backend.scheme, options, registry.files)
    )


def open_source(source: ModelSource) -> ModelBackend:
    """Opens a model in a process that has loaded no plugin yet; what executors call there.

    Raises:
        UnknownNameError: The backend's plugin is not installed in this process.
        ModelError: The model cannot be used.
    """
    return plugins.load(source.plugin_files).backend(source.scheme).open(source.options)


def _executor(name: str, registry: Registry) -> ExecutorSpec | None:
    if name == LOCAL:
        return None
    if name not in registry.executors:
        raise UnknownNameError("executor", name, [LOCAL, *registry.executors])
    return registry.executors[name]


def _unknown_option(
    key: str, backend: BackendSpec, executor: ExecutorSpec | None
) -> UnknownNameError:
    kind, known = f"option of the {backend.scheme} backend", [*option_names(backend.options)]
    if executor is not None:
        kind += f" and the {executor.name} executor"
        known += option_names(executor.options)
    return UnknownNameError(
        kind, key, known, "Options of a task or probe are set as NAME.KEY=VALUE."
    )
