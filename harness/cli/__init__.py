"""The ``harness`` command. One file a command, imported when it is used."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from harness.authoring.io.lazy_commands import LazyCommand
from harness.authoring.literal import echo
from harness.cli import streams
from harness.errors import HarnessError, RunFailedError, UnknownNameError, UsageError
from harness.plugins import Loaded, Registry, declare, find

COMMANDS = {
    "run": "Evaluate a model on tasks and write a run folder.",
    "ls": "List tasks, suites, probes, backends and report formats.",
    "plan": "Show what a run would ask and what it would cost, without asking.",
    "score": "Add metrics to a finished run, without the model.",
    "report": "Render the reports of a run again, without the model.",
    "compare": "Compare runs sample by sample, with intervals and p-values.",
    "gate": "Decide whether a run may ship, against a baseline.",
    "noise": "Repeat a run, and say how far scores move when nothing changed.",
    "import": "Write the results of another program as a run folder.",
    "export": "Write a run in another form, or at a service.",
    "baseline": "Save a run as one small file, or show such a file.",
    "cache": "Show, prune, verify or shrink the response store.",
    "plugin": "Write a plugin package to start from: harness plugin new NAME.",
    "plugins": "List every plugin with its version, hooks, origin and failure.",
    "init": "Write a commented harness.toml, and a CI workflow on request.",
}
"""The core's own commands → the line that ``harness --help`` shows for them."""
MODULES = {"import": "exchange.import_results", "export": "exchange.export"}
"""Modules that are not called as their commands."""
CONFIG = "harness.toml"
COMPLETION = "_HARNESS_COMPLETE"
"""The variable by which a shell asks what the words so far may become."""


