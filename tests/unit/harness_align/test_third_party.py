"""A third party's aligner goes every road that ours go: the example's, on a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import cli, plugins
from harness.errors import ConfigError, UnknownNameError
from harness.testing import check_aligner
from harness_align import api, job

pytestmark = pytest.mark.filterwarnings("ignore")  # the training libraries' own


@pytest.fixture
def example(root: Path) -> Path:
    return root / "examples" / "harness-nudge" / "harness_nudge.py"


@pytest.fixture
def rows(jsonl) -> Path:
    return jsonl(
        [
            {"prompt": f"the {who} {n} said", "chosen": " yes she was", "rejected": " no he was"}
            for who in ("nurse", "doctor")
            for n in range(12)
        ]
    )


def align(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(["align", *map(str, arguments)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_it_keeps_the_contract(example, tiny_model, jsonl, tmp_path) -> None:
    data = jsonl([{"prompt": f"the nurse {n} said", "completion": " yes"} for n in range(4)])
    spec = plugins.load([example]).aligners["nudge"]
    check_aligner(spec, tiny_model, data, tmp_path / "out", {"steps": "3"})


def test_the_command_trains_with_its_options_and_shows_its_progress(
    example, tiny_model, rows, tmp_path, capsys
) -> None:
    out = tmp_path / "out"
    given = ("--method", "nudge", "--model", tiny_model, "--data", rows, "--out", out)
    steps = ("--set", "steps=6", "--set", "max_new_tokens=4", "--samples", 2)
    # Pairs become answers: those are what it trains on.
    refused = align("--plugin", example, *given, *steps)
    assert refused == 2  # max_new_tokens is none of its settings
    assert "max_new_tokens" in capsys.readouterr().err
    steps = ("--set", "steps=6", "--set", "learning_rate=0.05", "--samples", 2)
    assert align("--plugin", example, *given, *steps) in (0, 1, 4)
    told = capsys.readouterr()
    assert "Nudge: 6 steps" in told.err
    content = json.loads((out / "align.json").read_text())
    assert content["settings"]["steps"] == 6
    assert [each["step"] for each in content["curves"]["training"]] == list(range(1, 7))
    assert json.loads((out / "data" / "train.jsonl").read_text().splitlines()[0]).keys() == {
        "prompt",
        "completion",
    }
    before = (out / "train" / "model" / "model.safetensors").stat().st_mtime_ns
    assert align("--plugin", example, *given, *steps, "--resume", "--quiet") in (0, 1, 4)
    assert capsys.readouterr().err == ""
    assert (out / "train" / "model" / "model.safetensors").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("table", "error", "says"),
    [
        ("stepz = 3", UnknownNameError, "steps"),
        ("steps = 0", ConfigError, "steps is 0, expected a whole number of at least 1"),
        ("learning_rate = 'fast'", ConfigError, "expected a number above 0"),
        ("beta = 0.1", UnknownNameError, "beta"),
    ],
)
def test_its_settings_are_read_as_it_declares_them(example, tmp_path, table, error, says) -> None:
    file = tmp_path / "harness.toml"
    file.write_text(f"[align]\nmethod = 'nudge'\nmodel = 'm'\ndata = 'd'\n{table}\n")
    with pytest.raises(error, match=says):
        job.make_job(file, {}, plugins.load([example]))


def test_a_search_tries_its_settings(example, tiny_model, rows, tmp_path) -> None:
    parameters = {
        "learning_rate": {"low": 1e-3, "high": 0.1, "log": True},
        "steps": {"choices": [4]},
    }
    result = api.align(
        "nudge",
        tiny_model,
        rows,
        tmp_path / "out",
        plugin_files=[example],
        development=0.3,
        samples=2,
        search={"trials": 2, "parameters": parameters},
    )
    assert result.search is not None
    assert len(result.search.trials) == 2
    assert result.job.settings == dict(result.search.best)
    assert len(result.curves["training"]) == 4


def test_a_search_of_a_setting_it_lacks_is_refused(example, tiny_model, rows, tmp_path) -> None:
    search = {"parameters": {"lora_rank": {"low": 1, "high": 4}}}
    with pytest.raises(UnknownNameError, match="lora_rank"):
        api.align("nudge", tiny_model, rows, tmp_path, plugin_files=[example], search=search)


OLD = """
import shutil
from pathlib import Path
from harness import hookimpl
from harness.protocols import AlignerSpec

class Copies:
    def train(self, spec, data, out):
        assert spec["steps"] == 2, spec
        return Path(shutil.copytree(spec["model"], out / "model"))

@hookimpl
def harness_register_aligners():
    return [AlignerSpec("copies", "copies the base", Copies)]
"""


def test_an_aligner_that_declares_nothing_takes_the_usual_settings(
    tiny_model, rows, tmp_path
) -> None:
    plugin = tmp_path / "copies_plugin.py"
    plugin.write_text(OLD)
    result = api.align(
        "copies",
        tiny_model,
        rows,
        tmp_path / "out",
        plugin_files=[plugin],
        settings={"steps": "2"},
        samples=2,
        development=0.3,
    )
    assert result.verdict.verdict != "pass"  # it is the base
