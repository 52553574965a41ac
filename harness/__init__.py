"""Evaluate a language model, compare it with the last one, and decide whether it may ship.

    from harness import align, compare, evaluate

    result = evaluate("./ckpt", ["squad", "bias"], data="sample")
    print(result.tasks["squad"].metrics["f1"].estimate)

The names in ``__all__`` are the core's; plugins add functions of their own, such as ``align``.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.api import compare, evaluate, open_model, plan
    from harness.config import ModelConfig, RunSpec
    from harness.hookspecs import hookimpl
    from harness.plugins import Registry
    from harness.run.ask import ask

__all__ = [
    "ModelConfig",
    "Registry",
    "RunSpec",
    "ask",
    "compare",
    "evaluate",
    "hookimpl",
    "open_model",
    "plan",
]
__version__ = "0.1.0"

_HOMES = {
    "ModelConfig": "harness.config",
    "Registry": "harness.plugins",
    "RunSpec": "harness.config",
    "ask": "harness.run.ask",
    "compare": "harness.api",
    "evaluate": "harness.api",
    "hookimpl": "harness.hookspecs",
    "open_model": "harness.api",
    "plan": "harness.api",
}


def __getattr__(name: str) -> Any:
    """Finds a public name on first use, so that ``import harness`` stays light."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    is_module = name.startswith("_") or importlib.util.find_spec(f"harness.{name}") is not None
    if not is_module:
        from harness.plugins import load

        functions = load().functions
        if name in functions:
            return functions[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
