from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.authoring.io.gate_json import gate_to_json
from harness.config import RunSpec
from harness.errors import ConfigError, UnknownNameError
from harness.plugins import Registry
from harness.protocols import BackendSpec, TaskSpec
from harness.results import runfolder
from harness.run import early_stop, runner
from harness.stats.estimates import mean
from harness.testing import FakeBackend
from harness.types import (
    MODEL,
    Ask,
    Completion,
    Generate,
    Response,
    Round,
    Sample,
    ScoreValue,
)
from support.echo import Echo

N = 400


def noisy(wrong: float) -> FakeBackend:
    """Right except for a share of the samples, chosen by the prompt."""

    def answer(request: Any) -> Completion:
        text = request.prompt.rsplit("say ", 1)[1]
        return Completion("?" if random.Random(f"{text}").random() < wrong else text)

    backend = FakeBackend(answer)
    backend.fingerprint = f"noisy {wrong}"
    return backend


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": f"row {i}"}) + "\n" for i in range(N)), "utf-8")
    return path


def run(registry: Registry, rows: Path, out: Path, wrong: float, gate=None, **settings):
    backend = noisy(wrong)
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: backend)
    spec = RunSpec("fake:", ("echo",), {"echo": str(rows)}, gate=gate, out=out, **settings)
    return runner.run(spec, registry), len(backend.asked)


def drop_rule(baseline: Path, mode: str, **rule: object) -> dict[str, object]:
    rules = [{"metric": "echo.match", "max_drop": 0.05, **rule}]
    return {"baseline": str(baseline), "mode": mode, "rule": rules}


@pytest.fixture
def baseline(registry, rows, tmp_path) -> Path:
    run(registry, rows, tmp_path / "baseline", 0.1)
    return tmp_path / "baseline"


@pytest.mark.parametrize("mode", ["fixed", "sequential"])
def test_the_verdict_and_its_exit_code(registry, rows, tmp_path, baseline, mode) -> None:
    same, _ = run(registry, rows, tmp_path / "same", 0.1, drop_rule(baseline, mode))
    assert (same.result.gate.verdict, same.result.gate.exit_code) == ("pass", 0)
    worse, _ = run(registry, rows, tmp_path / "worse", 0.6, drop_rule(baseline, mode))
    assert (worse.result.gate.verdict, worse.result.gate.exit_code) == ("block", 1)
    written = runfolder.read_result(tmp_path / "worse").gate
    assert written.verdict == "block"
    assert written.rules[0].metric == "echo.match"
    # What was judged at the end of the run is what its files say.
    again = harness.gate(tmp_path / "worse", config=drop_rule(baseline, mode), registry=registry)
    assert gate_to_json(again) == gate_to_json(written)


def test_a_sequential_gate_saves_model_calls(registry, rows, tmp_path, baseline) -> None:
    finished, asked = run(
        registry, rows, tmp_path / "worse", 0.6, drop_rule(baseline, "sequential"), cache=False
    )
    assert asked < N / 2
    used = finished.result.gate.samples_used["echo"]
    assert 0 < used <= asked
    task = finished.result.tasks["echo"]
    assert task.n == asked
    assert task.notes == (f"ended after {asked} of {N} samples",)
    assert finished.result.status == "complete"


def test_the_fixed_gate_asks_everything(registry, rows, tmp_path, baseline) -> None:
    _, asked = run(
        registry, rows, tmp_path / "worse", 0.6, drop_rule(baseline, "fixed"), cache=False
    )
    assert asked == N


def test_a_run_is_gated_again_alike_from_its_folder(registry, rows, tmp_path, baseline) -> None:
    from harness import gating
    from harness.results.baseline import load_run

    config = drop_rule(baseline, "sequential")
    finished, _ = run(registry, rows, tmp_path / "worse", 0.6, config)
    again = gating.evaluate(
        gating.parse_gate(config), load_run(tmp_path / "worse"), load_run(baseline)
    )
    assert again.verdict == finished.result.gate.verdict
    assert again.samples_used == finished.result.gate.samples_used


def test_what_can_never_block_is_refused_before_the_model_is_asked(
    registry, rows, tmp_path, baseline
) -> None:
    for gate, error, message in (
        (drop_rule(baseline, "sequential", metric="echo.mtach"), UnknownNameError, "match"),
        ({"baseline": str(baseline), "rule": []}, ConfigError, "no rule"),
        (None, ConfigError, "no rule to judge by"),
    ):
        with pytest.raises(error, match=message):
            run(registry, rows, tmp_path / "o", 0.1, gate, baseline=str(baseline))
        assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("mode", ["fixed", "sequential"])
def test_a_rule_that_no_answers_could_decide_is_refused_before_the_first(
    registry, rows, tmp_path, mode
) -> None:
    class Halves:
        name, higher_is_better = "halves", True

        def aggregate(self, rows):
            return mean([row.value for row in rows])

    echo = registry.tasks["echo"]

    def open_task(options):
        task = echo.open(options)
        task.metrics = (*task.metrics, Halves())
        return task

    registry.tasks["echo"] = replace(echo, open=open_task)
    rules = {"mode": mode, "rule": [{"metric": "echo.halves", "min": 0.1}]}
    with pytest.raises(ConfigError, match="3 samples planned, and it takes at least 4"):
        run(registry, rows, tmp_path / "few", 0.1, rules, limit=3)
    assert not (tmp_path / "few").exists()


class Later(Echo):
    """Asks about the answers of some samples again."""

    late: frozenset[str] = frozenset()

    def follow_up(self, sample: Sample, rounds: Sequence[Round]) -> Sequence[Ask]:
        if len(rounds) == 2 or sample.id not in self.late:
            return ()
        return [Ask(MODEL, Generate(f"again, say {sample.input}"))]

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        return super().score(sample, responses[-1:])


def test_a_gate_decides_between_rounds(registry, rows, tmp_path, baseline, monkeypatch) -> None:
    """What later rounds would ask about further samples is not asked once a task is decided."""
    orders: list[Sequence[str]] = []
    begin = early_stop.EarlyStop.begin

    def spied(gate, plan, seed):
        stepping = begin(gate, plan, seed)
        orders.append(stepping.order("echo"))
        return stepping

    monkeypatch.setattr(early_stop.EarlyStop, "begin", spied)
    registry.tasks["echo"] = TaskSpec("echo", "", Later)
    gate = drop_rule(baseline, "sequential")
    plain, asked = run(registry, rows, tmp_path / "plain", 1.0, gate, cache=False)
    used = plain.result.gate.samples_used["echo"]
    assert (asked, plain.result.gate.exit_code) == (32, 1)
    assert used < 20

    monkeypatch.setattr(Later, "late", frozenset(orders[0][used:]))
    found, asked = run(registry, rows, tmp_path / "late", 1.0, gate, cache=False)
    assert (asked, found.result.gate.samples_used["echo"]) == (32, used)
    assert found.result.tasks["echo"].n == used

    monkeypatch.setattr(Later, "late", frozenset(orders[0][used - 1 :]))
    found, asked = run(registry, rows, tmp_path / "needed", 1.0, gate, cache=False)
    assert (asked, found.result.gate.samples_used["echo"]) == (32 + 32 - used + 1, used)
