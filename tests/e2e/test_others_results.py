"""Results of other programs by the commands: imported, compared, gated."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from harness import compare, gate, load_plugins, load_run
from harness.cli import main
from support import others_results as others

GATE = '[[gate.rule]]\nmetric = "quiz.{}"\nmax_drop = 0.05\n'


def harness(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in words])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def scores(n: int, share: float, seed: int = 0) -> list[float]:
    rng = random.Random(seed)
    return [float(rng.random() < share) for _ in range(n)]


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """A baseline, and a candidate that is worse on a tenth of its samples."""
    before = scores(400, 0.7)
    after = [0.0 if place % 7 == 0 else each for place, each in enumerate(before)]
    return (
        others.lm_eval(tmp_path / "before", before, model="org/a"),
        others.lm_eval(tmp_path / "after", after, model="org/b"),
    )


def test_import_writes_a_run_that_every_command_takes(
    tmp_path: Path, two: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs" / "theirs"
    assert harness("import", two[0], "--out", out) == 0
    assert "quiz: 400 samples in the file, n = 400" in capsys.readouterr().out
    assert harness("import", two[0], "--out", out) == 0  # once more into the same folder
    assert harness("import", two[1], "--out", out) == 2
    assert (out / "samples" / "quiz.jsonl").stat().st_mode & 0o777 == 0o600
    assert harness("report", out, "--format", "html,markdown,junit") == 0
    assert harness("baseline", "save", out, tmp_path / "a.baseline") == 0
    assert harness("compare", tmp_path / "a.baseline", two[0]) == 0
    assert "400 shared samples" in capsys.readouterr().out
    assert load_run(out).result.tasks["quiz"].metrics["acc"].kind == "mean"


def test_compare_pairs_the_files_themselves(
    two: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert harness("compare", *two) == 0
    shown = capsys.readouterr().out
    assert "400 shared samples" in shown
    assert "unpaired" not in shown
    (metric,) = compare(*two).tasks[0].metrics
    assert metric.verdict == "worse"
    assert metric.worsened > 20
    assert metric.flips[0].prompt == "Q: question 0\nA:" or metric.flips[0].prompt


def test_gate_judges_the_files_themselves(
    tmp_path: Path, two: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "harness.toml"
    config.write_text(GATE.format("acc"))
    assert harness("gate", two[1], "--baseline", two[0], "--config", config) == 1
    assert harness("gate", two[0], "--baseline", two[0], "--config", config) == 0
    folder = two[1].parent
    before = sorted(each.name for each in folder.iterdir())
    assert harness("gate", folder, "--baseline", two[0].parent, "--config", config) == 1
    assert sorted(each.name for each in folder.iterdir()) == before  # theirs stays theirs
    assert harness("gate", folder, "--config", config, "--format", "markdown") == 2
    assert "writes into a run folder" in capsys.readouterr().err


def test_without_samples_it_is_unpaired_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = scores(400, 0.7)
    error = (sum(values) / 400 * (1 - sum(values) / 400) / 399) ** 0.5
    before = others.lm_eval(tmp_path / "a", values, stderr=error)
    after = others.lm_eval(tmp_path / "b", values, stderr=error, samples=False)
    assert harness("compare", before, after) == 0
    assert "unpaired, from published errors" in capsys.readouterr().out
    config = tmp_path / "harness.toml"
    config.write_text(GATE.format("acc"))
    # The same values: with pairs it passes, without them the difference is not known so well.
    assert harness("gate", before, "--baseline", before, "--config", config) == 0
    assert harness("gate", after, "--baseline", before, "--config", config) == 4
    rule = {"metric": "quiz.acc", "max_drop": 0.2}
    verdict = gate(after, before, rules=[rule])
    assert verdict.verdict == "pass"
    assert verdict.rules[0].evidence is not None
    assert "unpaired" in verdict.rules[0].evidence.method
    worse = others.lm_eval(tmp_path / "c", values, samples=False, published=0.3, stderr=0.02)
    assert gate(worse, before, rules=[rule]).verdict == "block"
    relative = {"metric": "quiz.acc", "max_relative_drop": 0.3}
    assert gate(after, before, rules=[relative]).verdict == "pass"
    assert gate(worse, before, rules=[relative]).verdict == "block"
    assert gate(after, rules=[{"metric": "quiz.acc", "min": 0.5}]).verdict == "pass"


def test_the_same_ids_of_other_questions_are_never_paired(tmp_path: Path) -> None:
    path = others.lm_eval(tmp_path / "a", scores(100, 0.7))
    other = others.lm_eval(tmp_path / "b", scores(100, 0.7))
    samples = next(other.parent.glob("samples_*"))
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    others.write(samples, [row | {"doc_hash": f"{row['doc_id'] + 5:064x}"} for row in rows])
    (task,) = compare(path, other).tasks
    assert task.shared == 0
    assert "no sample has quiz.acc in both runs" in task.skipped["acc"]


def test_runs_of_other_versions_or_shots_are_not_compared(
    tmp_path: Path, two: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(two[1].read_text())
    document["n-shot"]["quiz"] = 0
    two[1].write_text(json.dumps(document))
    assert harness("compare", *two) == 2
    assert "number of few-shot examples" in capsys.readouterr().err
    assert harness("compare", "--force", *two) == 0


def test_a_task_of_ours_with_the_same_name_lends_no_metric(tmp_path: Path) -> None:
    path = others.lm_eval(tmp_path, scores(60, 0.7), metric="f1_macro")
    text = path.read_text().replace('"quiz"', '"sst2"')
    path.write_text(text)
    next(tmp_path.glob("samples_*")).rename(
        tmp_path / "samples_sst2_2026-01-01T00-00-00.000000.jsonl"
    )
    (task,) = compare(path, path).tasks
    assert [each.metric for each in task.metrics] == ["f1_macro"]


PLUGIN = """
from harness import hookimpl
from harness.protocols import ImportedMetric, ImportedRun, ImportedTask, ImporterSpec
from harness.types import Sample, SampleRecord


