"""Flags by which plugins' probes are chosen on the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import pytest

from harness.authoring.io import run_options
from harness.cli import app, plan, run
from harness.plugins import load
from support import ROOT

PLUGIN = ROOT / "examples" / "harness-shout" / "harness_shout.py"


def spec_of(command: click.Command, *arguments: str):
    """The RunSpec of a command line."""
    found = []
    taking = run_options.with_shortcuts(command, load([PLUGIN]).probes.values())
    taking = replace_callback(taking, lambda **given: found.append(given))
    words = ["--model", "demo", "--tasks", "qa", *arguments]
    taking.main(words, "harness", standalone_mode=False)
    own = ("quiet", "full", "track", "with_gate", "discordance", "repeat", "estimate_time")
    return run_options.run_spec({key: each for key, each in found[0].items() if key not in own})


def replace_callback(command: click.Command, callback) -> click.Command:
    command.callback = callback
    return command


@pytest.mark.parametrize("command", [run.command, plan.command], ids=["run", "plan"])
def test_a_third_partys_probe_has_a_flag_as_ours_has(command: click.Command) -> None:
    spec = spec_of(command, "--shout", "?!", "--retrieve", "handbook", "--set", "retrieval.k=2")
    assert spec.probes == ("retrieval", "shout") or spec.probes == ("shout", "retrieval")
    assert spec.task_settings == {
        "retrieval": {"corpus": "handbook", "k": "2"},
        "shout": {"mark": "?!"},
    }


def test_without_the_flag_no_probe_is_chosen() -> None:
    spec = spec_of(run.command, "--probes", "case")
    assert (spec.probes, spec.task_settings) == (("case",), {})


def test_help_shows_the_flags_and_other_commands_have_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    app.main(["--plugin", str(PLUGIN), "run", "--help"], "harness", standalone_mode=False)
    shown = capsys.readouterr().out
    assert "--shout MARK" in shown
    assert "--retrieve FOLDER|FILE" in shown
    app.main(["--plugin", str(PLUGIN), "compare", "--help"], "harness", standalone_mode=False)
    assert "--shout" not in capsys.readouterr().out
    assert "--shout" not in {flag for each in run.command.params for flag in each.opts}


def test_a_flag_that_is_taken_is_left_out_with_a_warning() -> None:
    spec = load([PLUGIN]).probes["shout"]
    assert spec.shortcut is not None
    taken = replace(spec, shortcut=replace(spec.shortcut, flag="--model"))
    with pytest.warns(UserWarning, match="--model of the probe 'shout' is taken"):
        found = run_options.with_shortcuts(run.command, [taken])
    assert len(found.params) == len(run.command.params)
    with pytest.warns(UserWarning, match="--shout of the probe 'shout' is taken"):
        run_options.with_shortcuts(run.command, [spec, spec])


def test_it_runs(tmp_path: Path) -> None:
    rows = tmp_path / "qa.csv"
    rows.write_text("context,question,answers\nAnn left.,Who left?,Ann\n")
    words = ["--model", "demo", "--tasks", "qa", "--data", f"qa={rows}", "--format", "console"]
    line = ["--plugin", str(PLUGIN), "run", *words, "--shout", "!?", "--out", str(tmp_path / "o")]
    assert app.main(line, "harness", standalone_mode=False) == 0
