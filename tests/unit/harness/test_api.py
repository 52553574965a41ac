from __future__ import annotations

import math
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import harness
from harness.errors import UnknownNameError, UsageError


def test_the_python_api_runs_and_compares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plugin = Path(__file__).parents[3] / "examples" / "harness-hello" / "harness_hello.py"
    (tmp_path / "names.jsonl").write_text('{"name": "Ada"}\n{"name": "Grace"}\n', "utf-8")
    for out in ("one", "two"):
        result = harness.evaluate(
            "greeter",
            ["hello"],
            {"hello": "names.jsonl"},
            plugin_files=[plugin],
            out=tmp_path / out,
        )
    assert result.tasks["hello"].metrics["greets"].estimate.value == 1
    compared = harness.compare("one", "two")
    assert [each.task for each in compared.tasks] == ["hello"]


@pytest.mark.parametrize("form", [str, Path])
def test_paths_are_texts_or_paths_and_names_a_list_or_a_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: type
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.jsonl").write_text('{"name": "Ada"}\n', "utf-8")
    plugin = form(Path(__file__).parents[3] / "examples" / "harness-hello" / "harness_hello.py")
    for out, data in (("one", {"hello": form("names.jsonl")}), ("two", form("names.jsonl"))):
        harness.evaluate(
            "greeter", "hello", data, plugin_files=[plugin], out=form(out), formats=["json"]
        )
    result = harness.evaluate(
        "greeter",
        ["hello"],
        {"hello": form("names.jsonl")},
        plugin_files=[plugin],
        baseline=form("one"),
        gate={"rule": [{"metric": "hello.greets", "min": 0.0}]},
        out=form("three"),
    )
    assert result.gate is not None
    assert [each.task for each in harness.compare(form("one"), form("three")).tasks] == ["hello"]


def test_names_come_from_the_core_a_module_or_a_plugin() -> None:
    code = (
        "from harness import align, compare, comparison, evaluate, planned\n"
        "assert callable(align) and callable(compare) and callable(evaluate)\n"
        "assert planned.__name__ == 'harness.planned'\n"
        "import harness\n"
        "try: harness.nonsense\nexcept AttributeError: print('none')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "none\n", done.stderr


def test_gate_judges_paths_and_runs_alike(make_run, tmp_path: Path) -> None:
    main, candidate = (
        make_run(name, {f"{n}": {"accuracy": float(n % 4 > wrong)} for n in range(200)})
        for name, wrong in (("main", 0), ("candidate", 1))
    )
    rules = [{"metric": "quiz.accuracy", "max_drop": 0.02}]
    verdict = harness.gate(candidate, main, rules=rules)
    assert (verdict.verdict, verdict.exit_code) == ("block", 1)
    loaded = harness.gate(harness.load_run(candidate), harness.load_run(main), rules=rules)
    assert [each.evidence for each in loaded.rules] == [each.evidence for each in verdict.rules]
    file = tmp_path / "gate.toml"
    file.write_text('[[gate.rule]]\nmetric = "quiz.accuracy"\nmax_drop = 0.02\n', "utf-8")
    assert harness.gate(main, main, config=file).verdict == "pass"
    assert harness.gate(candidate, main, config={"alpha": 0.01, "rule": rules}).alpha == 0.01
    with pytest.raises(UsageError, match="either rules or a config"):
        harness.gate(candidate, main)
    with pytest.raises(UsageError, match="either rules or a config"):
        harness.gate(candidate, main, rules=rules, config=file)
    with pytest.raises(UnknownNameError, match=r"quiz\.accuracy"):
        harness.gate(candidate, main, rules=[{"metric": "quiz.acuracy", "min": 0.5}])


def test_gain_is_positive_where_better(make_run) -> None:
    main, candidate = (
        make_run(name, {f"{n}": {"accuracy": float(n % 4 > wrong)} for n in range(200)})
        for name, wrong in (("main", 0), ("candidate", 1))
    )
    for before, after, metric, gain in (
        (main, candidate, "quiz.accuracy", -0.25),
        (candidate, main, "quiz.accuracy", 0.25),
        (main, candidate, "quiz.accuracy@0.5", 0.25),  # from 0.75 to 0.5
    ):
        verdict = harness.gate(after, before, rules=[{"metric": metric, "min_gain": 0}])
        assert verdict.rules[0].evidence.value == pytest.approx(gain)
        assert verdict.verdict == ("pass" if gain > 0 else "block")


def test_scores_of_no_run_are_judged_by_the_same_rules() -> None:
    before, after = [0.0] * 40 + [1.0] * 10, [0.0] * 10 + [1.0] * 40
    gained = harness.Rule("wins on held-out prompts", "min_gain", 0.0, against="the base")
    verdict = harness.gate_scores(before, after, gained)
    assert (verdict.verdict, verdict.exit_code) == ("pass", 0)
    assert "is 60.0 points higher than that of the base" in verdict.sentence
    assert harness.gate_scores(after, before, gained).verdict == "block"
    assert harness.gate_scores(before, before, gained).verdict == "inconclusive"
    for broken in ([], [math.nan] * 50):
        assert harness.gate_scores(broken, broken, gained).verdict == "block"


def test_samples_of_a_run_are_read(make_run) -> None:
    folder = make_run("main", {"a": {"accuracy": 1.0}, "b": {"accuracy": 0.0}})
    for place in (folder, str(folder)):
        assert [each.sample.id for each in harness.read_samples(place, "quiz")] == ["a", "b"]
        assert harness.read_result(place).tasks["quiz"].n == 2


def test_what_would_be_ignored_is_refused(tmp_path: Path) -> None:
    spec = harness.RunSpec("demo", ("sst2",), {"": "sample"}, limit=2, out=tmp_path / "run")
    for given in ({"limit": 3}, {"data": "sample"}, {"tasks": "squad"}):
        with pytest.raises(UsageError, match="a RunSpec says everything"):
            harness.evaluate(spec, **given)
    with pytest.raises(UsageError, match="both given"):
        harness.evaluate(spec, registry=harness.load_plugins(), plugin_files=["x.py"])
    assert harness.evaluate(spec).tasks["sst2"].n == 2
    with closing(harness.open_model(spec.model_config)) as model:
        (task,) = harness.plan(spec, model).tasks
        assert task.sample_count == 2
