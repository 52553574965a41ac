"""Definitions and rows that cannot be used: each is refused in words, before a model is asked."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval", reason="lm_eval is not installed: pip install 'evalign[lm-eval]'")

from harness import evaluate, load_plugins, read_samples
from harness.errors import DataError, UnknownNameError, UsageError
from support import lm_eval_definitions as small
from support.lm_eval_definitions import run as ours


def test_an_unknown_name_lists_the_nearest(definitions: Path) -> None:
    with pytest.raises(UnknownNameError, match="capitols") as caught:
        load_plugins().select_tasks(["lm_eval:capitols"])
    assert "Did you mean capitals" in str(caught.value)


@pytest.mark.parametrize("member", ["wordz", {"task": "wordz", "num_fewshot": 2}])
def test_a_member_that_does_not_exist_is_named_with_its_group(
    member: object, definitions: Path
) -> None:
    small.write(definitions, ({"group": "trip", "task": ["capitals", member]},))
    with pytest.raises(UnknownNameError, match="member of the group trip 'wordz'") as caught:
        load_plugins().select_tasks(["lm_eval:trip"])
    assert "Did you mean words" in str(caught.value)
    assert "trip.yaml" in str(caught.value)


def test_columns_that_do_not_fit_are_named(definitions: Path, tmp_path: Path) -> None:
    data = small.write_rows(tmp_path / "other.jsonl", [{"land": "Peru", "town": "Lima"}])
    with pytest.raises(DataError, match="do not fit the definition of lm_eval:words") as caught:
        ours("words", data, tmp_path / "run")
    assert "--set lm_eval:words.columns" in str(caught.value)
    result = ours("words", data, tmp_path / "run", columns="country:land,capital:town")
    assert result.n == 1


def test_rows_without_an_answer_are_refused(definitions: Path, tmp_path: Path) -> None:
    hidden = [{**row, "label": -1} for row in small.rows()]
    data = small.write_rows(tmp_path / "hidden.jsonl", hidden)
    with pytest.raises(DataError, match="none of its 8 documents has an answer"):
        ours("capitals", data, tmp_path / "run")


def test_examples_of_a_part_that_is_not_there_are_refused(
    definitions: Path, rows: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="2 solved examples of its part 'train'") as caught:
        ours("capitals", rows, tmp_path / "run", num_fewshot="2")
    assert "lm_eval:capitals.shots=FILE" in str(caught.value)


def test_without_a_hub_the_way_out_is_named(definitions: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="someone/capitals cannot be loaded") as caught:
        evaluate("demo", ["lm_eval:capitals"], formats=(), out=tmp_path / "run")
    assert "--data lm_eval:capitals=FILE" in str(caught.value)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"unsafe_code": True}, "runs the code that the model writes"),
        ({"doc_to_image": "image"}, "shows images"),
        ({"metric_list": [{"metric": "bertscore"}]}, "loads from the hub"),
    ],
)
def test_what_runs_code_or_needs_more_is_refused_before_anything_runs(
    table: dict[str, Any], words: str, definitions: Path, rows: Path, tmp_path: Path
) -> None:
    small.write(definitions, ({**small.WORDS, "task": "risky", **table},))
    with pytest.raises(UsageError, match=words):
        ours("risky", rows, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_generation_that_the_backends_do_not_do_is_named(
    definitions: Path, rows: Path, tmp_path: Path
) -> None:
    kwargs = {"until": ["."], "num_beams": 4}
    small.write(definitions, ({**small.WORDS, "task": "beams", "generation_kwargs": kwargs},))
    with pytest.raises(UsageError, match="num_beams=4") as caught:
        ours("beams", rows, tmp_path / "run")
    assert "gen_kwargs=num_beams=null" in str(caught.value)
    assert ours("beams", rows, tmp_path / "run", gen_kwargs="num_beams=null").n == 8


def test_code_in_an_own_folder_is_asked_about(
    definitions: Path, rows: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    text = json.dumps({**small.WORDS, "task": "coded"}, indent=1)
    small.write(own, ())
    own.joinpath("code.py").write_text(
        "def text(doc):\n    return doc['country'].upper() + ' has the capital'\n"
    )
    coded = text.replace('"{{country}} has the capital"', "!function code.text")
    own.joinpath("coded.yaml").write_text(coded)
    registry = load_plugins()
    with pytest.raises(UsageError, match=r"runs Python code: .*code\.py"):
        registry.select_tasks(["lm_eval:coded"], {"lm_eval": {"include": str(own)}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluate(
            "demo", ["lm_eval:coded"], {"lm_eval:coded": rows}, formats=(), out=tmp_path / "run",
            task_settings={"lm_eval": {"include": str(own), "allow_code": "true"}},
        )  # fmt: skip
    record = next(read_samples(tmp_path / "run", "lm_eval:coded"))
    assert record.requests[0].prompt == "FRANCE has the capital"


def test_templates_run_in_a_sandbox(definitions: Path, rows: Path, tmp_path: Path) -> None:
    escape = "{{ country.__class__.__mro__ }}"
    small.write(definitions, ({**small.WORDS, "task": "escaping", "doc_to_text": escape},))
    with pytest.raises(DataError, match="SecurityError"):
        ours("escaping", rows, tmp_path / "run")
