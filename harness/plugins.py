"""Finding plugins, keeping a broken one from breaking the rest, and looking up what they offer.

Every plugin comes the same way, ours too: an entry point in the group ``harness``, or a file
given with ``--plugin``. A plugin that fails to load or misuses a hook is named and skipped.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import pluggy

from harness import hookspecs
from harness.authoring.declaration import Declaration
from harness.authoring.grading import MetricSpec
from harness.errors import PluginError, UnknownNameError
from harness.protocols import (
    AlignerSpec,
    BackendSpec,
    ExecutorSpec,
    ProbeSpec,
    ReporterSpec,
    TaskSpec,
)

GROUP = "harness"
Spec = TypeVar("Spec", TaskSpec, ProbeSpec)
Named = TypeVar("Named")


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One plugin as ``harness plugins`` lists it; ``error`` says why it was skipped."""

    name: str
    version: str
    origin: str
    hooks: tuple[str, ...] = ()
    error: str | None = None


@dataclass(slots=True)
class Registry:
    """Everything the loaded plugins offer, by name.

    ``files`` are the Python files given with ``--plugin``; ``tables`` the harness.toml files that
    declare tasks, and ``declared`` the tables of these.
    """

    manager: pluggy.PluginManager
    files: tuple[Path, ...] = ()
    tables: tuple[Path, ...] = ()
    plugins: list[PluginInfo] = field(default_factory=list)
    tasks: dict[str, TaskSpec] = field(default_factory=dict)
    backends: dict[str, BackendSpec] = field(default_factory=dict)
    probes: dict[str, ProbeSpec] = field(default_factory=dict)
    aligners: dict[str, AlignerSpec] = field(default_factory=dict)
    reporters: dict[str, ReporterSpec] = field(default_factory=dict)
    executors: dict[str, ExecutorSpec] = field(default_factory=dict)
    metrics: dict[str, MetricSpec] = field(default_factory=dict)
    declared: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def functions(self) -> dict[str, Callable[..., object]]:
        """What plugins add to the Python API, by name."""
        found: dict[str, Callable[..., object]] = {}
        for offered in self.manager.hook.harness_api():
            found |= offered
        return found

    def select_tasks(self, names: Iterable[str]) -> list[TaskSpec]:
        """The tasks named, suites unfolded, each once, in the order asked for.

        Raises:
            UnknownNameError: Neither a task nor a suite has that name.
        """
        return _select("task or suite", self.tasks, names)

    def select_probes(self, names: Iterable[str]) -> list[ProbeSpec]:
        """The probes named, suites unfolded, each once, in the order asked for."""
        return _select("probe or suite", self.probes, names)

    def reporter(self, name: str) -> ReporterSpec:
        """The reporter of a format."""
        return _get("format", self.reporters, name)

    def backend(self, scheme: str) -> BackendSpec:
        """The backend of a scheme."""
        return _get("backend", self.backends, scheme)

    def notify(self, hook: str, **arguments: Any) -> list[Any]:
        """What every plugin's hook returns; one that raises is warned about, not fatal."""
        returned: list[Any] = []
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            wanted = {name: arguments[name] for name in implementation.argnames}
            try:
                returned.append(implementation.function(**wanted))
            except Exception as error:  # a plugin's own fault must not end the run
                warnings.warn(
                    f"plugin {implementation.plugin_name!r} failed in {hook}: {error!r}",
                    stacklevel=2,
                )
        return returned


def _get(kind: str, known: dict[str, Named], name: str) -> Named:
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return known[name]


def suites(specs: dict[str, Spec]) -> dict[str, list[str]]:
    """Suite → the names in it, in the order of registration."""
    found: dict[str, list[str]] = {}
    for name, spec in specs.items():
        for suite in spec.suites:
            found.setdefault(suite, []).append(name)
    return found


def _select(kind: str, specs: dict[str, Spec], names: Iterable[str]) -> list[Spec]:
    groups: dict[str, list[str]] = suites(specs)
    chosen: dict[str, Spec] = {}
    for name in names:
        if name not in specs and name not in groups:
            raise UnknownNameError(
                kind, name, [*specs, *groups], "`harness ls` lists what there is."
            )
        for member in [name] if name in specs else groups[name]:
            chosen[member] = specs[member]
    return list(chosen.values())


# --------------------------------------------------------------------------- loading


