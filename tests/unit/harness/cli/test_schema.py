"""The JSON Schema of harness.toml: valid, true to what the reader takes, and told of plugins."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness import cli, plugins
from harness.cli import schema


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return schema.document(plugins.load())


def problems(document: dict[str, Any], text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(document)
    return [error.message for error in validator.iter_errors(tomllib.loads(text))]


def test_it_is_a_schema(document: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(document)


def test_the_command_prints_it(
    capsys: pytest.CaptureFixture[str], document: dict[str, Any]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["ls", "--schema"])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(document))


def test_the_file_that_init_writes_fits(document: dict[str, Any]) -> None:
    template = Path(cli.__file__).parent / "templates" / "harness.toml"
    assert problems(document, template.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "[run]\nmodel = 'm'\ntasks = ['squad', 'bias']\nlimit = 5",
        "[tasks.squad]\nnum_fewshot = 2\ntemplates = { mine = '{{ question }}' }",
        "[tasks.my_own]\nkind = 'generation'\ntemplate = '{{ question }}'",
        "[probes.typos]\nstrength = '0.1,0.2'",
        "[align]\nmethod = 'dpo'\nsteps = 5\nstop_tasks = 'sst2,squad'\nwarmup_ratio = 0.1",
        "[align]\nmethod = 'dpo'\n[align.search]\ntrials = 2",
        "[prices.m]\nprompt = 1\ncompletion = 2.5",
    ],
)
def test_what_the_reader_takes_fits(document: dict[str, Any], text: str, tmp_path: Path) -> None:
    from harness.config import read_config

    file = tmp_path / "harness.toml"
    file.write_text(text)
    read_config(file)
    assert problems(document, text) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[run]\nmodle = 'm'", "modle"),
        ("[run]\nlimit = 'all'", "'all'"),
        ("[tasks.squad]\nnum_fewshots = 2", "num_fewshots"),
        ("[probes.typos]\nstrenght = 0.1", "strenght"),
        ("[align]\nsteps = 'many'", "'many'"),
        ("[align]\nadapter = 'lorra'", "'lorra'"),
        ("[prices.m]\nprompt = 1", "'prompt': 1"),
        ("[elsewhere]\nx = 1", "elsewhere"),
    ],
)
def test_what_the_reader_refuses_does_not_fit(
    document: dict[str, Any], text: str, says: str
) -> None:
    assert any(says in problem for problem in problems(document, text))


def test_options_of_another_party_are_in_it(root: Path) -> None:
    example = root / "examples" / "harness-nudge" / "harness_nudge.py"
    document = schema.document(plugins.load([example]))
    assert "nudge" in document["properties"]["align"]["properties"]["method"]["examples"]
