"""Every probe on every task that ships samples: planned, asked, scored and measured."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from harness import plugins
from harness.config import RunSpec
from harness.protocols import BackendSpec
from harness.results import runfolder
from harness.run import runner
from harness.testing import FakeBackend

REGISTRY = plugins.load()
TASKS = sorted(name for name, spec in REGISTRY.tasks.items() if spec.sample_data)
PROBES = tuple(name for name, spec in REGISTRY.probes.items() if spec.suites)
LIMIT = 6


@pytest.mark.parametrize("task", TASKS)
def test_probes(task: str, tmp_path: Path) -> None:
    registry = plugins.load()
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: FakeBackend())
    spec = RunSpec(
        "fake:",
        (task,),
        {"": "sample"},
        probes=PROBES,
        limit=LIMIT,
        out=tmp_path / "run",
        roles={"judge": {"model": "fake:"}},
        allow_unsafe_code=True,
    )
    result = runner.run(spec, registry).result.tasks[task]
    assert set(result.probes) == set(result.skipped_variants) == set(PROBES)
    records = list(runfolder.read_samples(tmp_path / "run", task))
    for probe, metrics in result.probes.items():
        variants = [record for record in records if record.probe == probe]
        assert variants or result.skipped_variants[probe], probe
        assert bool(metrics) <= bool(variants)
        for measures in metrics.values():
            for name, estimate in measures.items():
                assert 1 <= estimate.n <= LIMIT, f"{probe} {name}"
                assert estimate.method
                if not math.isnan(estimate.low):
                    assert estimate.low - 1e-9 <= estimate.value <= estimate.high + 1e-9, name
