"""Finding plugins, keeping a broken one from breaking the rest, and looking up what they offer.

``find`` imports them; ``load`` asks them what they offer, too.
"""

from harness.plugins.declared import add_declared, declare
from harness.plugins.loaded import Loaded, PluginInfo
from harness.plugins.loading import find, load
from harness.plugins.registry import Registry, suites

__all__ = [
    "Loaded",
    "PluginInfo",
    "Registry",
    "add_declared",
    "declare",
    "find",
    "load",
    "suites",
]
