"""Each format, in small files of its shape."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest

from harness.errors import DataError, HarnessError, UsageError
from harness.types import Completion, Failed, Generate, Logprob, Message, Unscored
from support import others_results as others
from support.others_results import read

SCORES = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0]


# --------------------------------------------------------------------------- lm-eval


def test_lm_eval_samples_are_paired_by_document(tmp_path: Path) -> None:
    found = read(others.lm_eval(tmp_path, SCORES))
    task = found.result.tasks["quiz"]
    assert found.result.model["name"] == "org/model"
    assert found.result.model["imported_from"] == "lm-evaluation-harness 0.4.13"
    assert (task.version, task.n, task.settings["num_fewshot"]) == ("2.0", 8, "3")
    assert task.metrics["acc"].kind == "mean"
    assert task.metrics["acc"].estimate.value == 0.75
    first = found.records["quiz"][0]
    assert first.sample.id == "0-" + first.sample.id[-8:]
    assert first.responses == (Logprob(-0.5, 0, True), Logprob(-1.5, 0, False))


def test_lm_eval_corpus_metrics_stay_as_published(tmp_path: Path) -> None:
    # Perplexity is exp of the mean of what the samples keep, not their mean.
    found = read(others.lm_eval(tmp_path, [-1.0, -2.0, -3.0], published=7.389, stderr=0.5,
                                metric="perplexity"))  # fmt: skip
    metric = found.result.tasks["quiz"].metrics["perplexity"]
    assert metric.kind == "published"
    assert metric.estimate.value == 7.389
    assert metric.estimate.high == pytest.approx(7.389 + 1.96 * 0.5, abs=1e-3)
    assert found.records["quiz"][0].scores == {}
    assert any("-2, not 7.389" in note for note in found.result.tasks["quiz"].notes)


def test_lm_eval_filters_and_groups(tmp_path: Path) -> None:
    path = others.lm_eval(tmp_path, SCORES, metric="exact_match")
    document = json.loads(path.read_text())
    document["results"]["quiz"] |= {
        "exact_match,strict-match": 0.125, "exact_match_stderr,strict-match": 0.1
    }  # fmt: skip
    document["results"]["all"] = {"alias": "all", "acc,none": 0.5, "acc_stderr,none": 0.05}
    document["group_subtasks"]["all"] = ["quiz", "inner"]
    document["group_subtasks"]["inner"] = ["all", "quiz"]  # a circle
    path.write_text(json.dumps(document))
    samples = path.with_name(path.name.replace("results", "samples_quiz") + "l")
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    strict = [row | {"filter": "strict-match", "exact_match": float(row["doc_id"] == 0)}
              for row in rows]  # fmt: skip
    others.write(samples, rows + strict)
    tasks = read(path).result.tasks
    assert tasks["quiz"].metrics["exact_match"].estimate.value == 0.75
    assert tasks["quiz"].metrics["exact_match,strict-match"].kind == "mean"
    assert tasks["quiz"].metrics["exact_match,strict-match"].estimate.value == 0.125
    assert tasks["all"].n == 8
    assert any("a group of quiz" in note for note in tasks["all"].notes)


def test_a_task_name_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    path = others.lm_eval(tmp_path / "in", SCORES)
    secret = tmp_path / "samples_x_2026-01-01T00-00-00.000000.jsonl"
    secret.write_text('{"doc_id": 0, "filter": "none", "acc": 1}\n')
    document = json.loads(path.read_text())
    document["results"]["../x"] = document["results"]["quiz"]
    path.write_text(json.dumps(document))
    found = read(path)
    assert set(found.result.tasks) == {"quiz", "x"}
    assert found.records["x"] == []


def test_two_results_of_a_task_in_a_folder_give_the_newest(tmp_path: Path) -> None:
    others.lm_eval(tmp_path, SCORES)
    later = others.lm_eval(tmp_path, [0.0] * 8, date="2026-02-01T00-00-00.000000")
    document = json.loads(later.read_text())
    document["date"] += 1e6
    later.write_text(json.dumps(document))
    assert read(tmp_path).result.tasks["quiz"].metrics["acc"].estimate.value == 0.0


def test_a_document_twice_is_refused(tmp_path: Path) -> None:
    path = others.lm_eval(tmp_path, SCORES)
    samples = path.with_name(path.name.replace("results", "samples_quiz") + "l")
    samples.write_text(samples.read_text() * 2)
    with pytest.raises(DataError, match=r"line 9.*document '0' stands there twice"):
        read(path)


# --------------------------------------------------------------------------- Inspect

ANSWERS = {1: ["C"], 2: ["I"], 3: ["P"], "four": ["C"]}


@pytest.mark.parametrize("form", ["json", "eval", "zstandard.eval"])
def test_inspect_logs(tmp_path: Path, form: str) -> None:
    log = others.inspect_log(ANSWERS)
    path = tmp_path / f"log.{form}"
    if form == "json":
        others.write(path, log)
    else:
        others.zipped(path, log, zstandard=form.startswith("zstandard"))
    for source in (path, tmp_path):
        found = read(source)
        metric = found.result.tasks["quiz"].metrics["accuracy"]
        assert (metric.kind, metric.estimate.value, found.result.status) == (
            "mean", 0.625, "complete",
        )  # fmt: skip
    first = next(each for each in found.records["quiz"] if each.sample.id.startswith("1-"))
    assert first.requests == (Generate((Message("system", "be brief"), Message("user", "say 1"))),)
    assert first.responses == (Completion("yes"),)


def test_epochs_are_one_sample(tmp_path: Path) -> None:
    log = others.inspect_log({1: ["C", "I", "C", "C"], 2: ["I"] * 4, 3: ["C"] * 4})
    task = read(others.write(tmp_path / "log.json", log)).result.tasks["quiz"]
    assert task.n == 3  # not 12: four answers to one question are no four questions
    assert task.metrics["accuracy"].kind == "mean"
    assert task.metrics["accuracy"].estimate.value == pytest.approx(1.75 / 3)


def test_reduced_scores_are_taken_where_the_log_has_them(tmp_path: Path) -> None:
    answers = {1: ["C", "I"], 2: ["I", "I"], 3: ["C", "C"]}
    log = others.inspect_log(answers, accuracy=2 / 3, reductions={1: 1.0, 2: 0.0, 3: 1.0})
    found = read(others.write(tmp_path / "log.json", log))
    metric = found.result.tasks["quiz"].metrics["accuracy"]
    assert (metric.kind, metric.estimate.value) == ("mean", pytest.approx(2 / 3))
    plain = others.inspect_log(answers, accuracy=2 / 3)
    metric = read(others.write(tmp_path / "log.json", plain)).result.tasks["quiz"].metrics
    assert metric["accuracy"].kind == "published"  # the mean is 0.5


def test_a_log_that_was_stopped_is_an_incomplete_run(tmp_path: Path) -> None:
    log = others.inspect_log(ANSWERS, status="cancelled")
    assert read(others.write(tmp_path / "l.json", log)).result.status == "incomplete"


def test_a_failed_sample_is_no_zero(tmp_path: Path) -> None:
    log = others.inspect_log({1: ["C"], 2: ["C"]}, accuracy=1.0)
    failed = log["samples"][1]
    failed["error"] = {"message": "out of memory", "traceback": ""}
    failed["scores"] = {}
    found = read(others.write(tmp_path / "l.json", log))
    task = found.result.tasks["quiz"]
    assert (task.errors, task.metrics["accuracy"].estimate.value) == (1, 1.0)
    assert task.metrics["accuracy"].estimate.n == 1
    assert found.records["quiz"][1].responses == (Failed("out of memory"),)


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    path = others.zipped(tmp_path / "log.eval", others.inspect_log(ANSWERS))
    whole = path.read_bytes()
    (tmp_path / "cut.eval").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="no results of a format that is known"):
        read(tmp_path / "cut.eval")
    broken = bytearray(whole)
    start = whole.index(b"samples/1_epoch_1.json") + 22
    broken[start : start + 40] = b"\xff" * 40
    (tmp_path / "broken.eval").write_bytes(bytes(broken))
    with pytest.raises(DataError, match="not a usable zip file"):
        read(tmp_path / "broken.eval")


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="zipfile reads Zstandard itself")
def test_damage_within_zstandard_is_found(tmp_path: Path) -> None:
    path = others.zipped(tmp_path / "log.eval", others.inspect_log(ANSWERS), zstandard=True)
    whole = bytearray(path.read_bytes())
    start = whole.index(b"samples/1_epoch_1.json") + 22
    whole[start + 60] ^= 0xFF
    path.write_bytes(bytes(whole))
    with pytest.raises(DataError, match=r"not a usable zip file: samples/1_epoch_1\.json"):
        read(path)


def test_without_a_package_for_zstandard_the_ways_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = others.zipped(tmp_path / "log.eval", others.inspect_log(ANSWERS), zstandard=True)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    if sys.version_info >= (3, 14):
        assert read(path).result.tasks
        return
    with pytest.raises(DataError, match="inspect log convert FILE") as caught:
        read(path)
    assert "evalign[tasks]" in str(caught.value)


def test_an_archive_that_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness_importers import archives

    monkeypatch.setattr(archives, "MOST_ENTRY_BYTES", 10_000)
    path = tmp_path / "bomb.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps(others.inspect_log({1: ["C"]})))
        archive.writestr("samples/1.json", '{"id": "' + "x" * 10_000_000 + '"}')
    assert path.stat().st_size < 20_000
    with pytest.raises(DataError, match="larger than"):
        read(path)


# --------------------------------------------------------------------------- HELM


def test_helm_takes_the_mean_of_the_trials(tmp_path: Path) -> None:
    found = read(others.helm(tmp_path / "run", {"id1": [1.0, 0.0], "id2": [1.0, 1.0],
                                                "id3": [0.0, 0.0]}))  # fmt: skip
    task = found.result.tasks["quiz_subject=law"]
    assert list(task.metrics) == ["exact_match"]  # neither tokens nor what was perturbed
    assert (task.metrics["exact_match"].kind, task.n) == ("mean", 3)
    assert task.metrics["exact_match"].estimate.value == 0.5
    assert found.records[task.name][0].sample.targets == ("yes",)
    assert found.result.model["name"] == "org/model"


# --------------------------------------------------------------------------- Every Eval Ever


def test_every_eval_ever_with_instances(tmp_path: Path) -> None:
    found = read(others.every_eval_ever(tmp_path, SCORES))
    task = found.result.tasks["quiz"]
    assert (task.metrics["accuracy"].kind, task.data.label) == ("mean", "org/quiz/test")
    assert task.metrics["accuracy"].estimate.value == 0.75
    assert found.records["quiz"][0].responses == (Completion("yes"),)


def test_every_eval_ever_without_instances(tmp_path: Path) -> None:
    interval = {"lower": 0.6, "upper": 0.9, "confidence_level": 0.9, "method": "bootstrap"}
    path = others.every_eval_ever(tmp_path, [], score=0.75, confidence_interval=interval,
                                  num_samples=100)  # fmt: skip
    estimate = read(path).result.tasks["quiz"].metrics["accuracy"].estimate
    assert estimate.n == 100
    assert estimate.method == "published, bootstrap"
    scale = 1.959964 / 1.644854  # from 90 to 95 %
    assert estimate.low == pytest.approx(0.75 - 0.15 * scale, abs=1e-5)
    assert estimate.high == pytest.approx(0.75 + 0.15 * scale, abs=1e-5)


# --------------------------------------------------------------------------- promptfoo, deepeval


def test_promptfoo_has_a_run_for_each_provider(tmp_path: Path) -> None:
    path = others.promptfoo(
        tmp_path / "out.json", {"a": [True, False, None, True], "b": [True, True, True, True]}
    )
    with pytest.raises(UsageError, match="results of 2 models:\n  a\n  b"):
        read(path)
    found = read(path, "a")
    task = found.result.tasks["quiz"]
    assert (task.metrics["passed"].kind, task.errors, task.n) == ("mean", 1, 4)
    assert task.metrics["passed"].estimate.value == pytest.approx(2 / 3)  # an error is no failure
    assert task.metrics["tone"].estimate.value == 0.5
    ids = [[each.sample.id for each in read(path, name).records["quiz"]] for name in "ab"]
    assert ids[0] == ids[1]


def test_deepeval_tells_directions_by_its_thresholds(tmp_path: Path) -> None:
    found = read(others.deepeval(tmp_path / "run.json", [0.9, 0.2, None, 0.8]))
    task = found.result.tasks["test_quiz.py"]
    assert found.result.model["name"] == "gpt"
    relevancy, bias = task.metrics["Relevancy"], task.metrics["Bias"]
    assert (relevancy.higher_is_better, bias.higher_is_better) == (True, False)
    assert (relevancy.kind, relevancy.estimate.n) == ("mean", 3)
    assert relevancy.estimate.value == pytest.approx(1.9 / 3)
    assert found.records[task.name][2].scores["Relevancy"] == Unscored("judge failed")


# --------------------------------------------------------------------------- tables


def test_a_table_of_scores(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(
        "id,question,output,accuracy,loss,warmth:max,note,group.age\n"
        "a,q1,yes,1,0.5,3,fine,old\n"
        "b,q2,no,0,,4,2,young\n"
        "c,q3,yes,TRUE,0.25,5,,old\n"
    )
    found = read(path)
    task = found.result.tasks["results"]
    assert found.result.model["name"] == "scores"
    assert {name: each.higher_is_better for name, each in task.metrics.items()} == {
        "accuracy": True, "loss": False, "warmth": True,
    }  # fmt: skip
    assert task.metrics["accuracy"].estimate.value == pytest.approx(2 / 3)
    assert task.metrics["loss"].estimate.n == 2  # an empty cell is no 0
    first = found.records["results"][0]
    assert (first.sample.id, first.sample.groups) == ("a", {"age": "old"})
    assert first.responses == (Completion("yes"),)


def test_a_table_of_several_models_and_tasks(tmp_path: Path) -> None:
    path = others.write(
        tmp_path / "scores.jsonl",
        [{"id": name, "model": model, "task": task, "f1": 0.5}
         for model in ("x", "y") for task in ("qa", "ner") for name in "abc"],
    )  # fmt: skip
    with pytest.raises(UsageError, match="2 models"):
        read(path)
    assert set(read(path, "y").result.tasks) == {"qa", "ner"}


def test_an_id_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("id,acc\na,1\na,0\n")
    with pytest.raises(DataError, match="'a' of results stands there 2 times"):
        read(path)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "id\n1\n", "name,acc\na,1\n", "id,acc\na,high\n", "\x00\x01"]
)
def test_what_is_of_no_format_is_refused_with_those_that_are(tmp_path: Path, content: str) -> None:
    for suffix in ("csv", "json", "eval", "txt"):
        path = tmp_path / f"odd.{suffix}"
        path.write_text(content)
        with pytest.raises(HarnessError) as told:
            read(path)
        assert all(name in str(told.value) for name in ("Inspect", "HELM", "deepeval"))
