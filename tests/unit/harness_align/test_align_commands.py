"""Jobs from flags and harness.toml, and the commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness import cli, plugins
from harness.errors import ConfigError, UnknownNameError, UsageError
from harness.protocols import BackendSpec
from harness.run import runner
from harness.testing import FakeBackend
from harness.types import Completion
from harness_align import api, job
from support.alignment import small

# The trainers' own deprecation warnings are not ours to answer for.
pytestmark = pytest.mark.filterwarnings("ignore")


# --------------------------------------------------------------------------- jobs and commands


def flags(**given):
    return {"settings": {}, "evaluation": {}, **given}


def test_flags_win_over_the_file(tmp_path):
    file = tmp_path / "harness.toml"
    file.write_text(
        '[run]\ntasks = ["sst2"]\nlimit = 5\n[data]\nsst2 = "sample"\n'
        '[align]\nmethod = "dpo"\nmodel = "m"\ndata = "d"\nsteps = 5\nguard = ["squad.f1"]\n'
    )
    made = job.make_job(file, flags(model="other", settings={"steps": "7"}, guard=("sst2",)))
    assert (made.model, made.method, made.targets, made.guards) == (
        "other",
        "dpo",
        ("sst2",),
        ("sst2",),
    )
    assert made.training["steps"] == 7
    assert made.evaluation["data"] == {"sst2": "sample"}
    assert made.evaluation["limit"] == 5
    assert made.out == Path("aligned/dpo-other")


def test_prices_reach_the_evaluations_and_the_judge(tmp_path):
    """What the file says a model costs is counted in the runs inside, as in those outside."""
    given = []

    def opened(options):
        given.append(options.prices)
        return FakeBackend(lambda _: Completion("positive"))

    registry = plugins.load()
    registry.backends["priced"] = BackendSpec("priced", "", opened)
    file = tmp_path / "harness.toml"
    file.write_text(
        "[prices]\nmachine_hour = 2.5\n"
        '[prices."priced:m"]\nprompt = 0.5\ncompletion = 2\n'
        '[align]\nmethod = "dpo"\nmodel = "priced:m"\ndata = "d"\n'
    )
    made = job.make_job(file, flags(), registry)
    price = {"prompt": 0.5, "completion": 2.0}
    assert made.model_config("priced:m").prices == {"priced:m": price}
    spec = made.run_spec(made.model, ("gsm8k",), tmp_path / "run")
    assert spec.machine_hour == 2.5
    runner.run(replace(spec, data={"": "sample"}, limit=2), registry)
    assert given == [price]


@pytest.mark.parametrize(
    ("table", "error", "says"),
    [
        ("methud = 'dpo'", UnknownNameError, "method"),
        ("method = 'dpo'\nmodel = 'm'\ndata = 'd'\nsteps = 'many'", ConfigError, "steps"),
        ("model = 'm'\ndata = 'd'", UsageError, "no method"),
        ("method = 'dpo'\nmodel = 'm'\ndata = 'd'\ndevelopment = 2.0", UsageError, "development"),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path, table, error, says):
    file = tmp_path / "harness.toml"
    file.write_text(f"[align]\n{table}\n")
    with pytest.raises(error, match=says):
        job.make_job(file, flags())


def exit_code(*arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main([str(each) for each in arguments])
    return ended.value.code


@pytest.mark.parametrize("command", ["align", "pairs", "mine"])
def test_every_command_has_help_with_examples(command, capsys):
    assert exit_code(command, "--help") == 0
    assert "Examples:" in capsys.readouterr().out


def test_errors_are_usage_errors_with_one_screen(tiny_model, jsonl, tmp_path, capsys):
    rows = jsonl([{"input": "q", "gold": "a"}])
    given = ("align", "--model", tiny_model, "--out", tmp_path / "out", "--data", rows)
    assert exit_code(*given, "--method", "dpo") == 2
    message = capsys.readouterr().err
    assert "rows.jsonl, line 1: the columns are input, gold" in message
    assert "Traceback" not in message
    assert exit_code(*given, "--method", "dpoo") == 2
    assert "dpo" in capsys.readouterr().err
    assert exit_code(*given, "--method", "dpo", "--set", "stepz=3") == 2
    assert "steps" in capsys.readouterr().err


@pytest.mark.slow
def test_the_search_tries_settings_and_the_suite_decides_once(tiny_model, pairs_file, tmp_path):
    result = api.align(
        "dpo",
        str(tiny_model),
        str(pairs_file),
        tmp_path / "out",
        settings=small(),
        development=0.3,
        samples=4,
        search={
            "trials": 2,
            "parameters": {"learning_rate": {"low": 1e-5, "high": 1e-2, "log": True}},
        },
    )
    assert result.search is not None
    assert len(result.search.trials) == 2
    best = max(result.search.trials, key=lambda each: each.value or 0)
    assert result.job.settings["learning_rate"] == best.settings["learning_rate"]
    assert "<circle" in (tmp_path / "out/report.html").read_text()
