"""``harness plugin new``: a package of a plugin that passes its own tests."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

import click

from harness.authoring.literal import echo

KINDS = ("task", "probe", "backend", "aligner", "reporter")
TEMPLATES = Path(__file__).parent / "templates" / "plugin"
DEPENDENCY = {"aligner": "evalign[align]"}
EPILOG = """\b
Examples:
  harness plugin new word-count --kind task
  harness plugin new shouting --kind probe --out packages
"""


@click.group("plugin")
def command() -> None:
    """Write plugins; `harness plugins` lists those that are loaded."""


@command.command("new", epilog=EPILOG)
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What it adds.")
@click.option("--out", type=click.Path(path_type=Path), default=Path(), help="Folder for it. [.]")
def new(name: str, kind: str, out: Path) -> int:
    """Write the package harness-NAME: pyproject.toml, the module, its test, README.md.

    It works as it stands, and its tests pass; docs/writing-a-plugin.md says what each part does.
    """
    from harness.errors import UsageError

    words = name.removeprefix("harness-")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", words) or keyword.iskeyword(words):
        raise UsageError(
            f"{name!r} is no name of a package",
            "Take small letters, digits and hyphens, such as word-count.",
        )
    folder = out / f"harness-{words}"
    if folder.exists():
        raise UsageError(f"{folder} exists already", "Take another name, or another --out.")
    values = _values(words, kind)
    contents = {
        "pyproject.toml": "pyproject.toml",
        f"{values['module']}.py": f"{kind}.py",
        f"tests/test_{values['module']}.py": f"test_{kind}.py",
        "README.md": f"README_{kind}.md",
    }
    for file, template in contents.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (TEMPLATES / f"{template}.txt").read_text("utf-8")
        path.write_text(_filled(text, values), "utf-8")
    echo(f"Wrote {folder}: {', '.join(contents)}")
    echo(f"Next: pip install -e {folder} && pytest {folder}")
    return 0


def _values(words: str, kind: str) -> dict[str, str]:
    """What is filled in: the name as users, Python and classes write it."""
    return {
        "package": f"harness-{words}",
        "module": f"harness_{words.replace('-', '_')}",
        "name": words.replace("-", "_"),
        "Class": "".join(part.capitalize() for part in words.split("-")),
        "dependency": DEPENDENCY.get(kind, "evalign"),
    }


def _filled(text: str, values: dict[str, str]) -> str:
    for key, value in values.items():
        text = text.replace(f"__{key}__", value)
    return text
