from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import harness


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
