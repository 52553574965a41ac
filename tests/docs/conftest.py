"""A folder with every file that the documentation's examples name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .workplace import make_runs, save_models, write_configs, write_data


@pytest.fixture(scope="session")
def prepared(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder as the examples expect it, made by the harness and from the sample data."""
    folder = tmp_path_factory.mktemp("documented")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HARNESS_CACHE", str(folder / "cache"))
        write_data(root, folder)
        save_models(folder)
        write_configs(root, folder)
        make_runs(folder)
    yield folder


@pytest.fixture
def workplace(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the prepared folder for one test, which is the working folder."""
    folder = tmp_path / "work"
    shutil.copytree(prepared, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HARNESS_CACHE", str(folder / "cache"))
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(variable, raising=False)
    return folder
