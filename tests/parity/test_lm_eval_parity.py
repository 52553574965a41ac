"""Official definitions give the numbers here that they give in lm-evaluation-harness."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("lm_eval", reason="lm_eval is not installed: pip install 'evalign[lm-eval]'")

from parity.compared import compare
from parity.official import CASES, Case
from parity.table import open_theirs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.filterwarnings("ignore"),  # lm_eval's and its libraries' own
]


@pytest.fixture(scope="session")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all: the names of 14,000 definitions are read once."""
    return tmp_path_factory.mktemp("names")


@pytest.fixture(scope="session")
def models(shared: Path) -> dict[bool, object]:
    """lm_eval's model as it is, and one that writes no BOS."""
    return {rolling: open_theirs(shared / "models/stories260k", bos=not rolling)
            for rolling in (False, True)}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_is_equal(
    case: Case,
    models: dict[bool, object],
    names: Path,
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(names))
    found = compare(case, tmp_path, shared / "models/stories260k", models[case.rolling])
    assert found.prompts_differ == []
    assert found.texts_differ == []
    assert found.unequal == 0, found.worst
    assert found.metrics
    assert found.worst_metric <= 1e-6, found.metrics


def test_of_rolling_texts_lm_eval_scores_a_second_bos(
    models: dict[bool, object],
    names: Path,
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(names))
    (case,) = (each for each in CASES if each.name == "pile_10k")
    found = compare(case, tmp_path, shared / "models/stories260k", models[False])
    theirs, ours = found.metrics["byte_perplexity,none"]
    assert found.worst > 5
    assert theirs > ours
