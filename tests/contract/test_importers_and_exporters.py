"""The kit for plugin authors, applied to every importer and to the exporters that write files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.protocols import ExportOptions
from harness.results import exported
from harness.testing import check_exporter, check_importer
from support import others_results as others
from support.others_results import registry

SCORES = [1.0, 0.0, 1.0, 1.0]


def table(folder: Path) -> Path:
    path = folder / "scores.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("id,accuracy\na,1\nb,0\n")
    return path


MAKERS: dict[str, Callable[[Path], Path]] = {
    "lm_eval": lambda folder: others.lm_eval(folder, SCORES),
    "inspect": lambda folder: others.zipped(
        folder / "log.eval", others.inspect_log({1: ["C", "I"], 2: ["I", "C"]})
    ),
    "helm": lambda folder: others.helm(folder, {"a": [1.0], "b": [0.0]}),
    "every_eval_ever": lambda folder: others.every_eval_ever(folder, SCORES),
    "promptfoo": lambda folder: others.promptfoo(folder / "out.json", {"a": [True, None, False]}),
    "deepeval": lambda folder: others.deepeval(folder / "run.json", [0.5, None]),
    "table": table,
}


def test_every_importer_of_results_is_checked() -> None:
    from harness_importers.plugin import harness_register_importers

    assert set(MAKERS) == {spec.name for spec in harness_register_importers()}
    assert set(MAKERS) <= set(registry().importers)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("other", MAKERS)
def test_importers(name: str, other: str, tmp_path: Path) -> None:
    if name == other:
        pytest.skip("one format")
    source, another = MAKERS[name](tmp_path / "own"), MAKERS[other](tmp_path / "other")
    check_importer(registry().importers[name].open(), source, another)


@pytest.mark.parametrize("name", ["csv", "eee", "hf"])
def test_exporters(name: str, tmp_path: Path) -> None:
    run = exported.load(others.lm_eval(tmp_path / "in", SCORES), registry())
    spec = registry().exporters[name]
    out = tmp_path / f"out{spec.suffix}"
    check_exporter(spec.open(ExportOptions({}, out)), run, out)


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_no_results_is_nobodys(name: str, tmp_path: Path) -> None:
    importer = registry().importers[name].open()
    for place, content in enumerate(["", "{}", "[1]", "hello", '{"a": 1}\n{"a": 2}\n']):
        path = tmp_path / f"{place}.json"
        path.write_text(content)
        assert not importer.recognises(path)
    assert not importer.recognises(tmp_path / "absent.json")
    assert not importer.recognises(tmp_path)
