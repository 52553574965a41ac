"""Official definitions give the numbers here that they give in lm-evaluation-harness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval", reason="lm_eval is not installed: pip install 'evalign[lm-eval]'")

from parity.compared import compare
from parity.exact import Exact
from parity.official import CASES, CHAT_CASES, Case
from parity.table import open_theirs
from support.shared_data import SMOLLM2

DOCUMENTS = 3
"""Of each definition, asked of the larger model."""

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
def theirs() -> Callable[[Path, bool], Any]:
    """lm_eval's model of a checkpoint; where texts are scored whole, one that writes no BOS."""
    return cache(lambda checkpoint, rolling: open_theirs(checkpoint, bos=not rolling))


@pytest.fixture(scope="session")
def exact() -> Callable[[Path, bool], Exact]:
    """The same in float64."""
    return cache(lambda checkpoint, rolling: Exact(checkpoint, bos=not rolling))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_is_equal(
    case: Case,
    theirs: Callable[[Path, bool], Any],
    names: Path,
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(names))
    checkpoint = shared / "models/stories260k"
    found = compare(case, tmp_path, checkpoint, theirs(checkpoint, case.rolling))
    assert found.prompts_differ == []
    assert found.texts_differ == []
    assert found.unequal == 0, found.worst
    assert found.metrics
    assert found.worst_metric <= 1e-6, found.metrics


@pytest.mark.skipif(not SMOLLM2.is_dir(), reason=f"no SmolLM2 at {SMOLLM2}")
@pytest.mark.parametrize("case", (*CASES, *CHAT_CASES), ids=lambda case: case.label)
def test_a_real_model_is_equal_but_for_what_float32_leaves_open(
    case: Case,
    theirs: Callable[[Path, bool], Any],
    exact: Callable[[Path, bool], Exact],
    names: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(names))
    some = replace(case, limit=min(case.limit, DOCUMENTS))
    opened = theirs(SMOLLM2, case.rolling), exact(SMOLLM2, case.rolling)
    found = compare(some, tmp_path, SMOLLM2, *opened)
    assert found.prompts_differ == []
    assert found.texts_differ == []
    assert found.unequal == 0, found.errors
    assert found.metrics
    assert found.worst_metric <= found.tolerance, found.metrics


def test_of_rolling_texts_lm_eval_scores_a_second_bos(
    theirs: Callable[[Path, bool], Any],
    names: Path,
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(names))
    (case,) = (each for each in CASES if each.name == "pile_10k")
    checkpoint = shared / "models/stories260k"
    found = compare(case, tmp_path, checkpoint, theirs(checkpoint, False))
    doubled, ours = found.metrics["byte_perplexity,none"]
    assert found.worst > 5
    assert doubled > ours
