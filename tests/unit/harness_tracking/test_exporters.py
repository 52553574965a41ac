"""Runs in other forms: valid there, with every interval, and the same when they are read back."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml  # type: ignore[import-untyped]

from harness import compare, load_run
from harness.cli import main
from harness.protocols import ExportedRun, ExportOptions
from harness.results import exported, runfolder
from harness.types import Estimate, HubDataset, RunResult
from harness_tracking import every_eval_ever, hugging_face, numbers_csv
from support import others_results as others
from support.scored_runs import MakeRun, binary, numbers, run_maker, unscored

SCORES = {
    name: {**binary(60, range(0, 60, 3))[name], **numbers(np.linspace(0.1, 0.9, 60))[name],
           "brier": 0.25, "share": 0.4, "length": 12.0}
    for name in binary(60, [])
}  # fmt: skip


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    return run_maker(tmp_path)


@pytest.fixture
def run(make_run: MakeRun) -> Path:
    """A run with a failed sample, clusters, groups, and a metric of no direction."""
    clusters = {name: f"passage {place // 4}" for place, name in enumerate(SCORES)}
    groups = {name: "ab"[place % 2] for place, name in enumerate(SCORES)}
    probes = {"typos": {"accuracy": {"mean_change": Estimate(-0.1, 0.02, -0.14, -0.06, 60, "t")}}}
    scores = unscored(SCORES, ["s0007"])
    return make_run("main", scores, clusters=clusters, groups=groups, probes=probes)


def written(out: Path) -> tuple[Path, Path]:
    """The record and where its instances are, or would be."""
    (record,) = out.rglob("*.json")
    return record, record.with_name(f"{record.stem}_samples.jsonl")


def harness(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in words])
    assert isinstance(ended.value.code, int)
    return ended.value.code


# --------------------------------------------------------------------------- Every Eval Ever


def schemas(shared: Path) -> list[Callable[[Any], None]]:
    folder = shared / "data" / "other_harnesses" / "every_eval_ever"
    found = [json.loads((folder / f"{name}.schema.json").read_text())
             for name in ("eval", "instance_level_eval")]  # fmt: skip
    return [jsonschema.Draft7Validator(each).validate for each in found]


def test_records_are_valid_by_the_published_schema(
    run: Path, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_record, check_instance = schemas(shared)
    out = tmp_path / "out"
    assert harness("export", run, "--to", "eee", "--out", out, "--set", "eee.model_id=org/m") == 0
    assert "5 results and 300 instances" in capsys.readouterr().out
    path, instances = written(out)
    assert path.relative_to(out).parts[:4] == ("data", "quiz", "org", "m")
    record = json.loads(path.read_text())
    check_record(record)
    rows = [json.loads(line) for line in instances.read_text().splitlines()]
    for row in rows:
        check_instance(row)
    assert record["detailed_evaluation_results"]["total_rows"] == len(rows) == 300
    assert {row["model_id"] for row in rows} == {"org/m"}
    # The validator can say no.
    with pytest.raises(jsonschema.ValidationError):
        check_record({**record, "more": 1})
    with pytest.raises(jsonschema.ValidationError):
        check_instance({**rows[0], "evaluation": {"score": "high"}})


def test_what_is_exported_comes_back_the_same(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert harness("export", run, "--to", "eee", "--out", out) == 0
    before = load_run(run).result.tasks["quiz"]
    found = others.read(out)
    after = found.result.tasks["quiz"]
    assert (after.n, after.errors) == (before.n, 1)
    assert list(after.metrics) == list(before.metrics)
    for name, metric in after.metrics.items():
        old = before.metrics[name]
        assert metric.kind == "mean", (name, after.notes)
        assert metric.higher_is_better == old.higher_is_better
        assert metric.estimate.value == pytest.approx(old.estimate.value)
        if math.isfinite(old.estimate.low):
            # Clusters travel, so the interval is the same, too.
            assert metric.estimate.low == pytest.approx(old.estimate.low)
            assert metric.estimate.high == pytest.approx(old.estimate.high)
    (task,) = compare(out, out).tasks
    assert task.shared == 60
    assert task.groups  # and groups


def test_intervals_are_never_dropped(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert harness("export", run, "--to", "eee", "--set", "eee.samples=no", "--out", out) == 0
    path, instances = written(out)
    assert not instances.exists()
    record = json.loads(path.read_text())
    result = load_run(run).result.tasks["quiz"]
    for each in record["evaluation_results"]:
        estimate = result.metrics[each["metric_config"]["metric_name"]].estimate
        uncertainty = each["score_details"]["uncertainty"]
        assert uncertainty["num_samples"] == estimate.n
        assert each["score_details"]["details"]["method"] == estimate.method
        if math.isfinite(estimate.low):
            interval = uncertainty["confidence_interval"]
            assert (interval["lower"], interval["upper"]) == (estimate.low, estimate.high)
        else:
            assert "confidence_interval" not in uncertainty
    imported = others.read(out).result.tasks["quiz"].metrics["accuracy"].estimate
    assert imported.low == pytest.approx(result.metrics["accuracy"].estimate.low)


def test_what_was_imported_is_exported_again(tmp_path: Path, shared: Path) -> None:
    path = others.lm_eval(tmp_path / "in", [1.0, 0.0, 1.0, 1.0])
    out = tmp_path / "out"
    assert harness("export", path, "--to", "eee", "--out", out) == 0
    record = json.loads(written(out)[0].read_text())
    schemas(shared)[0](record)
    assert record["eval_library"] == {"name": "lm-evaluation-harness", "version": "0.4.13"}
    assert others.read(out).result.tasks["quiz"].metrics["acc"].estimate.value == 0.75


def test_a_baseline_file_has_no_instances(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "main.baseline"
    assert harness("baseline", "save", run, file) == 0
    assert harness("export", file, "--to", "eee", "--out", tmp_path / "out") == 0
    assert not written(tmp_path / "out")[1].exists()


def undefined(run: RunResult) -> RunResult:
    """The run with a metric of which there is no value."""
    task = run.tasks["quiz"]
    gone = replace(
        task.metrics["f1"], estimate=Estimate(math.nan, math.nan, math.nan, math.nan, 0, "none")
    )
    return replace(run, tasks={"quiz": replace(task, metrics={**task.metrics, "f1": gone})})


def test_a_metric_without_a_value(run: Path, tmp_path: Path, shared: Path) -> None:
    result = undefined(load_run(run).result)
    every_eval_ever.open_exporter(ExportOptions({}, tmp_path / "e")).export(ExportedRun(result))
    text = written(tmp_path / "e")[0].read_text()
    assert "NaN" not in text
    schemas(shared)[0](json.loads(text))
    numbers_csv.open_exporter(ExportOptions({}, tmp_path / "n.csv")).export(ExportedRun(result))
    (row,) = [each for each in rows_of(tmp_path / "n.csv")
              if each["metric"] == "f1" and each["kind"] == "metric"]  # fmt: skip
    assert (row["value"], row["low"], row["method"]) == ("", "", "none")
    hugging_face.open_exporter(ExportOptions({}, tmp_path / "h")).export(ExportedRun(result))


# --------------------------------------------------------------------------- CSV


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv_has_every_number(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "numbers.csv"
    assert harness("export", run, "--to", "csv", "--out", out) == 0
    assert out.stat().st_mode & 0o777 == 0o600
    found = rows_of(out)
    result = load_run(run).result.tasks["quiz"]
    for row in found:
        if row["kind"] == "metric":
            estimate = result.metrics[row["metric"]].estimate
            assert float(row["value"]) == estimate.value
            if math.isfinite(estimate.low):
                assert (float(row["low"]), float(row["high"])) == (estimate.low, estimate.high)
    kinds = {row["kind"] for row in found}
    assert {"metric", "probe"} <= kinds
    assert [row["low"] for row in found if row["kind"] == "probe"] == ["-0.14"]
    share = next(row for row in found if row["metric"] == "share")
    assert share["higher_is_better"] == ""


def test_a_name_is_no_formula(run: Path, tmp_path: Path) -> None:
    result = replace(load_run(run).result, run_id="=HYPERLINK(1)")
    numbers_csv.open_exporter(ExportOptions({}, tmp_path / "n.csv")).export(ExportedRun(result))
    assert rows_of(tmp_path / "n.csv")[0]["run"] == "'=HYPERLINK(1)"
    assert float(rows_of(tmp_path / "n.csv")[-1]["value"]) == -0.1  # a number is one


# --------------------------------------------------------------------------- Hugging Face


def test_hugging_face_s_own_classes_read_it_back(run: Path, tmp_path: Path) -> None:
    from huggingface_hub.repocard_data import model_index_to_eval_results

    result = load_run(run).result
    hub = replace(result.tasks["quiz"].data, kind="hub", hub=HubDataset("org/quiz", "hard"))
    result = replace(result, tasks={"quiz": replace(result.tasks["quiz"], data=hub)})
    values = {"source_url": "https://example.org/run", "source_name": "our run"}
    exporter = hugging_face.open_exporter(ExportOptions(values, tmp_path / "h"))
    assert "1 benchmarks" in exporter.export(ExportedRun(result))
    (entry,) = yaml.safe_load((tmp_path / "h" / ".eval_results" / "evalign.yaml").read_text())
    accuracy = result.tasks["quiz"].metrics["accuracy"].estimate
    assert entry["dataset"] == {"id": "org/quiz", "task_id": "hard"}
    assert entry["value"] == accuracy.value
    assert f"95 % interval {accuracy.low:.4g} to {accuracy.high:.4g}, n = 59" in entry["notes"]
    assert entry["source"]["name"] == "our run"
    card = yaml.safe_load((tmp_path / "h" / "model-index.yaml").read_text())
    _, found = model_index_to_eval_results(card["model-index"])
    assert {each.metric_type for each in found} == set(result.tasks["quiz"].metrics)
    first = next(each for each in found if each.metric_type == "accuracy")
    assert first.metric_args["low"] == accuracy.low
    assert first.metric_args["n"] == 59


def test_local_data_have_a_card_and_no_benchmark(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harness("export", run, "--to", "hf", "--out", tmp_path / "h") == 0
    assert "no task's data are from the hub" in capsys.readouterr().out
    assert not (tmp_path / "h" / ".eval_results").exists()


# --------------------------------------------------------------------------- the command


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "cvs", "--out", "x"), "Did you mean csv?"),
        (("--to", "csv"), "Add --out PATH"),
        (("--to", "", "--out", "x"), "--to names nothing"),
        (("--to", "eee", "--out", "x", "--set", "eee.sample=no"), "Did you mean samples?"),
        (("--to", "eee", "--out", "x", "--set", "eee.samples=maybe"), "eee.samples"),
        (("--to", "eee", "--out", "x", "--set", "samples=no"), "Expected NAME.KEY=VALUE"),
        (("--to", "hf", "--out", "x", "--set", "hf.source_name=a"), "hf.source_url=URL"),
    ],
)
def test_what_does_not_fit_is_refused(
    run: Path,
    words: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert harness("export", run, *words) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_several_exporters_write_beside_each_other(run: Path, tmp_path: Path) -> None:
    assert harness("export", run, "--to", "csv,eee,hf", "--out", tmp_path / "x") == 0
    assert {each.name for each in tmp_path.iterdir()} >= {"x.csv", "x.eee", "x.hf"}


PLUGIN = """
from harness import hookimpl
from harness.protocols import ExporterSpec


