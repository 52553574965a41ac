"""The example of a third-party probe: short, and at work in a run like one of our own."""

from __future__ import annotations

import importlib.util
import json
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from harness import plugins
from harness.config import RunSpec
from harness.protocols import BackendSpec, ProbeOptions
from harness.run import runner
from harness.testing import FakeBackend, check_probe
from harness.types import Sample, Skipped


@pytest.fixture
def folder(root: Path) -> Path:
    return root / "examples" / "harness-shout"


@pytest.fixture
def example(folder: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location("shout", folder / "harness_shout.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_it_is_short_and_installable(folder: Path) -> None:
    assert len((folder / "harness_shout.py").read_text("utf-8").splitlines()) < 40
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    (module,) = project["entry-points"]["harness"].values()
    assert (folder / f"{module}.py").is_file()


def test_it_keeps_the_contract(example: ModuleType) -> None:
    probe = example.Shout(ProbeOptions())
    check_probe(probe, [Sample("1", "quiet", ("yes",)), Sample("2", "yes it is", ("yes",))])
    (skipped,) = probe.perturb(Sample("1", "yes it is", ("yes",)), None)
    assert isinstance(skipped, Skipped)


def test_it_probes_a_task_of_ours(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "rows.tsv"
    data.write_text("".join(f"film {i} is fine\t{i % 2}\n" for i in range(30)), "utf-8")
    registry = plugins.load([folder / "harness_shout.py"])
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: FakeBackend())
    spec = RunSpec(
        "fake:",
        ("sst2",),
        {"sst2": str(data)},
        probes=("loudness",),
        task_settings={"shout": {"mark": "?!"}},
        out=tmp_path / "run",
    )
    result = runner.run(spec, registry).result
    measures = result.tasks["sst2"].probes["shout"]["accuracy"]
    assert {"mean_change", "flip_rate", "worst_case", "score@louder"} <= set(measures)
    assert measures["flip_rate"].n == 30
    lines = (tmp_path / "run" / "samples" / "sst2.jsonl").read_text("utf-8").splitlines()
    shouted = [row["input"] for row in map(json.loads, lines) if row["probe"] == "shout"]
    assert len(shouted) == 60
    assert shouted[0] == "FILM 0 IS FINE"
    assert "?!" in shouted[1]