class Commands(click.Group):
    """A group that imports a command's module only when that command runs."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Every command, the plugins' ones last."""
        plugins_of(context)
        return [*COMMANDS, *sorted(set(self.commands) - set(COMMANDS))]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of that name; plugins are loaded only where they have a say in it."""
        if name in COMMANDS:
            module = MODULES.get(name, name)
            command = importlib.import_module(f"harness.cli.{module}").command
            assert isinstance(command, click.Command)
        else:
            plugins_of(context)
            if name not in self.commands:
                return None
            command = self.commands[name]
            command = command.opened() if isinstance(command, LazyCommand) else command
        if not any(parameter.name == "probes" for parameter in command.params):
            return command
        from harness.authoring.io import run_options

        return run_options.with_shortcuts(command, registry_of(context).probes.values())

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list without importing the commands."""
        rows = [
            (
                name,
                COMMANDS[name] if name in COMMANDS else self.commands[name].get_short_help_str(90),
            )
            for name in self.list_commands(context)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command; an unknown name lists the nearest ones."""
        name = click.utils.make_str(args[0])
        if self.get_command(context, name) is None and not name.startswith("-"):
            raise UnknownNameError("command", name, self.list_commands(context))
        return super().resolve_command(context, args)


EPILOG = """\b
Examples:
  harness run --model ./ckpt --tasks squad,xsum,bias --data sample
  harness run --model replay:predictions.json --tasks squad_v2 --data squad_v2=dev.json
  harness compare runs/main runs/candidate
  harness ls squad
"""


@click.group(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="evalign", prog_name="harness")
@click.option(
    "--plugin",
    "plugin_files",
    multiple=True,
    is_eager=True,  # its commands belong into `--help`
    type=click.Path(path_type=Path),
    help="Load a plugin from a Python file, or the tasks that a harness.toml declares. May be "
    "repeated, and may be given after the command, too.",
)
@click.option(
    "--strict-plugins",
    is_flag=True,
    is_eager=True,
    help="A broken plugin is an error, not skipped.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def app(plugin_files: tuple[Path, ...], strict_plugins: bool, debug: bool) -> None:
    """Is this language model better than the last one, and may it ship?"""
    del plugin_files, strict_plugins, debug  # read from the context where they are needed


def plugins_of(context: click.Context) -> Loaded:
    """The plugins of this invocation, imported once, with their commands added.

    They are asked what they offer where that is needed, and where a broken one is an error.
    """
    state = _state(context)
    if "plugins" not in state:
        root = context.find_root()
        files = root.params.get("plugin_files") or ()
        strict = bool(root.params.get("strict_plugins"))
        state["plugins"] = loaded = find(files, strict)
        if files or strict:
            registry_of(context)
        loaded.notify("harness_commands", app=root.command)
    loaded = state["plugins"]
    assert isinstance(loaded, Loaded)
    return loaded


def registry_of(context: click.Context) -> Registry:
    """What the plugins of this invocation offer, and the tasks that ``--config`` declares."""
    state = _state(context)
    if "registry" not in state:
        from harness.plugins.registering import register

        state["registry"] = register(plugins_of(context))
    registry = state["registry"]
    assert isinstance(registry, Registry)
    if isinstance(file := context.params.get("config"), Path):
        declare(registry, file)
    return registry


def _state(context: click.Context) -> dict[str, Any]:
    return context.find_root().ensure_object(dict)


def hoisted(arguments: Sequence[str]) -> list[str]:
    """Moves the options that belong to ``harness`` itself before the command's name."""
    front: list[str] = []
    rest: list[str] = []
    pending = list(arguments)
    while pending:
        argument = pending.pop(0)
        if argument == "--":
            rest += [argument, *pending]
            break
        if argument in ("--debug", "--strict-plugins") or argument.startswith("--plugin="):
            front.append(argument)
        elif argument == "--plugin" and pending:
            front += [argument, pending.pop(0)]
        else:
            rest.append(argument)
    return front + rest


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits: 0, 1 blocked, 2 usage, 3 failed, 4 inconclusive."""
    arguments = hoisted(sys.argv[1:] if arguments is None else arguments)
    streams.protect()
    _hear_signals()
    code = _run(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        error.filename = error.filename or "standard output"
        code = _told(_from(_of_system(error), error), arguments)
    sys.exit(code)


def _hear_signals() -> None:
    """A request to end is as Ctrl-C: what is answered is kept; one that is ignored stays so."""
    for name in ("SIGTERM", "SIGHUP", "SIGXCPU"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def _run(arguments: list[str]) -> int:
    """Runs the command; whatever ends it becomes an exit code and one screen of words.

    Python's own exit code for an error is 1, which would say "blocked".
    """
    try:
        code = app.main(args=arguments, prog_name="harness", standalone_mode=False)
    except click.ClickException as error:
        echo(f"{_usage_of(error)}Error: {error.format_message()}", err=True)
        return UsageError.exit_code
    except UnknownNameError as error:
        error.hint = "\n".join(filter(None, (error.hint, _unread_config(arguments))))
        return _told(error, arguments)
    except HarnessError as error:
        return _told(error, arguments)
    except (KeyboardInterrupt, click.Abort) as error:
        if isinstance(error.__cause__, EOFError):  # click takes a truncated file's for Ctrl-D
            return _told(_from(_unforeseen(error.__cause__), error.__cause__), arguments)
        echo("Interrupted.", err=True)
        return RunFailedError.exit_code
    except OSError as error:
        return _told(_from(_of_system(error), error), arguments)
    except BaseException as error:  # a panic of Rust code and SystemExit are no Exceptions
        if isinstance(error, SystemExit) and COMPLETION in os.environ:
            return error.code if isinstance(error.code, int) else 0  # click ends completion so
        return _told(_from(_unforeseen(error), error), arguments)
    return code if isinstance(code, int) else 0


def _unread_config(arguments: Sequence[str]) -> str:
    """Where an unknown name may be declared: in the file beside the user that no option names."""
    names = [word for word in arguments if not word.startswith("-")]
    command = app.get_command(click.Context(app), names[0]) if names else None
    takes = command is not None and any("--config" in each.opts for each in command.params)
    asked = any(word.partition("=")[0] == "--config" for word in arguments)
    if asked or not takes or not Path(CONFIG).is_file():
        return ""
    return f"{CONFIG} of this folder was not read: add --config {CONFIG} for what it declares."


def _usage_of(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    if context is None:
        return ""
    return f"{context.get_usage()}\nTry '{context.command_path} --help' for help.\n\n"


def _of_system(error: OSError) -> HarnessError:
    """An error of the user's machine: a folder, a disk, a permission."""
    what = error.strerror or str(error) or type(error).__name__
    names = " → ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    if not names and isinstance(error, FileNotFoundError) and not os.path.exists(os.curdir):
        names = "the working folder"
    hints = {
        errno.EACCES: "Name a folder that you may write to, such as with --out.",
        errno.EPERM: "Name a folder that you may write to, such as with --out.",
        errno.EROFS: "The file system is read-only: name another folder, such as with --out.",
        errno.ENOSPC: "The disk is full: make room, or name a folder on another one.",
        errno.EDQUOT: "Your quota is used up: make room, or name a folder elsewhere.",
        errno.ENAMETOOLONG: "Give a shorter name.",
        errno.EISDIR: "A file was expected, and this is a folder.",
        errno.ENOTDIR: "A folder was expected, and a part of this is a file.",
        errno.EMFILE: "Too many files are open: raise the limit with `ulimit -n`.",
    }
    hint = hints.get(error.errno or 0, "Check the path and try again; --debug shows where.")
    return HarnessError(f"{names}: {what}" if names else what, hint)


def _from(told: HarnessError, cause: BaseException) -> HarnessError:
    told.__cause__ = cause
    return told


def _unforeseen(error: BaseException) -> RunFailedError:
    return RunFailedError(
        f"unforeseen {type(error).__name__}: {error}",
        "This is a defect of the harness or of a plugin: --debug shows where. "
        "Answers given so far are kept.",
    )


def _told(error: HarnessError, arguments: Sequence[str]) -> int:
    """Shows an error, its traceback on request; returns its exit code."""
    from harness.authoring.io import secrets

    if "--debug" in arguments:
        import traceback

        echo("".join(traceback.format_exception(error.__cause__ or error)), err=True)
    click.secho("Error: ", fg="red", bold=True, err=True, nl=False)
    echo(secrets.redact(error.message), err=True)
    if error.hint:
        echo(secrets.redact(error.hint), err=True)
    return error.exit_code
