from __future__ import annotations

from pathlib import Path

import pytest

from harness import plugins
from harness.errors import PluginError

GOOD = """
from harness import hookimpl
from harness.protocols import ProbeSpec

@hookimpl
def harness_register_probes():
    return [ProbeSpec("mine", "a probe", lambda: None)]
"""
MISSPELT = GOOD.replace("harness_register_probes", "harness_register_prbes")
WRONG_TYPE = GOOD.replace('ProbeSpec("mine", "a probe", lambda: None)', '"mine"')
RAISES = "raise RuntimeError('no such luck')"
EXITS = "import sys; sys.exit('gone')"


def written(tmp_path: Path, text: str, name: str = "extra_plugin") -> Path:
    path = tmp_path / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


class EntryPoint:
    """An entry point of a distribution whose module is a file."""

    dist = None
    value = "somewhere:else"

    def __init__(self, path: Path) -> None:
        self.name, self.path = path.stem, path

    def load(self) -> object:
        return plugins._import_file(self.path)


def test_first_party_plugins_come_through_the_entry_points() -> None:
    registry = plugins.load()
    found = {plugin.name: plugin for plugin in registry.plugins}
    assert {"tasks", "backends", "probes", "align", "reports"} <= set(found)
    assert all(found[name].origin == "evalign" for name in ("tasks", "backends"))
    assert all(plugin.error is None for plugin in registry.plugins), registry.plugins


def test_a_file_is_a_plugin(tmp_path: Path) -> None:
    registry = plugins.load([written(tmp_path, GOOD)])
    assert registry.probes["mine"].description == "a probe"
    assert registry.plugins[-1].hooks == ("harness_register_probes",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MISSPELT, "harness_register_prbes"),
        (WRONG_TYPE, "expected a ProbeSpec"),
        (RAISES, "no such luck"),
        (EXITS, "gone"),
    ],
)
def test_a_broken_plugin_is_named_and_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    points = [EntryPoint(written(tmp_path, text, "bad")), EntryPoint(written(tmp_path, GOOD, "ok"))]
    monkeypatch.setattr("harness.plugins.metadata.entry_points", lambda group: points)
    registry = plugins.load()
    assert [plugin.error is None for plugin in registry.plugins] == [False, True]
    assert message in str(registry.plugins[0].error)
    assert list(registry.probes) == ["mine"]
    with pytest.raises(PluginError, match="'bad'"):
        plugins.load(strict=True)


def test_a_broken_file_asked_for_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="no such luck"):
        plugins.load([written(tmp_path, RAISES)])
    with pytest.raises(PluginError, match="not a Python file"):
        plugins.load([tmp_path / "absent.py"])


def test_a_name_registered_twice_is_refused_whole(tmp_path: Path) -> None:
    again = GOOD.replace("return [", 'return [ProbeSpec("new", "", lambda: None), ')
    with pytest.raises(PluginError, match="'mine' is registered already"):
        plugins.load([written(tmp_path, GOOD), written(tmp_path, again, "again")])
