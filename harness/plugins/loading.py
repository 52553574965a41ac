"""Loading plugins: each on its own first, then all together.

Every plugin comes the same way, ours too: an entry point in the group ``harness``, or a file
given with ``--plugin``. A plugin that fails to load or misuses a hook is named and skipped.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pluggy

from harness import hookspecs
from harness.authoring.declaration import Declaration
from harness.authoring.grading import MetricSpec
from harness.errors import PluginError
from harness.plugins.declared import declare
from harness.plugins.registry import PluginInfo, Registry, explained
from harness.protocols import (
    AlignerSpec,
    BackendSpec,
    ExecutorSpec,
    ExporterSpec,
    ImporterSpec,
    ProbeSpec,
    ReporterSpec,
    TaskSource,
    TaskSpec,
)

GROUP = "harness"
"""The entry points' group."""


def load(files: Sequence[Path | str] = (), strict: bool = False) -> Registry:
    """Loads every plugin there is.

    Args:
        files: Python files given with ``--plugin``, or harness.toml files that declare tasks.
        strict: Raise instead of skipping a broken plugin.

    Raises:
        PluginError: A plugin is broken and ``strict`` is set, or a file given is broken.
    """
    paths = [Path(file) for file in files]
    python = tuple(file.resolve() for file in paths if file.suffix != ".toml")
    registry = Registry(_manager(), python, strict=strict)
    loaded: list[tuple[str, object]] = []
    for entry_point in sorted(metadata.entry_points(group=GROUP), key=lambda each: each.name):
        distribution = entry_point.dist
        info = PluginInfo(
            entry_point.name,
            distribution.version if distribution else "",
            distribution.name if distribution else entry_point.value,
        )
        _add(registry, loaded, info, entry_point.load, strict)
    for file in paths:
        if file.suffix == ".toml":
            continue
        info = PluginInfo(file.stem, "", str(file))
        # A file was asked for by name: skipping it silently would be a surprise.
        _add(registry, loaded, info, lambda file=file: import_file(file), strict=True)  # type: ignore[misc]
    # pluggy calls the last registered first: this way round, hooks run in the order of loading.
    for name, plugin in reversed(loaded):
        registry.manager.register(plugin, name=name)
    _fill(registry)
    for file in paths:
        if file.suffix == ".toml":
            declare(registry, file)
    return registry


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    return manager


def import_file(file: Path) -> object:
    """The module in a file.

    Raises:
        PluginError: It is no Python file.
    """
    specification = importlib.util.spec_from_file_location(file.stem, file)
    if specification is None or specification.loader is None or not file.is_file():
        raise PluginError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules.setdefault(file.stem, module)
    specification.loader.exec_module(module)
    return module


def _add(
    registry: Registry,
    loaded: list[tuple[str, object]],
    info: PluginInfo,
    import_plugin: Callable[[], object],
    strict: bool,
) -> None:
    """Tries a plugin on its own; what it registers is taken whole or not at all."""
    if any(name == info.name for name, _ in loaded):
        info = replace(info, name=f"{info.name} ({info.origin})")
    try:
        plugin = import_plugin()
        alone = _manager()
        alone.register(plugin, name=info.name)
        alone.check_pending()
        additions = _offered(lambda hook: getattr(alone.hook, hook)(), registry.metrics)
        for table, name, _ in additions:
            if name in getattr(registry, table):
                raise PluginError(f"{table.removesuffix('s')} {name!r} is registered already")
    except (Exception, SystemExit) as error:  # whatever a foreign module does at import
        if strict:
            raise PluginError(
                f"plugin {info.name!r} ({info.origin}) is broken: {explained(error)}"
            ) from error
        registry.plugins.append(replace(info, error=explained(error)))
        return
    for table, name, spec in additions:
        getattr(registry, table)[name] = spec
    loaded.append((info.name, plugin))
    hooks = tuple(caller.name for caller in alone.get_hookcallers(plugin) or ())
    registry.plugins.append(replace(info, hooks=hooks))


_KINDS: tuple[tuple[str, str, str, type], ...] = (
    ("harness_register_tasks", "tasks", "name", TaskSpec),
    ("harness_register_task_sources", "task_sources", "prefix", TaskSource),
    ("harness_register_backends", "backends", "scheme", BackendSpec),
    ("harness_register_probes", "probes", "name", ProbeSpec),
    ("harness_register_aligners", "aligners", "name", AlignerSpec),
    ("harness_register_reporters", "reporters", "name", ReporterSpec),
    ("harness_register_executors", "executors", "name", ExecutorSpec),
    ("harness_register_importers", "importers", "name", ImporterSpec),
    ("harness_register_exporters", "exporters", "name", ExporterSpec),
    ("harness_register_metrics", "metrics", "name", MetricSpec),
)

_HAS_A_SAY = ("wrapper", "hookwrapper", "tryfirst", "trylast")


def _offered(
    call: Callable[[str], list[Any]], metrics: Mapping[str, MetricSpec]
) -> list[tuple[str, str, object]]:
    """(table, name, spec) of all that plugins register, where ``call`` calls a hook.

    ``metrics`` are those that a declaration may name, looked up when its task is opened.

    Raises:
        PluginError: A spec is of another kind, or a name comes twice.
    """
    found: list[tuple[str, str, object]] = []
    for hook, table, key, kind in _KINDS:
        names: set[str] = set()
        for specs in call(hook):
            for spec in specs:
                if isinstance(spec, Declaration):
                    spec = spec.spec(metrics)
                if not isinstance(spec, kind):
                    raise PluginError(f"{hook} gave {spec!r}, expected a {kind.__name__}")
                name = getattr(spec, key)
                if name in names:
                    raise PluginError(f"{table.removesuffix('s')} {name!r} is registered already")
                names.add(name)
                found.append((table, name, spec))
    return found


def _fill(registry: Registry) -> None:
    """The tables as all plugins together make them: their order and their wrappers count.

    Where none has a say in that, they are what each plugin offered by itself, and nothing is asked
    twice. Where a wrapper of one plugin spoils what the others offer, the tables stay as they were.
    """
    hooks = [getattr(registry.manager.hook, hook) for hook, *_ in _KINDS]
    found = [each for hook in hooks for each in hook.get_hookimpls()]
    if not any(getattr(each, how) for each in found for how in _HAS_A_SAY):
        return
    try:
        offered = _offered(registry.notify, registry.metrics)
    except (PluginError, TypeError) as error:
        if registry.strict:
            raise PluginError(f"a plugin's hook wrapper is broken: {explained(error)}") from error
        registry.failures[f"a plugin's hook wrapper is left out: {explained(error)}"] += 1
        return
    for _, table, _, _ in _KINDS:
        getattr(registry, table).clear()
    for table, name, spec in offered:
        getattr(registry, table)[name] = spec
