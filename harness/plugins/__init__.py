"""Finding plugins, keeping a broken one from breaking the rest, and looking up what they offer."""

from harness.plugins.declared import add_declared, declare
from harness.plugins.loading import load
from harness.plugins.registry import PluginInfo, Registry, suites

__all__ = ["PluginInfo", "Registry", "add_declared", "declare", "load", "suites"]
