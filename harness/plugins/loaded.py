"""The plugins that are imported, and how their hooks are called; one that raises is skipped."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pluggy

from harness.errors import PluginError
from harness.plugins.guarding import Guarded, GuardedWrapper

LIFECYCLE = (
    "harness_run_started",
    "harness_scored",
    "harness_group_measures",
    "harness_run_finished",
)
"""Hooks that are called during a run, which no plugin's fault may end."""


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One plugin as ``harness plugins`` lists it; ``error`` says why it was skipped."""

    name: str
    version: str
    origin: str
    hooks: tuple[str, ...] = ()
    error: str | None = None


@dataclass(slots=True)
class Loaded:
    """The plugins whose modules are imported; what they register is not asked for yet.

    ``files`` are the Python files given with ``--plugin``, ``tables`` the harness.toml files that
    declare tasks.
    """

    manager: pluggy.PluginManager
    files: tuple[Path, ...] = ()
    tables: tuple[Path, ...] = ()
    plugins: list[PluginInfo] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    strict: bool = False

    @property
    def functions(self) -> dict[str, Callable[..., object]]:
        """What plugins add to the Python API, by name."""
        found: dict[str, Callable[..., object]] = {}
        for offered in self.notify("harness_api"):
            found |= offered
        return found

    def skip(self, info: PluginInfo, error: BaseException) -> None:
        """Notes what is wrong with a plugin of the list, whose hooks are not called any more.

        Raises:
            PluginError: They are loaded strictly, or it is a file: to skip what was asked for by
                name would be a surprise.
        """
        if self.strict or Path(info.origin).resolve() in self.files:
            told = f"plugin {info.name!r} ({info.origin}) is broken: {explained(error)}"
            raise PluginError(told) from error
        self.plugins[self.plugins.index(info)] = replace(info, hooks=(), error=explained(error))
        if self.manager.has_plugin(info.name):
            self.manager.unregister(name=info.name)

    def listens(self, hook: str) -> bool:
        """Whether a plugin has that hook."""
        return bool(getattr(self.manager.hook, hook).get_hookimpls())

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
        told = f"plugin {plugin!r} failed in {hook}: {explained(error)}"
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


def explained(error: BaseException) -> str:
    """An error in one line."""
    first = str(error).splitlines()[0] if str(error) else "no message"
    return first if isinstance(error, PluginError) else f"{type(error).__name__}: {first}"
