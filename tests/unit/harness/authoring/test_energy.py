"""What the machine takes: measured by codecarbon where it is installed, nothing where it is not."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from harness.authoring.measures.energy import Meter
from harness.authoring.reporting import numbers
from harness.comparison import resources
from harness.errors import UsageError
from harness.results import result_json, runfolder
from harness.types import Estimate, MetricComparison, RunComparison, Spent, TaskComparison
from support.commands import harness

RUN = "run --model demo --tasks sst2 --data sample --limit 20 --no-cache --quiet"


def test_what_was_not_measured_has_no_value() -> None:
    with Meter() as nothing:
        assert nothing.stop() is None
    with Meter(None, 3600.0) as priced:
        time.sleep(0.02)
        found = priced.stop()
    assert found.money == pytest.approx(found.seconds)
    assert found.seconds >= 0.02
    assert (found.energy_kwh, found.co2e_kg, found.basis) == (None, None, "")
    shown = dict(numbers.spent(found))
    assert set(shown) == {"machine hours", "price of the machine"}
    assert numbers.spent(None) == []


def test_energy_is_measured_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("codecarbon")

    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    found = {}
    for name, seconds in (("short", 0.3), ("long", 1.5)):
        with Meter("DEU") as meter:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                pass
            found[name] = meter.stop()
            assert meter.stop() is None
    assert 0 < found["short"].energy_kwh < found["long"].energy_kwh
    assert 0 < found["short"].co2e_kg < found["long"].co2e_kg
    assert "codecarbon" in found["long"].basis
    with pytest.raises(UsageError, match="'XXX'"):
        Meter("XXX").__enter__()


def test_an_absent_package_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    try:
        import codecarbon  # noqa: F401
    except ImportError:
        assert harness(f"{RUN} --energy DEU --out {tmp_path / 'run'}") == 2
        assert "evalign[energy]" in capsys.readouterr().err
        assert not (tmp_path / "run").exists()
    assert harness(f"{RUN} --energy Germany --out {tmp_path / 'run'}") == 2
    assert "three letters" in capsys.readouterr().err


def test_a_run_keeps_its_price_and_a_comparison_tells_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "harness.toml"
    config.write_text("[prices]\nmachine_hour = 3600.0\n", "utf-8")
    for name in ("before", "after"):
        assert harness(f"{RUN} --config {config} --out {tmp_path / name} --format html") == 0
    found = runfolder.read_result(tmp_path / "before")
    assert found.spent.money == pytest.approx(found.spent.seconds)
    assert found.spent.energy_kwh is None
    page = (tmp_path / "before" / "report.html").read_text("utf-8")
    assert "price of the machine" in page
    assert "energy of the machine" not in page
    capsys.readouterr()
    assert harness(f"compare {tmp_path / 'before'} {tmp_path / 'after'} --format console") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "sst2.accuracy no difference shown: for " in told
    assert "times the price of the machine" in told
    assert "the energy" not in told
    plain = tmp_path / "plain"
    assert harness(f"{RUN} --out {plain}") == 0
    assert runfolder.read_result(plain).spent is None
    assert "spent" not in result_json.result_to_json(runfolder.read_result(plain))
    capsys.readouterr()
    assert harness(f"compare {plain} {tmp_path / 'after'} --format console") == 0
    assert "times the" not in capsys.readouterr().out


def comparison(p_value: float, spent: tuple[Spent, Spent] | None) -> RunComparison:
    def estimate(value: float, reach: float = 0.02) -> Estimate:
        return Estimate(value, reach / 2, value - reach, value + reach, 100, "mean")

    metric = MetricComparison(
        "accuracy", True, estimate(0.6), estimate(0.621), estimate(0.021, 0.018), p_value, "t",
        0.01,
        adjusted_p_value=p_value,
    )  # fmt: skip
    task = TaskComparison("sst2", 100, 0, 0, 0, 0, (metric,))
    return RunComparison("a", "b", {}, {}, (task,), spent=spent)


def test_the_sentence_says_what_is_better_for_how_much() -> None:
    both = (Spent(10, 1.0, 0.001, 0.0004), Spent(30, 3.0, 0.0034, 0.0013))
    told = resources.note(comparison(0.001, both))
    assert told == (
        "sst2.accuracy 0.021 better [0.003, 0.039]: for 3.4 times the energy "
        "(3.4 Wh instead of 1 Wh), 3 times the price of the machine, 3 times the time"
    )
    assert "no difference shown: for" in resources.note(comparison(0.6, both))
    assert resources.note(comparison(0.001, None)) is None
    timed = (Spent(10), Spent(30))
    assert "energy" not in resources.note(comparison(0.001, timed))
