from __future__ import annotations

from pathlib import Path

import pluggy
import pytest

from harness.authoring.readers import sources
from harness.errors import DataError
from harness.plugins import Registry
from harness.protocols import TaskSpec
from harness.run.planning import datasets
from harness.types import DataSource, HubDataset


def touched(*paths: Path) -> list[str]:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n", encoding="utf-8")
    return [str(path) for path in paths]


def test_parallel_text_is_cut_at_the_colons_that_part_files(tmp_path: Path) -> None:
    source, one, two = touched(tmp_path / "c:d" / "s.en", tmp_path / "r.A", tmp_path / "r.B")
    assert sources.from_path(f"{source}:{one}").paths == (source, one)
    assert sources.from_path(f"{source}:{one}:{two}").paths == (source, one, two)
    assert sources.from_path(source).paths == (source,)


def test_the_file_that_is_missing_is_named(tmp_path: Path) -> None:
    (source,) = touched(tmp_path / "s.en")
    with pytest.raises(DataError, match=r"absent\.de"):
        sources.from_path(f"{source}:{tmp_path / 'absent.de'}")


def test_a_task_of_its_own_wins_over_the_rest(tmp_path: Path) -> None:
    own, sample = touched(tmp_path / "own.jsonl", tmp_path / "sample.jsonl")
    spec = TaskSpec("t", "", lambda options: None, Path(sample), hub=HubDataset("org/t"))
    assert sources.resolve(spec, {"": "sample", "t": own}).paths == (own,)
    assert sources.resolve(spec, {"": "sample"}) == DataSource(
        "sample", "sample data of t", (sample,)
    )
    assert sources.resolve(spec, {}).label == "hub:org/t[validation]"


def test_shots_come_from_the_training_split_of_the_hub() -> None:
    spec = TaskSpec("t", "", lambda options: None, hub=HubDataset("org/t", shots="train"))
    shots = datasets.shots_source(spec, sources.resolve(spec, {}), None)
    assert shots.hub is not None
    assert shots.hub.split == "train"


def test_a_file_without_a_training_split_says_how_to_give_one(tmp_path: Path) -> None:
    (path,) = touched(tmp_path / "a.jsonl")
    spec = TaskSpec("t", "", lambda options: None)
    with pytest.raises(DataError, match=r"--set t\.shots=PATH"):
        datasets.shots_source(spec, sources.from_path(path), None)


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    one, two = touched(tmp_path / "a", tmp_path / "b")
    assert datasets.fingerprint(sources.from_path(one), []) == datasets.fingerprint(
        sources.from_path(two), []
    )
    Path(two).write_text("y\n", "utf-8")
    assert datasets.fingerprint(sources.from_path(one), []) != datasets.fingerprint(
        sources.from_path(two), []
    )


def suite(*names: str) -> Registry:
    manager = pluggy.PluginManager("harness")
    tasks = {n: TaskSpec(n, "", lambda options: None, suites=("all",)) for n in names}
    return Registry(manager, tasks=tasks)


def test_a_suite_given_data_for_a_part_runs_that_part_and_says_so() -> None:
    registry = suite("a", "b", "c")
    specs, notes = datasets.having_data(registry, ["all"], {"b": "file"})
    assert [spec.name for spec in specs] == ["b"]
    assert notes == ("of suite all, not run because no data are given: a, c",)


@pytest.mark.parametrize("given", [{}, {"": "sample"}, {"a": "x", "b": "y", "c": "z"}])
def test_a_suite_is_whole_otherwise(given: dict[str, str]) -> None:
    specs, notes = datasets.having_data(suite("a", "b", "c"), ["all"], given)
    assert ([spec.name for spec in specs], notes) == (["a", "b", "c"], ())


def test_a_task_named_itself_is_never_left_out() -> None:
    specs, _ = datasets.having_data(suite("a", "b", "c"), ["all", "c"], {"b": "file"})
    assert [spec.name for spec in specs] == ["b", "c"]
