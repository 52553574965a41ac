from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import cli


def harness(*arguments: str, check_code: int | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "harness", *arguments], capture_output=True, text=True, timeout=120
    )
    if check_code is not None:
        assert done.returncode == check_code, done.stderr + done.stdout
    return done


@pytest.mark.parametrize("arguments", [["--help"], ["ls"], ["plugins"], ["run", "--help"]])
def test_light_commands_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom harness.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit as done: assert not done.code, done.code\n"
        "heavy = {'numpy', 'scipy', 'pandas', 'sklearn', 'torch', 'transformers', 'openai'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_command_has_help_with_an_example_or_arguments() -> None:
    listed = harness("--help", check_code=0).stdout
    for name in cli.COMMANDS:
        assert f"  {name} " in listed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "Did you mean run"),
        (["run", "--modle", "x"], "--model"),
        (["run", "--model", "x"], "no task is named"),
        (["run", "--tasks", "squad"], "no model is named"),
        (["run", "--model", "nosuch:x", "--tasks", "squad"], "unknown backend 'nosuch'"),
        (["run", "--batch-size", "0"], "batch"),
        (["run", "--data", "x"], "TASK=PATH"),
        (["run", "--format", "htlm", "--model", "x", "--tasks", "y"], "htlm"),
        (["report", "nowhere"], "nowhere"),
    ],
)
def test_bad_usage_ends_with_code_2_on_one_screen(arguments, message) -> None:
    done = harness(*arguments, check_code=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) < 25


def test_debug_shows_the_traceback() -> None:
    assert "Traceback" in harness("run", "--model", "x", "--debug", check_code=2).stderr


def test_options_of_the_whole_may_stand_after_the_command() -> None:
    assert cli.hoisted(["run", "--plugin", "p.py", "--debug", "--", "--debug"]) == [
        "--plugin",
        "p.py",
        "--debug",
        "run",
        "--",
        "--debug",
    ]


def test_a_plugin_adds_a_command(tmp_path: Path) -> None:
    plugin = tmp_path / "greeter.py"
    plugin.write_text(
        "import click\nfrom harness import hookimpl\n@hookimpl\ndef harness_commands(app):\n"
        "    @app.command()\n    def greet():\n        'Say hello.'\n        click.echo('hello')\n",
        "utf-8",
    )
    assert "Say hello." in harness("--plugin", str(plugin), "--help", check_code=0).stdout
    assert harness("greet", "--plugin", str(plugin), check_code=0).stdout == "hello\n"


def test_a_defect_does_not_read_as_blocked(tmp_path: Path) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text(
        "from harness import hookimpl\n@hookimpl\ndef harness_commands(app):\n"
        "    @app.command()\n    def divide():\n        1 / 0\n",
        "utf-8",
    )
    done = harness("divide", "--plugin", str(plugin), check_code=3)
    assert "ZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in harness("divide", "--debug", "--plugin", str(plugin)).stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell: str) -> None:
    def answered(**asked: str) -> str:
        words = [sys.executable, "-c", "from harness.cli import main; main()"]
        done = subprocess.run(
            words, env={**os.environ, **asked}, capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        return done.stdout

    assert "_HARNESS_COMPLETE" in answered(_HARNESS_COMPLETE=f"{shell}_source")
    asked = {"COMP_WORDS": "harness ga", "COMP_CWORD": "ga" if shell == "fish" else "1"}
    assert "gate" in answered(_HARNESS_COMPLETE=f"{shell}_complete", **asked)
