"""Sequential gates over the task ``quiz``, and feeding them."""

from __future__ import annotations

from harness.gating import GateConfig, Rule, SequentialGate

DROP = Rule("quiz.accuracy", "max_drop", 0.02)


def config(*rules: Rule, **options) -> GateConfig:
    return GateConfig(rules, mode="sequential", **options)


def alone(scores, clusters=None):
    return {"quiz": {name: (clusters or {}).get(name) for name in scores}}


def feed(gate: SequentialGate, scores, task: str = "quiz") -> int:
    """Gives the scores in the committed order until all is decided; how many were needed."""
    for count, name in enumerate(gate.order(task), start=1):
        if gate.update(task, name, scores[name]):
            return count
    return len(gate.order(task))
