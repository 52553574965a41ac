"""docs/api.md is what tools/api_reference.py makes of the docstrings, with every public name."""

from __future__ import annotations

import functools
import importlib
import re
from pathlib import Path

import pytest

import api_reference
import harness

PAGE = functools.cache(api_reference.page)


def test_the_page_is_current(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(api_reference, "page", PAGE)
    assert api_reference.main(["--check"]) == 0, capsys.readouterr().err


def test_checking_and_asking_for_help_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "api.md"
    monkeypatch.setattr(api_reference, "PAGE", page)
    monkeypatch.setattr(api_reference, "page", PAGE)
    assert api_reference.main(["--check"]) == 1
    page.write_text("# Old\n")
    assert api_reference.main(["--check"]) == 1
    assert "out of date: run python tools/api_reference.py" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        api_reference.main(["--help"])
    assert ended.value.code == 0
    assert "--check" in capsys.readouterr().out
    assert page.read_text() == "# Old\n"
    assert api_reference.main([]) == 0
    assert page.read_text("utf-8") == PAGE()


def test_every_public_name_is_found_and_documented() -> None:
    assert sorted(harness.__all__) == sorted(api_reference.homes())
    package = PAGE().partition("## harness\n")[2].partition("\n## ")[0]
    documented = re.findall(r"^- `(\w+)[^`]*`  \S", package, re.MULTILINE)
    assert sorted(documented) == sorted(harness.__all__)
    for name in harness.__all__:
        assert getattr(harness, name) is not None


@pytest.mark.parametrize("name", api_reference.MODULES)
def test_every_public_module_exists_and_its_page_names_what_it_has(name: str) -> None:
    module = importlib.import_module(name)
    section = PAGE().partition(f"## {name}\n")[2].partition("\n## ")[0]
    for found in re.findall(r"^- `(\w+)", section, re.MULTILINE):
        assert hasattr(module, found), f"{name} has no {found}"
