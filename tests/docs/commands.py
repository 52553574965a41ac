"""Finds the commands and the Python that the documentation and ``--help`` show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from click.testing import CliRunner

from harness.cli import app

PACKAGES = ("harness", "plugins", "tasks", "reports")
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^    (?=python |harness |make )", re.MULTILINE)
_IN_PROSE = re.compile(r"(?<!`)`((?:harness|make|python) [^`]+)`(?!`)")
_PROGRAM = re.compile(r"(?:\$ |- |run: |python -m )*(?=(?:harness|make|pip|accelerate|python) )")
_PLACEHOLDER = re.compile(r"…|\{|\b[A-Z]{3,}\b")


@dataclass(frozen=True)
class Command:
    """A command line and the page that shows it.

    Attributes:
        place: A file, or a command's ``--help``.
        line: The command without prompt, comment and line breaks.
        in_prose: Whether it stands inside a sentence rather than in a block of its own.
    """

    place: str
    line: str
    in_prose: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.line}"

    @property
    def words(self) -> list[str]:
        """The program and its arguments."""
        return shlex.split(self.line)

    @property
    def is_mention(self) -> bool:
        """Whether a sentence only names a command, or leaves a part of it to the reader."""
        is_whole = "--model" in self.words and not _PLACEHOLDER.search(self.line)
        return self.in_prose and not is_whole


def pages(root: Path) -> list[Path]:
    """Every page of the documentation; what the changelog says need not hold any more."""
    return [root / "README.md", root / "CONTRIBUTING.md", *sorted(root.glob("docs/*.md"))]


def blocks(text: str, *languages: str) -> list[str]:
    """The fenced blocks of a page that are written in one of the languages."""
    return [code for language, code in _FENCED.findall(text) if language in languages]


def collect(root: Path) -> list[Command]:
    """Every command of the pages, the files of ``harness init``, and ``--help``, once each."""
    found = [command for page in pages(root) for command in _of_page(root, page)]
    for place, text in _written_by_init().items():
        found += [Command(place, line) for line in _lines(text, marked=True)]
        found += mentions(place, text)
    for name, command in _commands(app, "harness"):
        context = click.Context(command, info_name=name)
        place = f"{name} --help"
        found += [Command(place, line) for line in _lines(command.epilog or "", marked=True)]
        found += mentions(place, command.get_help(context))
    return list(dict.fromkeys(found))


def mentions(place: str, text: str) -> list[Command]:
    """The commands between backquotes."""
    return [Command(place, " ".join(line.split()), True) for line in _IN_PROSE.findall(text)]


def check_names(command: Command) -> None:
    """Fails where the command or one of its options does not exist."""
    at: click.Command = app
    words = command.words[1:]
    options = set(_options(at))
    while isinstance(at, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        if _PLACEHOLDER.search(name):
            return
        found = at.get_command(click.Context(app), name)
        assert found is not None, f"{command}: there is no command {name}"
        at = found
        options |= set(_options(at))
    for word in words:
        option = word.partition("=")[0]
        assert not word.startswith("-") or option in options, f"{command}: no option {option}"


def _written_by_init() -> dict[str, str]:
    """The files of ``harness init --github``; the workflow's variable names the working folder."""
    with TemporaryDirectory() as folder:
        written = CliRunner().invoke(app, ["init", "--github", folder])
        assert written.exit_code == 0, written.output
        files = [each for each in Path(folder).rglob("*") if each.is_file()]
        texts = {f"{each.name} of harness init": each.read_text("utf-8") for each in files}
    return {place: text.replace('"$judge"', ".") for place, text in texts.items()}


def _of_page(root: Path, page: Path) -> Iterator[Command]:
    place, text = str(page.relative_to(root)), page.read_text("utf-8")
    for code in blocks(text, "sh", "console", ""):
        for line in _lines(code):
            yield Command(place, line)
    for code in blocks(text, "text", "yaml"):
        for line in _lines(code, marked=True):
            yield Command(place, line)
    prose = _FENCED.sub("", text)
    for line in prose.splitlines():
        if _INDENTED.match(line):
            yield Command(place, line.strip())
    yield from mentions(place, prose)


def _lines(code: str, marked: bool = False) -> Iterator[str]:
    """The commands of a block; ``marked`` takes only lines that begin with a known program."""
    for line in re.sub(r"\\\n\s*", "", code).splitlines():
        program = _PROGRAM.match(line.strip())
        if line.strip() and (program or not marked):
            words = shlex.split(line.strip()[program.end() if program else 0 :], comments=True)
            if words and not marked and words[0] == "printf":
                yield line.strip()  # its quotes belong to the shell
            elif words:
                yield shlex.join(words)


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from _commands(found, f"{name} {each}")


def _options(command: click.Command) -> list[str]:
    context = click.Context(command)
    return [name for each in command.get_params(context) for name in each.opts] + ["-h", "--help"]
