from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from harness import cli
from harness.authoring.io.lazy_commands import LazyCommand


def harness(*arguments: str, check_code: int | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "harness", *arguments], capture_output=True, text=True, timeout=120
    )
    if check_code is not None:
        assert done.returncode == check_code, done.stderr + done.stdout
    return done


HEAVY = {"numpy", "scipy", "pandas", "sklearn", "torch", "transformers", "openai"}
UNUSED = {"pydantic", "rich", "statistics", "logging", "harness.types", "harness.protocols"} | {
    f"harness.{name}" for name in ("config", "results", "run", "stats", "authoring.declaration")
}
"""What nothing but a list of commands has no need of."""


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], HEAVY | UNUSED),
        (["ls"], HEAVY),
        (["plugins"], HEAVY),
        (["run", "--help"], HEAVY),
    ],
)
def test_light_commands_import_nothing_heavy(arguments: list[str], absent: set[str]) -> None:
    code = (
        "import sys\nfrom harness.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit as done: assert not done.code, done.code\n"
        f"found = {absent!r} & set(sys.modules)\nassert not found, found\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_plugins_module_imports_none_of_what_it_registers() -> None:
    """So a list of commands costs what it shows; all else is imported by the hook that needs it."""
    code = (
        "import sys\nfrom harness.plugins import find\n"
        "found = find()\nassert all(each.error is None for each in found.plugins)\n"
        "packages = {each.__name__.partition('.')[0] for each in found.manager.get_plugins()}\n"
        "more = [name for name in sys.modules if name.partition('.')[0] in packages\n"
        "        and name not in packages and not name.endswith('.plugin')]\n"
        "assert not more, more\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_commands_are_listed_with_the_first_line_of_their_own_help() -> None:
    context = click.Context(cli.app)
    cli.plugins_of(context)
    lazy = {
        name: command
        for name, command in cli.app.commands.items()
        if isinstance(command, LazyCommand)
    }
    assert {"align", "attack", "demo", "view"} <= set(lazy)
    for name, command in lazy.items():
        opened = cli.app.get_command(context, name)
        assert opened is not None
        assert opened.get_short_help_str(90) == command.get_short_help_str()


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


@pytest.mark.parametrize(
    ("error", "does"),
    [("ZeroDivisionError", "1 / 0"), ("EOFError", "import marshal; marshal.loads(b'c')")],
)
def test_a_defect_reads_as_one(error: str, does: str, tmp_path: Path) -> None:
    """Not as "blocked", Python's own exit code, nor as "interrupted", click's for EOFError."""
    plugin = tmp_path / "broken.py"
    plugin.write_text(
        "from harness import hookimpl\n@hookimpl\ndef harness_commands(app):\n"
        f"    @app.command()\n    def divide():\n        {does}\n",
        "utf-8",
    )
    done = harness("divide", "--plugin", str(plugin), check_code=3)
    assert f"unforeseen {error}" in done.stderr
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


def test_an_unknown_name_tells_of_the_file_that_was_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    told = "add --config harness.toml"

    def error(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert ended.value.code == 2
        return capsys.readouterr().err

    assert told not in error("ls", "no_such_task")
    Path("harness.toml").write_text('[run]\ntasks = ["squad"]\n')
    assert told in error("ls", "no_such_task")
    assert told not in error("ls", "no_such_task", "--config", "harness.toml")