class Lines:
    def __init__(self, options):
        self.options = options

    def export(self, run):
        count = sum(1 for task in run.result.tasks for _ in run.records(task))
        self.options.out.write_text(f"{run.result.run_id} {count}\\n")
        return f"{count} samples"


@hookimpl
def harness_register_exporters():
    return [ExporterSpec("lines", "a line", Lines, suffix=".txt")]
"""


def test_a_third_party_adds_an_exporter(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = tmp_path / "lines.py"
    plugin.write_text(PLUGIN)
    out = tmp_path / "out.txt"
    assert harness("--plugin", plugin, "export", run, "--to", "lines", "--out", out) == 0
    assert out.read_text() == "main 60\n"
    assert "lines: 60 samples" in capsys.readouterr().out
    plugin.write_text(PLUGIN.replace('f"{count} samples"', "1 / 0"))
    assert harness("--plugin", plugin, "export", run, "--to", "lines", "--out", out) == 2
    assert "the exporter 'lines' failed" in capsys.readouterr().err


def test_variants_of_probes_are_no_samples(make_run: MakeRun) -> None:
    folder = make_run("a", SCORES)
    records, result = list(runfolder.read_samples(folder, "quiz")), runfolder.read_result(folder)
    runfolder.write_samples(folder, "quiz", [*records, replace(records[0], probe="typos")])
    runfolder.write_result(folder, result)
    found = exported.load(folder, others.registry())
    assert len(list(found.records("quiz"))) == 60
