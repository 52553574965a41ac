"""The examples: installable, held to the kit, and at work in real commands."""

from __future__ import annotations

import csv
import json
import math
import tomllib
from pathlib import Path

import pytest

from harness import cli, plugins, read_result
from harness.authoring.metrics import Mean
from harness.config import RunSpec
from harness.protocols import BackendOptions, ExecutorOptions, ModelSource, TaskOptions
from harness.run import runner
from harness.testing import check_backend, check_executor, check_metric, check_reporter, check_task
from harness.types import DataSource, Embed, Generate, Score

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path.parent for path in (ROOT / "examples").glob("harness-*/pyproject.toml"))


def module_of(package: str) -> Path:
    return ROOT / "examples" / package / f"{package.replace('-', '_')}.py"


def rows_of(path: Path) -> list[list[str]]:
    with path.open() as file:
        return list(csv.reader(file))


def command(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(each) for each in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda each: each.name)
def test_it_is_short_and_names_the_module_that_is_there(folder: Path) -> None:
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    (module,) = project["entry-points"]["harness"].values()
    text = (folder / f"{module}.py").read_text("utf-8")
    assert len(text.splitlines()) < 75
    registry = plugins.load([folder / f"{module}.py"])
    assert registry.plugins[-1].hooks


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.jsonl"
    path.write_text("".join(f'{{"name": "Name{n}"}}\n' for n in range(12)))
    return path


@pytest.fixture
def run(names: Path, tmp_path: Path) -> Path:
    plugin = module_of("harness-hello")
    spec = RunSpec("greeter", ("hello",), {"hello": str(names)}, out=tmp_path / "run", cache=False)
    return runner.run(spec, plugins.load([plugin])).folder


def test_a_reporter_shows_runs_gates_and_comparisons(run: Path, tmp_path: Path, capsys) -> None:
    tally, hello = module_of("harness-tally"), module_of("harness-hello")
    loaded = ("--plugin", tally, "--plugin", hello)
    assert command(*loaded, "report", run, "--format", "tally") == 0
    rows = rows_of(run / "tally.csv")
    assert rows[1][:3] == ["hello", "greets", "1.0"]
    out = tmp_path / "page"
    assert command(*loaded, "compare", run, run, "--format", "tally,json", "--out", out) == 0
    assert "tally report:" in capsys.readouterr().out
    compared = rows_of(Path(f"{out}.csv"))
    assert compared[1][1:] == ["hello", "greets", "0.0", "no difference shown"]
    assert command(*loaded, "compare", run, run, "--format", "tally") == 2
    assert "Add --out FILE.csv" in capsys.readouterr().err
    file = tmp_path / "gate.toml"
    file.write_text('[gate]\n[[gate.rule]]\nmetric = "hello.greets"\nmin = 0.5\n')
    code = command(*loaded, "gate", run, "--config", file, "--format", "tally")
    told = rows_of(run / "tally.csv")[-2:]
    assert told[0][:2] == ["gate", "hello.greets"]
    assert told[1] == ["gate", "", {0: "pass", 1: "block", 4: "inconclusive"}[code]]


def test_a_reporter_keeps_the_contract(run: Path) -> None:
    from harness import compare
    from harness.results import runfolder

    spec = plugins.load([module_of("harness-tally")]).reporters["tally"]
    check_reporter(spec.open(), runfolder.read_result(run), run, [compare(run, run, force=True)])


def test_a_format_that_shows_no_comparison_is_refused_first(run: Path, capsys) -> None:
    assert command("compare", "absent", run, "--format", "junit") == 2
    told = capsys.readouterr().err
    assert "junit reporter does not show comparisons" in told
    assert "html" in told


def test_a_metric_keeps_the_contract_with_and_without_an_interval(tmp_path: Path) -> None:
    task = plugins.load([module_of("harness-median")]).tasks["words"].open(TaskOptions())
    (metric,) = task.metrics
    for n in (1, 7, 8, 200):
        rows = [Score(str(i), metric.name, float(i % 13)) for i in range(n)]
        check_metric(metric, rows)
        assert math.isnan(metric.aggregate(rows).low) == (n < 8)
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f'{{"question": "What is {n}?"}}\n' for n in range(9)))
    check_task(task, DataSource("path", "rows", (str(path),)))


