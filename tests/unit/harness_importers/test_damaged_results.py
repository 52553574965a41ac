"""Files from outside hold anything: each is read, or refused with words, and never more."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import HarnessError
from support import others_results as others
from support.others_results import read

SCORES = [1.0, 0.0, 1.0]
MAKERS: dict[str, Callable[[Path], Path]] = {
    "lm_eval": lambda folder: others.lm_eval(folder, SCORES),
    "inspect": lambda folder: others.write(
        folder / "log.json", others.inspect_log({1: ["C", "I"], 2: ["I", "C"]}, reductions={1: 0.5})
    ),
    "helm": lambda folder: others.helm(folder, {"a": [1.0], "b": [0.0]}),
    "every_eval_ever": lambda folder: others.every_eval_ever(folder, SCORES),
    "promptfoo": lambda folder: others.promptfoo(folder / "out.json", {"a": [True, None, False]}),
    "deepeval": lambda folder: others.deepeval(folder / "run.json", [0.5, None]),
}
ODD = st.sampled_from(
    [None, True, -1, 0, 2**70, 0.5, float("nan"), float("inf"), "", "x", "N/A", "../x", "a\nb",
     [], [None], {}, {"x": []}, [[1]], {"name": 3}]
)  # fmt: skip


def places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON document."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*here, key)
            yield from places(each, (*here, key))


def changed(document: Any, place: tuple[Any, ...], odd: Any, drop: bool) -> Any:
    """The document with another value there, or none."""
    document = copy.deepcopy(document)
    holder = document
    for key in place[:-1]:
        holder = holder[key]
    if drop:
        del holder[place[-1]]
    else:
        holder[place[-1]] = odd
    return document


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), odd=ODD, drop=st.booleans())
def test_one_odd_value_anywhere(
    tmp_path_factory: pytest.TempPathFactory, name: str, seed: int, odd: Any, drop: bool
) -> None:
    folder = tmp_path_factory.mktemp(name)
    source = MAKERS[name](folder)
    rng = random.Random(seed)
    path = rng.choice(sorted(each for each in folder.rglob("*.json*") if each.is_file()))
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        place = rng.choice([*places(rows)])
        others.write(path, changed(rows, place, odd, drop))
    else:
        document = json.loads(path.read_text())
        place = rng.choice([*places(document)])
        others.write(path, changed(document, place, odd, drop))
    try:
        found = read(source)
    except HarnessError as error:
        assert "raised" not in str(error).lower(), error  # a plugin's own fault
        assert "Error:" not in error.message, error
        return
    for task in found.result.tasks.values():
        assert "/" not in task.name
        for metric in task.metrics.values():
            estimate = metric.estimate
            if metric.kind == "mean":
                values = [each.scores.get(key) for each in found.records[task.name]
                          for key, result in task.metrics.items() if result is metric]  # fmt: skip
                assert estimate.n == sum(isinstance(each, float) for each in values) > 0
