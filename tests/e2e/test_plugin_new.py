"""``harness plugin new``: what it writes passes its own tests, and is a plugin."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import cli, plugins
from harness.cli.plugin import KINDS


def command(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(each) for each in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("kind", KINDS)
def test_the_package_passes_its_own_tests_and_registers_its_kind(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("plugin", "new", f"brand-new-{kind}", "--kind", kind, "--out", tmp_path) == 0
    folder = tmp_path / f"harness-brand-new-{kind}"
    assert str(folder) in capsys.readouterr().out
    written = [path.read_text() for path in folder.rglob("*") if path.is_file()]
    assert not any(
        re.search("__(package|module|name|Class|dependency)__", each) for each in written
    )
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error::UserWarning"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "passed" in tested.stdout
    module = folder / f"harness_brand_new_{kind}.py"
    table = getattr(plugins.load([module]), f"{kind}s")
    assert f"brand_new_{kind}" in table
    assert command("--plugin", module, "ls", f"brand_new_{kind}") == 0
    assert "describe it in a line" in capsys.readouterr().out


def test_it_can_be_built(tmp_path: Path) -> None:
    assert command("plugin", "new", "built", "--kind", "task", "--out", tmp_path) == 0
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=tmp_path / "harness-built",
        check=True,
        capture_output=True,
    )
    assert list((tmp_path / "harness-built" / "dist").glob("*.whl"))


@pytest.mark.parametrize("name", ["Upper", "with space", "9lives", "class", "..", "a--b"])
def test_a_name_that_no_package_can_have_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("plugin", "new", name, "--kind", "task", "--out", tmp_path) == 2
    assert "is no name of a package" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("plugin", "new", "mine", "--kind", "task", "--out", tmp_path) == 0
    assert command("plugin", "new", "mine", "--kind", "probe", "--out", tmp_path) == 2
    assert "exists already" in capsys.readouterr().err
