"""``harness plan``: counts without asking."""

from __future__ import annotations

from dataclasses import replace

from click.testing import CliRunner

from harness import forecast, plan, scheduler
from harness.cli import app
from harness.config import RunSpec
from harness.protocols import ProbeSpec
from harness.responses import ResponseStore
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
    return plan.build(spec, registry, backend)


def priced(requests):
    return Usage(requests=len(requests), prompt_tokens=10 * len(requests), computed_tokens=3)


def test_what_is_counted(registry, backend, echo_rows) -> None:
    whole = planned(registry, backend, echo_rows)
    with ResponseStore(None) as store:
        first = list(whole.requests())[:4]
        list(scheduler.answers(first, backend, store))  # two samples and their variants
        asked = len(backend.asked)
        found = forecast.of(whole, backend, store)
        assert len(backend.asked) == asked, "a forecast asks nothing"
        backend.forecast = priced
        with_tokens = forecast.of(whole, backend, store)
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
        found = forecast.of(planned(registry, backend, echo_rows, ()), backend, store)
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
    assert "24 requests, 24 of them different, 0 answered already" in text
    assert "240 prompt tokens, 3 of them computed" in text
    assert "1.00 times the 3 prompt tokens" in text
    assert backend.asked == []
    assert backend.closed
