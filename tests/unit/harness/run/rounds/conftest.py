from __future__ import annotations

from pathlib import Path

import pytest

from harness.plugins import Registry
from harness.protocols import BackendSpec, TaskSpec
from support.conversation import Counting, Graded, grader, talk
from support.echo import rows


@pytest.fixture
def model() -> Counting:
    return Counting(talk, "model")


@pytest.fixture
def judge() -> Counting:
    return Counting(grader(lambda first: float(first.split()[1]) % 2), "judge")


@pytest.fixture
def registry(registry: Registry, model: Counting, judge: Counting) -> Registry:
    registry.tasks["graded"] = TaskSpec("graded", "", Graded)
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: model)
    registry.backends["other"] = BackendSpec("other", "", lambda options: judge, {"knob": ""})
    return registry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return rows(tmp_path / "rows.jsonl", [*(f"text {index}" for index in range(9)), "stop"])
