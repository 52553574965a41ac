"""``harness score --reduce``: what a finished run's repeats say together."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from harness import api
from harness.cli import main
from harness.config import RunSpec
from harness.errors import UnknownNameError, UsageError
from harness.plugins import Registry
from harness.protocols import BackendSpec
from harness.results import runfolder
from harness.run import runner
from harness.scoring import finished_run
from harness.testing import FakeBackend
from harness.types import Completion

K = 4


def drawing(request: Any) -> Completion:
    """Right more often than not, drawn with the request's seed."""
    text = request.prompt.rsplit("say ", 1)[1]
    drawn = random.Random(f"{text} {request.sampling.seed}").random()
    return Completion(text if drawn < 0.6 else f"wrong {int(drawn * 10)}")


@pytest.fixture
def run(registry: Registry, echo_rows: Path, tmp_path: Path):
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: FakeBackend(drawing))

    def made(name: str, **settings: Any) -> Path:
        spec = RunSpec(
            "fake:", ("echo",), {"echo": str(echo_rows)}, out=tmp_path / name, **settings
        )
        runner.run(spec, registry)
        return tmp_path / name

    return made


def test_the_run_becomes_one_that_was_made_with_them(run, registry: Registry) -> None:
    names = ("pass@2", "majority", "pass^3")
    asked = run("asked", repeats=K, reducers=names)
    scored = run("scored", repeats=K, reducers=names[:1])
    finished_run.score(scored, (), registry, reducers=names[1:])
    wanted, found = (runfolder.read_result(each) for each in (asked, scored))
    assert wanted.tasks["echo"] == found.tasks["echo"]
    assert {"pass@2", "majority", "pass^3"} < set(found.tasks["echo"].metrics)
    samples = [(each / "samples" / "echo.jsonl").read_text("utf-8") for each in (asked, scored)]
    assert samples[0] == samples[1]
    again = finished_run.score(scored, (), registry, reducers=names[2:])
    assert again.result.tasks == found.tasks and again.added == {"echo": ("pass^3",)}
    # Comparisons and gates know them: the run says that it has them.
    compared = api.compare(asked, scored, registry=registry).tasks[0].metrics
    assert {each.metric for each in compared} >= set(names)
    rule = {"metric": "echo.pass^3", "max_drop": 0.5}
    verdict = api.gate(scored, asked, config={"rule": [rule]}, registry=registry)
    assert verdict.rules[0].evidence is not None


def test_what_the_run_had_stays(run, registry: Registry) -> None:
    folder = run("plain", repeats=K)  # which computes three reducers that are no metrics
    before = runfolder.read_result(folder).tasks["echo"]
    finished_run.score(folder, (), registry, reducers=("pass@2",))
    after = runfolder.read_result(folder).tasks["echo"]
    assert set(after.reduced["match"]) - set(before.reduced["match"]) == {"pass@2"}
    assert {**after.reduced["match"], **before.reduced["match"]} == after.reduced["match"]
    assert after.metrics["match"] == before.metrics["match"]
    said = [note for note in after.notes if "over 4 answers to each sample" in note]
    assert len(said) == 1 and "pass@2" in said[0] and "at least one" in said[0]


@pytest.mark.parametrize(
    ("repeats", "name", "said"),
    [
        (1, "pass@2", "every sample was asked once"),
        (K, "pass@5", "it takes 5 answers to each sample, and there are 4"),
        (K, "best", "there is no reducer 'best'"),
    ],
)
def test_what_cannot_be_computed_changes_nothing(
    run, registry: Registry, repeats: int, name: str, said: str
) -> None:
    folder = run("o", repeats=repeats)
    before = (folder / "results.json").read_bytes()
    with pytest.raises(UsageError) as told:
        finished_run.score(folder, (), registry, reducers=(name,))
    assert said in str(told.value)
    assert (folder / "results.json").read_bytes() == before


def test_a_task_that_is_not_installed_is_named(
    run, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run("o", repeats=K)
    monkeypatch.setattr(finished_run, "_installed", lambda *_: None)
    with pytest.raises(UsageError, match="fits none of the tasks") as told:
        finished_run.score(folder, (), registry, reducers=("pass@2",))
    assert "not installed" in str(told.value)


def test_the_command_names_the_option(run, registry, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run("o", repeats=K)
    with pytest.raises(UnknownNameError, match=r"give --reduce pass@2"):
        finished_run.score(folder, ("pass@2",), registry)
    with pytest.raises(SystemExit):
        main(["score", str(folder)])
    assert "--reduce" in capsys.readouterr().err
