"""Finding plugins and importing them.

Every plugin comes the same way, ours too: an entry point in the group ``harness``, or a file
given with ``--plugin``. A plugin that fails to load or misuses a hook is named and skipped.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pluggy

from harness import hookspecs
from harness.errors import PluginError
from harness.plugins.loaded import Loaded, PluginInfo
from harness.plugins.registry import Registry

GROUP = "harness"
"""The entry points' group."""


def load(files: Sequence[Path | str] = (), strict: bool = False) -> Registry:
    """Imports every plugin there is, and asks all of them what they offer.

    Args:
        files: Python files given with ``--plugin``, or harness.toml files that declare tasks.
        strict: Raise instead of skipping a broken plugin.

    Raises:
        PluginError: A plugin is broken and ``strict`` is set, or a file given is broken.
        ConfigError: A harness.toml given is malformed.
    """
    from harness.plugins.registering import register

    return register(find(files, strict))


def find(files: Sequence[Path | str] = (), strict: bool = False) -> Loaded:
    """Imports every plugin there is, and asks none of them what it offers.

    That is enough for who calls hooks alone, such as ``harness --help``.

    Raises:
        PluginError: A plugin cannot be imported or names a hook that does not exist, and
            ``strict`` is set or it is a file given.
    """
    paths = [Path(file) for file in files]
    python = tuple(file for file in paths if file.suffix != ".toml")
    tables = tuple(file for file in paths if file.suffix == ".toml")
    loaded = Loaded(_manager(), tuple(file.resolve() for file in python), tables, strict=strict)
    checked = _manager()  # each plugin's hooks are checked by themselves; it calls none
    for info, import_plugin in _sources(python):
        if checked.has_plugin(info.name):
            info = replace(info, name=f"{info.name} ({info.origin})")
        loaded.plugins.append(info)
        try:
            plugin = import_plugin()
            checked.register(plugin, name=info.name)
            checked.check_pending()
        except (Exception, SystemExit) as error:  # whatever a foreign module does at import
            if checked.has_plugin(info.name):
                checked.unregister(name=info.name)
            loaded.skip(info, error)
            continue
        hooks = tuple(caller.name for caller in checked.get_hookcallers(plugin) or ())
        loaded.plugins[-1] = replace(info, hooks=hooks)
    # pluggy calls the last registered first: this way round, hooks run in the order of loading.
    for name, plugin in reversed(checked.list_name_plugin()):
        loaded.manager.register(plugin, name=name)
    return loaded


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    return manager


def _sources(files: Sequence[Path]) -> Iterator[tuple[PluginInfo, Callable[[], object]]]:
    """(what is known of a plugin, what imports it): of entry points by name, then of files."""
    origin_of = functools.cache(_origin)  # each look parses all of a distribution's metadata
    for entry_point in sorted(metadata.entry_points(group=GROUP), key=lambda each: each.name):
        distribution = entry_point.dist
        version, origin = origin_of(distribution) if distribution else ("", entry_point.value)
        yield PluginInfo(entry_point.name, version, origin), entry_point.load
    for file in files:
        yield PluginInfo(file.stem, "", str(file)), functools.partial(import_file, file)


def _origin(distribution: metadata.Distribution) -> tuple[str, str]:
    """(version, name)."""
    found = distribution.metadata
    return found["Version"], found["Name"]


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
