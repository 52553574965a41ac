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
    from harness.api import (
        compare,
        evaluate,
        gate,
        gate_scores,
        load_plugins,
        load_run,
        open_model,
        plan,
    )
    from harness.api.evaluation import Evaluation
    from harness.cli import registry_of
    from harness.config import ModelConfig, RunSpec
    from harness.gating import GateConfig, Rule, join_verdicts, parse_gate
    from harness.hookspecs import hookimpl
    from harness.planned import Plan, PlannedSample, TaskPlan
    from harness.plugins import Registry
    from harness.results.baseline import ScoredRun
    from harness.results.runfolder import read_result, read_samples, write_result
    from harness.run.ask import ask
    from harness.types import GateVerdict

__all__ = [
    "Evaluation",
    "GateConfig",
    "GateVerdict",
    "ModelConfig",
    "Plan",
    "PlannedSample",
    "Registry",
    "Rule",
    "RunSpec",
    "ScoredRun",
    "TaskPlan",
    "ask",
    "compare",
    "evaluate",
    "gate",
    "gate_scores",
    "hookimpl",
    "join_verdicts",
    "load_plugins",
    "load_run",
    "open_model",
    "parse_gate",
    "plan",
    "read_result",
    "read_samples",
    "registry_of",
    "write_result",
]
__version__ = "0.1.0"

_HOMES = {
    "Evaluation": "harness.api.evaluation",
    "GateConfig": "harness.gating",
    "GateVerdict": "harness.types",
    "ModelConfig": "harness.config",
    "Plan": "harness.planned",
    "PlannedSample": "harness.planned",
    "Registry": "harness.plugins",
    "Rule": "harness.gating",
    "RunSpec": "harness.config",
    "ScoredRun": "harness.results.baseline",
    "TaskPlan": "harness.planned",
    "ask": "harness.run.ask",
    "compare": "harness.api",
    "evaluate": "harness.api",
    "gate": "harness.api",
    "gate_scores": "harness.api",
    "hookimpl": "harness.hookspecs",
    "join_verdicts": "harness.gating",
    "load_plugins": "harness.api",
    "load_run": "harness.api",
    "open_model": "harness.api",
    "parse_gate": "harness.gating",
    "plan": "harness.api",
    "read_result": "harness.results.runfolder",
    "read_samples": "harness.results.runfolder",
    "registry_of": "harness.cli",
    "write_result": "harness.results.runfolder",
}


def __getattr__(name: str) -> Any:
    """Finds a public name on first use, so that ``import harness`` stays light."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    is_module = name.startswith("_") or importlib.util.find_spec(f"harness.{name}") is not None
    if not is_module:
        from harness.plugins import find

        functions = find().functions
        if name in functions:
            return functions[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
