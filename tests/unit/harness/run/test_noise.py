"""``harness noise``: replicates, margins, and gates that know them."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.cli.noise import to_json
from harness.config import RunSpec
from harness.errors import ConfigError, DataError, UsageError
from harness.gating import instrument_noise, parse_gate
from harness.protocols import BackendOptions, BackendSpec
from harness.results import runfolder
from harness.run import noise, runner
from harness.testing import FakeBackend
from harness.types import Completion, KeyedRequest, Response
from support.echo import rows, say

N = 200


class Shaky(FakeBackend):
    """Wrong on each sample now and then, anew in each process-wide run of it."""

    runs = itertools.count()

    def __init__(self, share: float) -> None:
        super().__init__(say)
        self.draw = np.random.default_rng(next(self.runs))
        self.share = share

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        for key, response in super().run(requests):
            yield key, Completion("wrong") if self.draw.random() < self.share else response


@pytest.fixture
def spec(tmp_path: Path) -> RunSpec:
    path = rows(tmp_path / "rows.jsonl", [f"text {index}" for index in range(N)])
    return RunSpec("fake:", ("echo",), {"echo": str(path)})


def shaky(registry, share: float) -> list[BackendOptions]:
    opened: list[BackendOptions] = []

    def make(options: BackendOptions) -> Shaky:
        opened.append(options)
        return Shaky(share)

    Shaky.runs = itertools.count()
    registry.backends["fake"] = BackendSpec("fake", "", make)
    return opened


def test_a_steady_model_moves_nothing(registry, spec, tmp_path, own_cache) -> None:
    opened = shaky(registry, 0.0)
    found = noise.measure(spec, registry, [None, 1, 3], tmp_path / "noise")
    assert [options.batch_size for options in opened] == [None, 1, 3]
    match = found.tasks["echo"]["match"]
    assert (match.values, match.margin, match.changed, match.n) == ((1.0,) * 3, 0.0, 0.0, N)
    assert found.replicates == ("batch size auto", "batch size 1", "batch size 3")
    assert (tmp_path / "noise" / "batch-size-3" / "manifest.json").is_file()
    assert not list(own_cache.glob("*.sqlite"))


def test_the_margin_is_that_of_a_difference_of_two_runs(registry, spec, tmp_path) -> None:
    shaky(registry, 0.1)
    wide = replace(spec, repeats=4)
    found = noise.measure(wide, registry, [None, 1], tmp_path / "noise").tasks["echo"]["match"]
    assert len(found.values) == 8
    assert found.values[0] == pytest.approx(0.9, abs=0.08)
    assert found.largest == pytest.approx(max(found.values) - min(found.values))
    # Each sample is right with chance 0.9 of its own: sqrt(0.09 / 200).
    assert found.stderr == pytest.approx(math.sqrt(0.09 / N), rel=0.2)
    assert found.margin >= 1.96 * math.sqrt(2) * found.stderr
    # Runs made anew stay within the margin of each other about as often as it says.
    values = np.random.default_rng(0).binomial(N, 0.9, (2, 4000)) / N
    apart = np.abs(values[0] - values[1])
    assert (apart <= 1.96 * math.sqrt(2) * found.stderr).mean() == pytest.approx(0.95, abs=0.04)


def test_one_run_shows_nothing(registry, spec, tmp_path) -> None:
    with pytest.raises(UsageError, match="one run alone"):
        noise.measure(spec, registry, [None], tmp_path / "noise")
    with pytest.raises(UsageError, match="stands twice"):
        noise.measure(spec, registry, [1, 1], tmp_path / "noise")
    assert not (tmp_path / "noise").exists()


def test_a_gate_may_not_ask_for_less_than_noise(registry, spec, tmp_path) -> None:
    shaky(registry, 0.1)
    wide = replace(spec, repeats=3)
    found = noise.measure(wide, registry, [None, 1], tmp_path / "noise")
    file = tmp_path / "noise.json"
    file.write_text(json.dumps(to_json(found)), "utf-8")
    margin = found.tasks["echo"]["match"].margin
    assert instrument_noise.read(file) == {"echo": {"match": margin}}

    def config(drop: float, **more: object) -> dict[str, object]:
        rule = {"metric": "echo.match", "max_drop": drop, **more}
        bound = {"metric": "echo.match", "min": 0.1}
        return {"noise": str(file), "rule": [rule, bound], "baseline": str(tmp_path / "base")}

    runner.run(replace(spec, out=tmp_path / "base"), registry)
    narrow = config(margin / 2)
    with pytest.raises(ConfigError, match="when nothing changed"):
        runner.run(replace(spec, gate=narrow, out=tmp_path / "o"), registry)
    assert not (tmp_path / "o").exists()
    instrument_noise.check(parse_gate(config(margin / 2, tier="advisory")))
    instrument_noise.check(parse_gate(config(margin * 1.01)))
    done = runner.run(replace(spec, gate=config(margin * 3), out=tmp_path / "p"), registry)
    assert done.result.gate is not None


@pytest.mark.parametrize("content", ["", "{}", '{"schema": 2, "replicates": [], "tasks": {}}'])
def test_a_broken_file_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "noise.json"
    file.write_text(content, "utf-8")
    with pytest.raises(DataError, match=r"noise\.json"):
        instrument_noise.read(file)
    with pytest.raises(DataError):
        instrument_noise.read(tmp_path / "absent.json")


def of_reducers(registry, spec, tmp_path, share: float, sizes: list[int | None]):
    shaky(registry, share)
    wide = replace(spec, repeats=3, reducers=("pass@2", "majority", "mean"))
    return noise.measure(wide, registry, sizes, tmp_path / "noise")


def test_reducers_move_as_runs_with_repeats_do(registry, spec, tmp_path) -> None:
    found = of_reducers(registry, spec, tmp_path, 0.4, [None])
    assert found.runs == ("batch size auto, repeats 1 to 3", "batch size auto, repeats 4 to 6")
    assert len(found.replicates) == 6
    metrics = found.tasks["echo"]
    assert {len(metrics[name].values) for name in ("pass@2", "majority", "match")} == {2}
    # By hand from the run's samples: of three answers each.
    records = list(runfolder.read_samples(tmp_path / "noise" / "batch-size-auto", "echo"))
    right = np.array([each.scores["match"] for each in records]).reshape(N, 2, 3)
    wrong = 3 - right.sum(axis=2)
    expected = (1 - wrong * (wrong - 1) / 6).mean(axis=0)
    assert metrics["pass@2"].values == pytest.approx(tuple(expected))
    assert metrics["match"].values == pytest.approx(tuple(right.mean(axis=2).mean(axis=0)))
    assert metrics["pass@2"].stderr == pytest.approx(
        math.sqrt((1 - wrong * (wrong - 1) / 6).var(axis=1, ddof=1).sum()) / N
    )
    # The mean of three answers moves less than one answer does, by about √3.
    single = right.reshape(N, 6).var(axis=1, ddof=1)
    alone = math.sqrt(single.sum()) / N
    assert metrics["match"].stderr == pytest.approx(alone / math.sqrt(3), rel=0.2)


def test_a_gate_holds_a_rule_on_a_reducer_against_its_noise(registry, spec, tmp_path) -> None:
    found = of_reducers(registry, spec, tmp_path, 0.4, [None])
    file = tmp_path / "noise.json"
    file.write_text(json.dumps(to_json(found)), "utf-8")
    margin = found.tasks["echo"]["pass@2"].margin
    assert margin > 0
    for drop, refused in ((margin / 2, True), (margin * 1.01, False)):
        rule = {"metric": "echo.pass@2", "max_drop": drop}
        config = parse_gate({"noise": str(file), "rule": [rule], "baseline": "b"})
        if refused:
            with pytest.raises(ConfigError, match="when nothing changed"):
                instrument_noise.check(config)
        else:
            instrument_noise.check(config)


def test_reducers_of_one_answer_are_refused(registry, spec, tmp_path) -> None:
    once = replace(spec, reducers=("mean",))
    with pytest.raises(UsageError, match="takes several answers"):
        noise.measure(once, registry, [None, 1], tmp_path / "noise")
    assert not (tmp_path / "noise").exists()