class Scores:
    def recognises(self, source):
        return source.suffix == ".scores"

    def read(self, source):
        lines = source.read_text("utf-8").splitlines()
        records = [
            SampleRecord(Sample(str(place), ""), (), (), {"marks": float(line)})
            for place, line in enumerate(lines)
        ]
        task = ImportedTask("exam", {"marks": ImportedMetric(higher_is_better=True)},
                            records=records)
        return [ImportedRun("pupil", [task], "a list of marks")]


@hookimpl
def harness_register_importers():
    return [ImporterSpec("marks", "a mark a line (.scores)", Scores)]
"""


def test_a_third_party_adds_a_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin, marks = tmp_path / "marks.py", tmp_path / "class.scores"
    plugin.write_text(PLUGIN)
    marks.write_text("1\n2\n4\n")
    out = tmp_path / "run"
    assert harness("--plugin", plugin, "import", marks, "--out", out) == 0
    assert "pupil, from a list of marks" in capsys.readouterr().out
    assert load_run(out).result.tasks["exam"].metrics["marks"].estimate.value == pytest.approx(
        7 / 3
    )
    assert compare(marks, out, registry=load_plugins([plugin])).tasks[0].shared == 3
    assert harness("ls", "marks", "--plugin", plugin) == 0
    broken = PLUGIN.replace("float(line)", "float(line + 'x')")
    plugin.write_text(broken)
    assert harness("--plugin", plugin, "import", marks, "--out", tmp_path / "other") == 2
    assert "the importer 'marks' failed to read" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_what_cannot_be_imported_is_refused(
    tmp_path: Path, two: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert harness("import", tmp_path / "absent", "--out", tmp_path / "x") == 2
    assert "no such file or folder" in capsys.readouterr().err
    out = tmp_path / "run"
    assert harness("import", two[0], "--out", out) == 0
    assert harness("import", out, "--out", tmp_path / "x") == 2
    assert "a run of the harness already" in capsys.readouterr().err
    assert harness("import", two[0], "--model", "org/c", "--out", tmp_path / "x") == 2
    assert "org/a" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
