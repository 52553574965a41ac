"""Evaluate a language model, compare it with the last one, and decide whether it may ship.

from harness import evaluate

result = evaluate("./ckpt", ["squad", "bias"], data="sample")
print(result.tasks["squad"].metrics["f1"].estimate)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.api import evaluate
    from harness.hookspecs import hookimpl

__all__ = ["evaluate", "hookimpl"]
__version__ = "0.1.0"

_HOMES = {"evaluate": "harness.api", "hookimpl": "harness.hookspecs"}


def __getattr__(name: str) -> Any:
    """Imports a public name on first use, so that ``import harness`` stays light."""
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
