"""``harness ls NAME`` shows all about whatever a plugin offers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness import plugins
from harness.authoring import option_models
from harness.cli import app, ls
from harness.errors import UnknownNameError
from harness.plugins import Registry

TABLES = (
    *("tasks", "task_sources", "backends", "probes", "aligners"),
    *("reporters", "executors", "importers", "exporters", "metrics"),
)


@pytest.fixture(scope="module")
def loaded() -> Registry:
    return plugins.load()


def listed(name: str, registry: Registry, capsys: pytest.CaptureFixture[str]) -> str:
    app.main(["ls", name], "harness", standalone_mode=False, obj={"registry": registry})
    return capsys.readouterr().out


@pytest.mark.parametrize("table", TABLES)
def test_everything_registered_is_shown_with_its_options(
    table: str, loaded: Registry, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    specs = getattr(loaded, table)
    assert specs
    for name, spec in specs.items():
        shown = listed(name, loaded, capsys)
        assert name in shown
        assert spec.description.split()[0] in shown
        for option in option_models.listed(getattr(spec, "options", None) or {}):
            assert option.name in shown


def test_a_method_shows_its_own_settings(loaded, capsys) -> None:
    shown = listed("dpo", loaded, capsys)
    assert "label_smoothing" in shown
    assert "slic_delta" not in shown
    assert "slic_delta" in listed("slic", loaded, capsys)


def test_suites_and_plugins_are_shown(loaded, capsys) -> None:
    for suite in (*plugins.suites(loaded.tasks), *plugins.suites(loaded.probes)):
        assert "suite" in listed(suite, loaded, capsys)
    for plugin in loaded.plugins:
        assert listed(plugin.name, loaded, capsys)
    assert "register_backends" in listed("backends", loaded, capsys)


def test_an_unknown_name_is_told_with_the_nearest(loaded, capsys) -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean .*squad"):
        listed("sqaud", loaded, capsys)


def test_json_names_all_that_is_registered(
    loaded: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    def shown(*words: str) -> dict[str, dict[str, Any]]:
        app.main(["ls", *words], "harness", standalone_mode=False, obj={"registry": loaded})
        found: dict[str, dict[str, Any]] = json.loads(capsys.readouterr().out)
        return found

    everything = shown("--json")
    assert [set(specs) for specs in everything.values()] == [
        set(specs) for _, _, specs in ls._kinds(loaded)
    ]
    assert set(everything["tasks"]["squad"]["templates"]) == set(loaded.tasks["squad"].templates)
    assert shown("paraphrase", "--json") == {
        kind: {"paraphrase": everything[kind]["paraphrase"]} for kind in ("tasks", "probes")
    }
    with pytest.raises(UnknownNameError):
        shown("squat", "--json")


def test_no_value_is_cut_on_a_screen_of_80_columns(
    loaded: Registry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = listed("squad", loaded, capsys)
    assert "…" not in shown
    assert str(loaded.tasks["squad"].sample_data) in "".join(shown.split())
    assert "rajpurkar/squad [validation]" in shown