def load(files: Sequence[Path | str] = (), strict: bool = False) -> Registry:
    """Loads every plugin there is.

    Args:
        files: Python files given with ``--plugin``, or harness.toml files that declare tasks.
        strict: Raise instead of skipping a broken plugin.

    Raises:
        PluginError: A plugin is broken and ``strict`` is set, or a file given is broken.
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    paths = [Path(file) for file in files]
    python = tuple(file.resolve() for file in paths if file.suffix != ".toml")
    registry = Registry(manager, python)
    for entry_point in sorted(metadata.entry_points(group=GROUP), key=lambda each: each.name):
        distribution = entry_point.dist
        info = PluginInfo(
            entry_point.name,
            distribution.version if distribution else "",
            distribution.name if distribution else entry_point.value,
        )
        _add(registry, info, entry_point.load, strict)
    for file in paths:
        if file.suffix == ".toml":
            declare(registry, file)
            continue
        info = PluginInfo(file.stem, "", str(file))
        # A file was asked for by name: skipping it silently would be a surprise.
        _add(registry, info, lambda file=file: _import_file(file), strict=True)  # type: ignore[misc]
    return registry


def declare(registry: Registry, file: Path) -> None:
    """Adds the tasks that a harness.toml declares; once, however often the file is named.

    Raises:
        ConfigError: The file is missing or malformed, or a name is taken.
    """
    from harness.authoring import declared_tables  # most commands have no such file

    path = file.resolve()
    if path in registry.tables:
        return
    found = declared_tables.tables(file)
    declared = {name: table for name, table in found.items() if declared_tables.declares(table)}
    for name, table in declared.items():
        add_declared(registry, str(file), name, table)
    for name, table in found.items():
        declared_tables.check_undeclared(str(file), name, table, registry.tasks)
    if declared:
        hooks = ("harness_register_tasks",)
        registry.plugins.append(PluginInfo(file.stem, "", str(path), hooks))
        registry.tables = (*registry.tables, path)


def add_declared(registry: Registry, file: str, name: str, table: Mapping[str, Any]) -> None:
    """Adds the task that one table declares.

    Raises:
        ConfigError: The table is malformed, or its name is taken.
    """
    from harness.authoring import declared_tables

    taken = {*registry.tasks, *suites(registry.tasks), *registry.probes, *suites(registry.probes)}
    declared = declared_tables.parse(file, name, table, registry.metrics, taken)
    registry.tasks[name] = declared.spec(registry.metrics)
    registry.declared[name] = table


def _import_file(file: Path) -> object:
    specification = importlib.util.spec_from_file_location(file.stem, file)
    if specification is None or specification.loader is None or not file.is_file():
        raise PluginError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules.setdefault(file.stem, module)
    specification.loader.exec_module(module)
    return module


def _add(
    registry: Registry, info: PluginInfo, import_plugin: Callable[[], object], strict: bool
) -> None:
    manager = registry.manager
    if manager.has_plugin(info.name):
        info = replace(info, name=f"{info.name} ({info.origin})")
    try:
        plugin = import_plugin()
        manager.register(plugin, name=info.name)
        manager.check_pending()
        _collect(registry, info.name)
    except (Exception, SystemExit) as error:  # whatever a foreign module does at import
        if strict:
            raise PluginError(
                f"plugin {info.name!r} ({info.origin}) is broken: {_explain(error)}"
            ) from error
        manager.unregister(name=info.name) if manager.has_plugin(info.name) else None
        registry.plugins.append(replace(info, error=_explain(error)))
        return
    hooks = tuple(caller.name for caller in manager.get_hookcallers(plugin) or ())
    registry.plugins.append(replace(info, hooks=hooks))


def _explain(error: BaseException) -> str:
    first = str(error).splitlines()[0] if str(error) else "no message"
    return first if isinstance(error, PluginError) else f"{type(error).__name__}: {first}"


_KINDS: tuple[tuple[str, str, str, type], ...] = (
    ("harness_register_tasks", "tasks", "name", TaskSpec),
    ("harness_register_backends", "backends", "scheme", BackendSpec),
    ("harness_register_probes", "probes", "name", ProbeSpec),
    ("harness_register_aligners", "aligners", "name", AlignerSpec),
    ("harness_register_reporters", "reporters", "name", ReporterSpec),
    ("harness_register_executors", "executors", "name", ExecutorSpec),
    ("harness_register_metrics", "metrics", "name", MetricSpec),
)


def _collect(registry: Registry, plugin_name: str) -> None:
    """Adds what one plugin registers: all of it or, when any of it is wrong, nothing."""
    additions: list[tuple[dict[str, Any], str, object]] = []
    for hook, table_name, key, kind in _KINDS:
        table = getattr(registry, table_name)
        for implementation in getattr(registry.manager.hook, hook).get_hookimpls():
            if implementation.plugin_name != plugin_name:
                continue
            for spec in implementation.function():
                if isinstance(spec, Declaration):
                    spec = spec.spec(registry.metrics)
                if not isinstance(spec, kind):
                    raise PluginError(f"{hook} gave {spec!r}, expected a {kind.__name__}")
                name = getattr(spec, key)
                if name in table or any(t is table and n == name for t, n, _ in additions):
                    raise PluginError(
                        f"{table_name.removesuffix('s')} {name!r} is registered already"
                    )
                additions.append((table, name, spec))
    for table, name, spec in additions:
        table[name] = spec
