"""Catalogues of tasks: names that are resolved when somebody asks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import compare, evaluate
from harness.cli import main
from harness.config import parse_settings
from harness.errors import UnknownNameError
from harness.plugins import load

SOURCE = """
from dataclasses import replace

from harness import hookimpl
from harness.authoring.readers import rows
from harness.authoring.metrics import Mean
from harness.errors import UnknownNameError
from harness.protocols import BackendSpec, TaskSource, TaskSpec
from harness.types import Completion, Generate, Sample, Usage

NAMES = {f"t{n}.5": f"task number {n}" for n in range(100)} | {"two": "both of them"}


class Shouting:
    version, metrics = "1", (Mean("loud"),)

    def __init__(self, name, values):
        self.name, self.values = name, values
        self.settings = dict(values)

    def samples(self, data):
        for row, place in rows.read(data):
            yield Sample(str(place.ordinal), place.text(row, "text"))

    def requests(self, sample, shots):
        assert shots == ()
        return [Generate(self.values.get("num_fewshot", "-") + sample.input)]

    def score(self, sample, responses):
        return {"loud": float(responses[0].text.isupper())}


class Upper:
    fingerprint, supports, usage = "upper", frozenset({Generate}), Usage()

    def describe(self):
        return {"name": "upper"}

    def run(self, requests):
        for each in requests:
            yield each.key, Completion(each.request.prompt.upper())

    def close(self):
        pass


def find(name, settings):
    if name not in NAMES:
        raise UnknownNameError("name of many", name, NAMES)
    names = ["t1.5", "t2.5"] if name == "two" else [name]
    options = {"num_fewshot": "how many", "shots": "where from", "pitch": "how high"}
    return [
        TaskSpec(f"many:{each}", NAMES[each], lambda o, n=each: Shouting(f"many:{n}", o.values),
                 options=options, defaults=dict(settings))
        for each in names
    ]


@hookimpl
def harness_register_task_sources():
    return [TaskSource("many", "a hundred tasks", lambda settings: NAMES, find,
                       {"pitch": "how high"})]


@hookimpl
def harness_register_backends():
    return [BackendSpec("upper", "shouts", lambda options: Upper())]
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "many.py"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b"}\n')
    return path


def test_a_name_is_resolved_when_it_is_named(plugin: Path) -> None:
    registry = load([plugin])
    assert not any(name.startswith("many:") for name in registry.tasks)
    specs = registry.select_tasks(["many:two", "many:t1.5", "squad"])
    assert [spec.name for spec in specs] == ["many:t1.5", "many:t2.5", "squad"]


def test_an_unknown_name_is_the_sources_to_refuse(plugin: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown name of many 't1\.6'"):
        load([plugin]).select_tasks(["many:t1.6"])
    with pytest.raises(UnknownNameError, match=r"unknown task or suite 'mary:t1\.5'"):
        load([plugin]).select_tasks(["mary:t1.5"])


def test_a_run_reads_settings_of_source_and_task(plugin: Path, data: Path, tmp_path: Path) -> None:
    result = evaluate(
        "upper",
        ["many:two"],
        data,
        plugin_files=[plugin],
        num_fewshot=3,
        task_settings={"many": {"pitch": "2"}, "many:t2.5": {"num_fewshot": "7", "pitch": "9"}},
        formats=(),
        out=tmp_path / "run",
    )
    assert {name: dict(task.settings) for name, task in result.tasks.items()} == {
        "many:t1.5": {"pitch": "2", "num_fewshot": "3"},
        "many:t2.5": {"pitch": "9", "num_fewshot": "7"},
    }


def test_a_source_that_is_not_used_cannot_be_set(plugin: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="name in --set 'many'"):
        evaluate(
            "demo", ["sst2"], "sample", plugin_files=[plugin], limit=2, formats=(),
            task_settings={"many": {"pitch": "2"}}, out=tmp_path / "run",
        )  # fmt: skip


def test_of_a_group_only_those_with_data_are_run(plugin: Path, data: Path, tmp_path: Path) -> None:
    result = evaluate(
        "upper", ["many:two"], {"many:t2.5": data}, plugin_files=[plugin], formats=(),
        out=tmp_path / "run",
    )  # fmt: skip
    assert list(result.tasks) == ["many:t2.5"]
    assert "of suite many:two, not run" in " ".join(result.tasks["many:t2.5"].notes)


def test_finished_runs_are_compared(plugin: Path, data: Path, tmp_path: Path) -> None:
    for out in ("one", "two"):
        evaluate(
            "upper", ["many:t3.5"], data, plugin_files=[plugin], formats=(), out=tmp_path / out
        )
    found = compare(tmp_path / "one", tmp_path / "two", registry=load([plugin]))
    assert [task.task for task in found.tasks] == ["many:t3.5"]


def test_a_tasks_name_may_hold_a_dot() -> None:
    assert parse_settings(["many:t2.5.pitch=9", "many.pitch=1.5", "engine=tree"]) == (
        {"engine": "tree"},
        {"many:t2.5": {"pitch": "9"}, "many": {"pitch": "1.5"}},
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("many:t1*.5", "many:t19.5  task number 19"),
        ("many:T1*.5", "many:t19.5  task number 19"),
        ("many:t7.5", "task number 7"),
        ("many", "a hundred tasks"),
    ],
)
def test_ls_shows_names_by_pattern(
    name: str, said: str, plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ls", name, "--plugin", str(plugin)])
    assert ended.value.code == 0
    assert said in capsys.readouterr().out


def test_ls_refuses_a_pattern_that_matches_nothing_on_one_screen(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ls", "many:zzz*", "--plugin", str(plugin)])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "no name matches 'many:zzz*'" in told
    assert "and 41 more" in told
    assert len(told) < 1000
    with pytest.raises(SystemExit):
        main(["ls", "many:TWOO*", "--plugin", str(plugin)])
    assert "Did you mean two?" in capsys.readouterr().err
