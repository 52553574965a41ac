"""Finding plugins, keeping a broken one from breaking the rest, and looking up what they offer.

Every plugin comes the same way, ours too: an entry point in the group ``harness``, or a file
given with ``--plugin``. A plugin that fails to load or misuses a hook is named and skipped.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import pluggy

from harness import hookspecs
from harness.authoring.declaration import Declaration
from harness.authoring.grading import MetricSpec
from harness.errors import PluginError, UnknownNameError
from harness.plugins.guarding import Guarded, GuardedWrapper
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
LIFECYCLE = (
    "harness_run_started",
    "harness_scored",
    "harness_group_measures",
    "harness_run_finished",
)
"""Hooks that are called during a run, which no plugin's fault may end."""
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
    task_sources: dict[str, TaskSource] = field(default_factory=dict)
    backends: dict[str, BackendSpec] = field(default_factory=dict)
    probes: dict[str, ProbeSpec] = field(default_factory=dict)
    aligners: dict[str, AlignerSpec] = field(default_factory=dict)
    reporters: dict[str, ReporterSpec] = field(default_factory=dict)
    executors: dict[str, ExecutorSpec] = field(default_factory=dict)
    importers: dict[str, ImporterSpec] = field(default_factory=dict)
    exporters: dict[str, ExporterSpec] = field(default_factory=dict)
    metrics: dict[str, MetricSpec] = field(default_factory=dict)
    declared: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    strict: bool = False

    @property
    def functions(self) -> dict[str, Callable[..., object]]:
        """What plugins add to the Python API, by name."""
        found: dict[str, Callable[..., object]] = {}
        for offered in self.notify("harness_api"):
            found |= offered
        return found

    def select_tasks(
        self, names: Iterable[str], settings: Mapping[str, Mapping[str, str]] | None = None
    ) -> list[TaskSpec]:
        """The tasks named, suites unfolded, each once, in the order asked for.

        Args:
            names: Of tasks and suites, or ``PREFIX:NAME`` of what a task source has.
            settings: ``--set NAME.KEY=VALUE``, of which sources read their own.

        Raises:
            UnknownNameError: Neither a task nor a suite has that name.
        """
        chosen: dict[str, TaskSpec] = {}
        for name in names:
            found = self.sourced(name, settings or {})
            specs = _select("task or suite", self.tasks, [name]) if found is None else found
            chosen |= {spec.name: spec for spec in specs}
        return list(chosen.values())

    def sourced(
        self, name: str, settings: Mapping[str, Mapping[str, str]]
    ) -> Sequence[TaskSpec] | None:
        """The tasks that a source has under ``PREFIX:NAME``; None where none has the prefix.

        Raises:
            UnknownNameError: The source has no such name.
        """
        prefix, colon, rest = name.partition(":")
        if not colon or name in self.tasks or prefix not in self.task_sources:
            return None
        return self.task_sources[prefix].find(rest, settings.get(prefix, {}))

    def select_probes(self, names: Iterable[str]) -> list[ProbeSpec]:
        """The probes named, suites unfolded, each once, in the order asked for."""
        return _select("probe or suite", self.probes, names)

    def reporter(self, name: str) -> ReporterSpec:
        """The reporter of a format."""
        return _get("format", self.reporters, name)

    def exporter(self, name: str) -> ExporterSpec:
        """The exporter of that name."""
        return _get("exporter", self.exporters, name)

    def backend(self, scheme: str) -> BackendSpec:
        """The backend of a scheme."""
        return _get("backend", self.backends, scheme)

    def notify(self, hook: str, **arguments: Any) -> list[Any]:
        """What every plugin's hook returns, called by pluggy; one that raises gives nothing."""
        caller = getattr(self.manager.hook, hook)
        self._guard(caller)
        returned: list[Any] = caller(**arguments)
        return returned

    def _guard(self, caller: pluggy.HookCaller) -> None:
        """Keeps what a plugin raises from the others' hooks: it is noted, and skipped."""
        for each in caller.get_hookimpls():
            if not isinstance(each.function, Guarded):
                note = partial(self.note_failure, each.plugin_name, caller.name)
                kind = GuardedWrapper if each.wrapper or each.hookwrapper else Guarded
                each.function = kind(each.function, note)  # type: ignore[misc]

    def note_failure(self, plugin: str, hook: str, error: Exception) -> None:
        """Counts a hook that raised, and warns of it the first time.

        Raises:
            PluginError: The plugins are loaded strictly, and it happened before a run.
        """
        told = f"plugin {plugin!r} failed in {hook}: {_explain(error)}"
        if self.strict and hook not in LIFECYCLE:
            raise PluginError(told) from error
        self.failures[told] += 1
        if self.failures[told] == 1:
            warnings.warn(f"plugin {plugin!r} failed in {hook}: {error!r}", stacklevel=3)

    @property
    def failure_notes(self) -> tuple[str, ...]:
        """A sentence on each hook that raised, for the run's notes."""
        return tuple(
            f"{told} ({times:,} times)" if times > 1 else told
            for told, times in self.failures.items()
        )


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
        _add(registry, loaded, info, lambda file=file: _import_file(file), strict=True)  # type: ignore[misc]
    # pluggy calls the last registered first: this way round, hooks run in the order of loading.
    for name, plugin in reversed(loaded):
        registry.manager.register(plugin, name=name)
    _fill(registry)
    for file in paths:
        if file.suffix == ".toml":
            declare(registry, file)
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
        if name.partition(":")[0] not in registry.task_sources:
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


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    return manager


def _import_file(file: Path) -> object:
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
                f"plugin {info.name!r} ({info.origin}) is broken: {_explain(error)}"
            ) from error
        registry.plugins.append(replace(info, error=_explain(error)))
        return
    for table, name, spec in additions:
        getattr(registry, table)[name] = spec
    loaded.append((info.name, plugin))
    hooks = tuple(caller.name for caller in alone.get_hookcallers(plugin) or ())
    registry.plugins.append(replace(info, hooks=hooks))


def _explain(error: BaseException) -> str:
    first = str(error).splitlines()[0] if str(error) else "no message"
    return first if isinstance(error, PluginError) else f"{type(error).__name__}: {first}"


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
            raise PluginError(f"a plugin's hook wrapper is broken: {_explain(error)}") from error
        registry.failures[f"a plugin's hook wrapper is left out: {_explain(error)}"] += 1
        return
    for _, table, _, _ in _KINDS:
        getattr(registry, table).clear()
    for table, name, spec in offered:
        getattr(registry, table)[name] = spec
