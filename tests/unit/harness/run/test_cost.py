"""``harness plan``: counts without asking."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli import app
from harness.config import RunSpec
from harness.protocols import ProbeSpec
from harness.run import cost, scheduler
from harness.run.cache import ResponseStore
from harness.run.planning import planner
from harness.types import Skipped, Usage


class Twice:
    """Two variants of each sample, one of which asks what the sample itself asks."""

    name = "twice"

    def perturb(self, sample, rng):
        yield replace(sample, input=f"{sample.input}!")
        yield sample
        yield Skipped("too much")

    def aggregate(self, metric, original, perturbed):
        return {}


def planned(registry, backend, path, probes=("twice",)):
    registry.probes["twice"] = ProbeSpec("twice", "", lambda options: Twice())
    spec = RunSpec("fake:", ("echo",), {"echo": str(path)}, probes=probes)
    return planner.build(spec, registry, backend)


def priced(requests):
    return Usage(requests=len(requests), prompt_tokens=10 * len(requests), computed_tokens=3)


def test_what_is_counted(registry, backend, echo_rows) -> None:
    whole = planned(registry, backend, echo_rows)
    with ResponseStore(None) as store:
        first = list(whole.requests())[:4]
        list(scheduler.answers(first, backend, store))  # two samples and their variants
        asked = len(backend.asked)
        found = cost.of(whole, backend, store)
        assert len(backend.asked) == asked, "a forecast asks nothing"
        backend.forecast = priced
        with_tokens = cost.of(whole, backend, store)
    samples, variants = found.shares
    assert (samples.probe, samples.items, samples.requests, samples.skipped) == (None, 12, 12, {})
    assert (variants.probe, variants.items, variants.requests) == ("twice", 12, 12)
    assert variants.skipped == {"unchanged": 12, "too much": 12}
    assert (found.requests, found.distinct, found.stored) == (24, 24, 4)
    assert found.usage is found.plain is None
    assert with_tokens.usage == priced(range(20))
    assert with_tokens.plain == priced(range(10))


def test_without_probes_there_is_nothing_to_compare(registry, backend, echo_rows) -> None:
    backend.forecast = priced
    with ResponseStore(None) as store:
        found = cost.of(planned(registry, backend, echo_rows, ()), backend, store)
    assert found.plain is None
    assert found.usage == priced(range(12))


def test_the_command_shows_it(registry, backend, echo_rows) -> None:
    planned(registry, backend, echo_rows)
    backend.forecast = priced
    command = ["plan", "--model", "fake:", "--tasks", "echo", "--data", f"echo={echo_rows}"]
    done = CliRunner().invoke(app, [*command, "--probes", "twice"], obj={"registry": registry})
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    assert "twice 12 12 12 unchanged, 12 too much" in text
    assert "24 requests, 24 of them different, 0 (0%) answered already" in text
    assert "240 prompt tokens, 3 of them computed" in text
    assert "1.00 times the 3 prompt tokens" in text
    assert backend.asked == []
    assert backend.closed


class Clocked:
    """A fake that needs a second of a fake clock for every ten of the tokens it counts."""

    def __init__(self, backend, monkeypatch) -> None:
        self.now = 100.0
        self.backend, self.usage = backend, Usage()
        self.fingerprint, self.supports = backend.fingerprint, backend.supports
        monkeypatch.setattr("harness.run.cost.time.perf_counter", lambda: self.now)

    def run(self, requests):
        for answer in self.backend.run(requests):
            self.now += 2.5
            computed = self.usage.computed_tokens + 25
            completion = self.usage.completion_tokens + 5
            self.usage = Usage(
                computed_tokens=computed, completion_tokens=completion, cost=computed
            )
            yield answer

    def forecast(self, requests):
        return Usage(computed_tokens=20 * len(requests), completion_tokens=99 * len(requests))


@pytest.mark.parametrize("counted", [True, False], ids=["by tokens", "by requests"])
def test_the_time_of_the_rest_follows_from_a_little_of_it(
    registry, backend, tmp_path, monkeypatch, counted
) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text("".join(json.dumps({"text": f"text {n}"}) + "\n" for n in range(1000)))
    whole = planned(registry, backend, path, ())
    clocked: Any = Clocked(backend, monkeypatch)
    if not counted:
        clocked.forecast = lambda requests: None
    with ResponseStore(None) as store:
        pace = cost.measure_pace(whole, clocked, store, seed=1)
        kept = cost.of(whole, clocked, store).stored
        asked = [each.key for each in backend.asked]
    assert pace is not None
    assert pace.requests == len(asked) == kept == 8 + 16, "the second round took long enough"
    assert pace.seconds == 2.5 * 24
    assert pace.spent == Usage(computed_tokens=25 * 24, completion_tokens=5 * 24, cost=25 * 24)
    assert pace.rest == pytest.approx(2.5 * (1000 - 24))
    first = [each.key for each in list(whole.requests())[:24]]
    assert set(asked) != set(first), "the beginning of a data set is not all of it"


def test_a_fast_model_is_asked_a_share_and_a_finished_plan_nothing(
    registry, backend, echo_rows, tmp_path
) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text("".join(json.dumps({"text": f"text {n}"}) + "\n" for n in range(1000)))
    whole = planned(registry, backend, path, ())
    with ResponseStore(None) as store:
        pace = cost.measure_pace(whole, backend, store, seed=1)
        assert pace is not None
        assert pace.requests == 8 + 16 + 32 + 64, "a tenth of them, and what the round has more"
        list(scheduler.answers(list(whole.requests()), backend, store))
        assert cost.measure_pace(whole, backend, store, seed=1) is None


def test_the_command_estimates_time_and_cost(registry, backend, echo_rows) -> None:
    planned(registry, backend, echo_rows)
    backend.forecast = lambda requests: Usage(prompt_tokens=9, completion_tokens=7, cost=1.5)
    backend.forecast_basis = "estimated: 4 bytes of text a token"
    command = ["plan", "--model", "fake:", "--tasks", "echo", "--data", f"echo={echo_rows}"]
    done = CliRunner().invoke(app, [*command, "--estimate-time"], obj={"registry": registry})
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    assert "at most 7 tokens generated" in text
    assert "Tokens are estimated: 4 bytes of text a token" in text
    assert "Cost: at most 1.5000 US dollars" in text
    assert "Time: about 0 s, as 12 requests asked now took 0.0 s" in text
    assert len(backend.asked) == 12
