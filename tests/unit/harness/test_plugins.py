from __future__ import annotations

from pathlib import Path

import click
import pytest

from harness import plugins
from harness.errors import PluginError
from harness.plugins.loading import import_file

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
        return import_file(self.path)


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
    monkeypatch.setattr("harness.plugins.loading.metadata.entry_points", lambda group: points)
    registry = plugins.load()
    assert [plugin.error is None for plugin in registry.plugins] == [False, True]
    assert message in str(registry.plugins[0].error)
    assert list(registry.probes) == ["mine"]
    with pytest.raises(PluginError, match="'bad'"):
        plugins.load(strict=True)


def test_a_plugin_is_found_before_it_is_asked_what_it_offers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = GOOD.split("return")[0] + "raise RuntimeError('not today')\n\n@hookimpl\n"
    bad += "def harness_api():\n    return {'shout': str.upper}\n"
    points = [EntryPoint(written(tmp_path, bad, "bad")), EntryPoint(written(tmp_path, GOOD, "ok"))]
    monkeypatch.setattr("harness.plugins.loading.metadata.entry_points", lambda group: points)
    found = plugins.find()
    assert [plugin.error for plugin in found.plugins] == [None, None]
    assert list(found.functions) == ["shout"]
    registry = plugins.load()
    assert [plugin.error for plugin in registry.plugins] == ["RuntimeError: not today", None]
    assert list(registry.probes) == ["mine"]
    assert registry.functions == {}  # it is skipped whole


def test_a_broken_file_asked_for_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="no such luck"):
        plugins.load([written(tmp_path, RAISES)])
    with pytest.raises(PluginError, match="not a Python file"):
        plugins.load([tmp_path / "absent.py"])


def test_a_name_registered_twice_is_refused_whole(tmp_path: Path) -> None:
    again = GOOD.replace("return [", 'return [ProbeSpec("new", "", lambda: None), ')
    with pytest.raises(PluginError, match="'mine' is registered already"):
        plugins.load([written(tmp_path, GOOD), written(tmp_path, again, "again")])


# --------------------------------------------------------------------------- hooks


def load_several(tmp_path: Path, **texts: str) -> tuple[plugins.Registry, list[str]]:
    """The registry of several files, and the list in which all of them note that they are called.

    Each text may call ``note()``.
    """
    calls: list[str] = []
    files = []
    for name, text in texts.items():
        path = written(tmp_path, f"from harness import hookimpl\nname = {name!r}\n{text}", name)
        files.append(path)
    registry = plugins.load(files)
    for name in texts:
        module = registry.manager.get_plugin(name)
        assert module is not None
        module.note = lambda name=name: calls.append(name)
    return registry, calls


NOTES = "@hookimpl({how})\ndef harness_scored(task, score):\n    note()\n"


def test_hooks_run_in_the_order_that_plugins_ask_for(tmp_path: Path) -> None:
    registry, calls = load_several(
        tmp_path,
        last_one=NOTES.format(how="trylast=True"),
        plain=NOTES.format(how=""),
        second=NOTES.format(how=""),
        first_one=NOTES.format(how="tryfirst=True"),
    )
    registry.notify("harness_scored", task="t", score=None)
    assert calls == ["first_one", "plain", "second", "last_one"]


WRAPS = """
@hookimpl(wrapper=True)
def harness_group_measures(attribute, records):
    note()
    found = yield
    return [*found, {"more": {}}]
"""
OLD_WRAPPER = """
@hookimpl(hookwrapper=True)
def harness_group_measures(attribute, records):
    note()
    outcome = yield
    outcome.force_result([*outcome.get_result(), {"old": {}}])
"""
MEASURES = (
    "@hookimpl\ndef harness_group_measures(attribute, records):\n    return {attribute: {}}\n"
)


def test_wrappers_of_both_kinds_change_what_others_return(tmp_path: Path) -> None:
    registry, calls = load_several(tmp_path, wraps=WRAPS, older=OLD_WRAPPER, measures=MEASURES)
    found = registry.notify("harness_group_measures", attribute="age", records=[])
    assert sorted(key for each in found for key in each) == ["age", "more", "old"]
    assert sorted(calls) == ["older", "wraps"]


FAILING = {
    "plain": "@hookimpl\ndef harness_group_measures(records):\n    raise KeyError('gone')\n",
    "wrapper before": WRAPS.replace("    note()\n", "    raise KeyError('gone')\n"),
    "wrapper after": WRAPS.replace("    return", "    raise KeyError('gone')\n    return"),
    "old wrapper after": OLD_WRAPPER.replace("    outcome.force", "    {}['gone']\n    outcome.x"),
    "wrapper twice": WRAPS.replace("    return", "    yield\n    return"),
}


@pytest.mark.parametrize("kind", FAILING)
def test_a_hook_that_raises_is_named_and_the_others_still_run(tmp_path: Path, kind: str) -> None:
    registry, _ = load_several(tmp_path, bad=FAILING[kind], measures=MEASURES)
    with pytest.warns(UserWarning, match="plugin 'bad' failed in harness_group_measures"):
        found = registry.notify("harness_group_measures", attribute="age", records=[])
    assert {"age": {}} in found
    assert {"more": {}} not in found
    assert registry.notify("harness_group_measures", attribute="age", records=[]) == found
    (note,) = registry.failure_notes  # warned of once, counted each time
    assert note.startswith("plugin 'bad' failed in harness_group_measures: ")
    assert note.endswith("(2 times)")


def test_registering_obeys_order_and_wrappers_too(tmp_path: Path) -> None:
    wrapper = """
from dataclasses import replace
@hookimpl(wrapper=True)
def harness_register_probes():
    found = yield
    return [[replace(spec, description="wrapped") for spec in specs] for specs in found]
"""
    one = GOOD.split("\n", 2)[2]
    registry, _ = load_several(
        tmp_path,
        wraps=wrapper,
        one=one,
        two=one.replace("mine", "other").replace("@hookimpl", "@hookimpl(tryfirst=True)"),
    )
    own = [name for name in registry.probes if name in ("mine", "other")]
    assert own == ["other", "mine"]
    assert registry.probes["mine"].description == "wrapped"


def test_a_command_hook_that_raises_breaks_no_command(tmp_path: Path) -> None:
    bad = "@hookimpl\ndef harness_commands(app):\n    raise RuntimeError('no commands')\n"
    registry, _ = load_several(tmp_path, bad=bad)
    with pytest.warns(UserWarning, match="'bad' failed in harness_commands"):
        registry.notify("harness_commands", app=click.Group())
    registry.strict = True
    with pytest.raises(PluginError, match="no commands"):
        registry.notify("harness_commands", app=click.Group())