class HalfNan:
    name, higher_is_better = "half", True

    def aggregate(self, rows):
        from harness.types import Estimate

        return Estimate(0.5, 0.1, 0.4, math.nan, len(rows), "odd")


def test_half_an_interval_is_found() -> None:
    with pytest.raises(AssertionError, match="only one end"):
        check_metric(HalfNan(), [Score("1", "half", 1.0)])


class OtherAlone(Mean):
    def value(self, rows):
        return 0.25


def test_a_value_that_is_not_the_aggregates_is_found() -> None:
    with pytest.raises(AssertionError, match=r"value\(\) is 0.25, not 1.0"):
        check_metric(OtherAlone("mean"), [Score("1", "mean", 1.0)])


def test_an_encoder_keeps_the_contract_and_finds_passages(tmp_path: Path) -> None:
    file = module_of("harness-trigrams")
    backend = plugins.load([file]).backends["trigrams"].open(BackendOptions(""))
    check_backend(backend, [Embed(text) for text in ("", "Ada", "A red door.", "the red doors")])
    subjects = ["the harbour of Riga", "bees in winter", "glass and sand", "old railway lines"]
    rows = [
        {"id": f"q{n}", "context": f"This is about {each}.", "question": f"What of {each}?"}
        for n, each in enumerate(subjects)
    ]
    data = tmp_path / "rows.jsonl"
    answered = ({**row, "answers": [row["context"][14:-1]]} for row in rows)
    data.write_text("".join(json.dumps(row) + "\n" for row in answered))
    line = ("run", "--plugin", file, "--model", "demo", "--tasks", "squad", "--no-cache")
    probe = ("--probes", "retrieval", "--set", "retrieval.retriever=trigrams")
    more = ("--data", f"squad={data}", "--set", "retrieval.k=1", "--out", tmp_path / "run")
    assert command(*line, *probe, *more) == 0
    found = read_result(tmp_path / "run").tasks["squad"].probes["retrieval"]
    recall = next(of["recall_at_1"] for of in found.values() if "recall_at_1" in of)
    assert (recall.value, recall.n) == (1.0, 4)


def test_an_executor_keeps_the_contract_and_spreads_a_run(names: Path, tmp_path: Path) -> None:
    files = [module_of("harness-hello"), module_of("harness-relay")]
    registry = plugins.load(files)
    source = ModelSource("greeter", BackendOptions(""), tuple(files))
    executor = registry.executors["relay"].open(ExecutorOptions({"copies": "3"}))
    alone = registry.backends["greeter"].open(BackendOptions(""))
    check_executor(executor, source, alone, [Generate(f"Greet {n}.") for n in range(7)])
    out = tmp_path / "spread"
    spec = RunSpec("greeter", ("hello",), {"hello": str(names)}, executor="relay", out=out)
    result = runner.run(spec, registry).result
    assert result.model["copies"] == 2
    assert result.tasks["hello"].metrics["greets"].estimate.value == 1


def test_an_option_that_does_not_fit_is_refused(names: Path, capsys) -> None:
    given = ("--model", "greeter", "--tasks", "hello", "--data", f"hello={names}")
    files = ("--plugin", module_of("harness-hello"), "--plugin", module_of("harness-relay"))
    assert command(*files, "run", *given, "--executor", "relay", "--set", "copies=99") == 2
    told = capsys.readouterr().err
    assert "copies is '99', expected a whole number of at least 1 and at most 16" in told


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda each: each.name)
def test_the_page_shows_it_whole(folder: Path) -> None:
    page = (ROOT / "docs" / "writing-a-plugin.md").read_text("utf-8")
    (module,) = folder.glob("harness_*.py")
    assert f"```python\n{module.read_text('utf-8').strip()}\n```" in page


def test_the_page_names_every_protocol_and_check() -> None:
    from harness import protocols, testing

    page = (ROOT / "docs" / "writing-a-plugin.md").read_text("utf-8")
    classes = [name for name in protocols.__all__ if name[0].isupper() and name[1].islower()]
    checks = [name for name in testing.__all__ if name.startswith("check_")]
    # Not implemented by anyone.
    known = {"Answers", "Ask", "AskModel", "Options", "RoleModel", "TrainingEvent"}
    assert [name for name in (*classes, *checks) if name not in known and name not in page] == []
