"""Asking plugins what they offer: each on its own first, then all together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.authoring.declaration import Declaration
from harness.authoring.grading import MetricSpec
from harness.errors import PluginError
from harness.plugins.declared import declare
from harness.plugins.loaded import Loaded, explained
from harness.plugins.registry import Registry
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


def register(loaded: Loaded) -> Registry:
    """The registry of what the plugins offer.

    Raises:
        PluginError: A plugin is broken, and they are loaded strictly or it is a file given.
        ConfigError: A harness.toml given is malformed.
    """
    registry = Registry(
        loaded.manager,
        loaded.files,
        plugins=loaded.plugins,
        failures=loaded.failures,
        strict=loaded.strict,
    )
    for info in [each for each in loaded.plugins if each.error is None]:
        try:
            _add(registry, info.name)
        except (Exception, SystemExit) as error:
            loaded.skip(info, error)
    _fill(registry)
    for file in loaded.tables:
        declare(registry, file)
    return registry


def _add(registry: Registry, name: str) -> None:
    """Tries a plugin on its own; what it offers is taken whole or not at all."""
    manager = registry.manager
    others = [plugin for other, plugin in manager.list_name_plugin() if other != name]
    additions = _offered(lambda hook: manager.subset_hook_caller(hook, others)(), registry.metrics)
    for table, key, _ in additions:
        if key in getattr(registry, table):
            raise PluginError(f"{table.removesuffix('s')} {key!r} is registered already")
    for table, key, spec in additions:
        getattr(registry, table)[key] = spec


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
