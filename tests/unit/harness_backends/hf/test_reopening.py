"""A model that is known is opened when it is asked, and never where it may be another."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ModelError
from harness.protocols import BackendOptions
from harness.types import Generate, Loglikelihood, Message, Sampling
from harness_backends import demo
from harness_backends.hf import open_hf, opening

Folders = Callable[[str], Path]
ASKED = Loglikelihood("the sea", " shore")


@pytest.fixture
def folder(checkpoint_folder: Folders, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(checkpoint_folder("llama"), tmp_path / "checkpoint"))


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was loaded, in order."""
    found: list[str] = []
    load = opening.open_checkpoint

    def note(options: BackendOptions, *rest: Any) -> Any:
        found.append(options.model)
        return load(options, *rest)

    monkeypatch.setattr(opening, "open_checkpoint", note)
    return found


def open_folder(folder: Path, **options: Any) -> Any:
    return open_hf(BackendOptions(str(folder), **options))


def test_the_second_opening_loads_when_it_is_asked(
    folder: Path, loads: list[str], answers: Callable[..., list[Any]]
) -> None:
    first = open_folder(folder)
    expected = answers(first, [ASKED])
    described = dict(open_folder(folder).describe())
    second = open_folder(folder)
    assert len(loads) == 1
    assert (second.fingerprint, second.supports) == (first.fingerprint, first.supports)
    assert second.usage.computed_tokens == second.doubts == 0
    assert second.describe() == described == {**first.describe(), "engine_notes": []}
    assert answers(second, [ASKED]) == expected
    assert len(loads) == 2
    assert second.usage == first.usage
    second.close()


@pytest.mark.parametrize(
    "options", [{"dtype": "bfloat16"}, {"batch_size": 3}, {"values": {"max_length": "50"}}]
)
def test_other_options_are_another_opening(
    options: dict[str, Any], folder: Path, loads: list[str]
) -> None:
    open_folder(folder)
    open_folder(folder, **options)
    assert len(loads) == 2


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_other_files_are_another_model(name: str, folder: Path, loads: list[str]) -> None:
    first = open_folder(folder)
    path = folder / name
    if path.suffix == ".json":
        path.write_text(path.read_text() + "\n")
    else:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    assert open_folder(folder).fingerprint != first.fingerprint
    assert len(loads) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", '{"fingerprint": 3}', "null"])
def test_a_damaged_note_is_none(
    content: str, folder: Path, loads: list[str], own_cache: Path
) -> None:
    open_folder(folder)
    (note,) = (own_cache / "opened").iterdir()
    assert note.stat().st_mode & 0o777 == 0o600
    note.write_text(content)
    assert open_folder(folder).supports
    assert len(loads) == 2


def test_a_model_that_turns_out_another_is_refused_once(
    folder: Path, own_cache: Path, answers: Callable[..., list[Any]]
) -> None:
    open_folder(folder)
    (note,) = (own_cache / "opened").iterdir()
    note.write_text(json.dumps(json.loads(note.read_text()) | {"fingerprint": "another"}))
    with pytest.raises(ModelError, match="is read in another way") as raised:
        answers(open_folder(folder), [ASKED])
    assert "Give the command again" in str(raised.value)
    assert answers(open_folder(folder), [ASKED])


def test_what_was_checked_is_not_checked_again(folder: Path, loads: list[str]) -> None:
    turns = Generate((Message("user", "the sea"),), Sampling(max_tokens=4))
    open_folder(folder).check([ASKED])
    known = open_folder(folder)
    known.check([ASKED])
    assert len(loads) == 1
    with pytest.raises(ModelError, match="need a chat template"):
        known.check([ASKED, turns])
    assert len(loads) == 2
    with pytest.raises(ModelError, match="need a chat template"):
        open_folder(folder).check([ASKED, turns])


def test_what_cannot_be_opened_is_not_known(folder: Path, loads: list[str]) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    for _ in range(2):
        with pytest.raises(ModelError, match="cut off"):
            open_folder(folder)
    assert len(loads) == 2


def test_a_cache_that_cannot_be_written(
    folder: Path, loads: list[str], own_cache: Path, answers: Callable[..., list[Any]]
) -> None:
    (own_cache / "opened").write_text("in the way")
    for _ in range(2):
        assert answers(open_folder(folder), [ASKED])
    assert len(loads) == 2


@pytest.mark.slow
def test_a_run_whose_answers_are_stored_imports_no_torch(own_cache: Path, tmp_path: Path) -> None:
    script = (
        "import sys\nfrom harness.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules, file=sys.stderr)\n"
    )
    model = str(demo.weights_folder())
    said, results = [], []
    for name in ("first", "second"):
        words = ["run", "--model", model, "--tasks", "sst2,bbq", "--data", "sample"]
        words += ["--limit", "20", "--quiet", "--out", str(tmp_path / name)]
        done = subprocess.run(
            [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True
        )
        said.append(done.stderr.splitlines()[-1])
        result = json.loads((tmp_path / name / "results.json").read_text())
        results.append((result["tasks"], result["model"]))
    assert said == ["True True", "False False"]
    assert results[0] == results[1]
