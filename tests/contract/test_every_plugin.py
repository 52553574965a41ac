"""The kit for plugin authors, applied to every plugin that is registered."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import compare, plugins
from harness.config import RunSpec
from harness.errors import MissingExtraError
from harness.protocols import BackendSpec, ProbeOptions, TaskOptions
from harness.run import runner
from harness.testing import (
    ALL_REQUESTS,
    FakeBackend,
    check_probe,
    check_reporter,
    check_task,
)
from harness.types import ClassProbs, DataSource, Generate, Logprob, Sample

REGISTRY = plugins.load()
WITH_SAMPLES = sorted(name for name, spec in REGISTRY.tasks.items() if spec.sample_data)
TEXTS = [
    Sample(
        "1", "The doctor said that he isn't going to Paris.", ("no",), metadata={"context": "x"}
    ),
    Sample("2", "A", ("a",)),
    Sample("3", "Überraschung! 你好 — 42 %", ("yes",), ("yes", "no")),
]


OWN_RISK = TaskOptions(allow_unsafe_code=True)
"""Where there is no sandbox, what the fake model writes is run with limits alone."""


@pytest.mark.parametrize("name", WITH_SAMPLES)
@pytest.mark.parametrize("supports", [ALL_REQUESTS, frozenset({Generate})], ids=["all", "text"])
def test_tasks(name: str, supports: frozenset[type]) -> None:
    spec = REGISTRY.tasks[name]
    task = spec.open(TaskOptions(supports=supports, allow_unsafe_code=True))
    try:
        requests = [
            request
            for sample in task.samples(_sample(name))
            for request in task.requests(sample, ())
        ]
    except MissingExtraError as error:
        pytest.skip(str(error))
    if not {type(request) for request in requests} <= supports:
        pytest.skip(f"{name} cannot be asked by text alone")
    check_task(task, _sample(name))


def _sample(name: str) -> DataSource:
    path = REGISTRY.tasks[name].sample_data
    assert path is not None
    return DataSource("sample", "sample", (str(path),))


@pytest.mark.parametrize("name", WITH_SAMPLES)
def test_sample_sets_are_of_a_useful_size(name: str) -> None:
    samples = list(REGISTRY.tasks[name].open(OWN_RISK).samples(_sample(name)))
    assert 40 <= len(samples) <= 200


@pytest.mark.parametrize("name", WITH_SAMPLES)
def test_few_shot_samples_are_others(name: str) -> None:
    spec = REGISTRY.tasks[name]
    if spec.sample_shots is None:
        pytest.skip(f"{name} ships no examples")
    task = spec.open(OWN_RISK)
    scored = {(sample.input, str(sample.metadata)) for sample in task.samples(_sample(name))}
    shots = list(task.samples(DataSource("sample", "shots", (str(spec.sample_shots),))))
    assert len(shots) >= 5
    assert not scored & {(shot.input, str(shot.metadata)) for shot in shots}


@pytest.mark.parametrize("name", sorted(REGISTRY.probes))
def test_probes(name: str) -> None:
    check_probe(REGISTRY.probes[name].open(ProbeOptions()), TEXTS)


@pytest.mark.parametrize("name", sorted(REGISTRY.reporters))
def test_reporters(name: str, tmp_path: Path) -> None:
    registry = plugins.load()
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: FakeBackend())
    tasks = tuple(each for each in ("squad", "multiple_choice", "bbq") if each in WITH_SAMPLES)
    spec = RunSpec("fake:", tasks, {"": "sample"}, limit=8, out=tmp_path / "run")
    finished = runner.run(spec, registry)
    comparisons = [compare(finished.folder, finished.folder)]
    check_reporter(registry.reporters[name].open(), finished.result, finished.folder, comparisons)


def test_the_fake_answers_are_valid() -> None:
    from harness.testing import arbitrary_answer
    from harness.types import Classify, Loglikelihood

    probabilities = arbitrary_answer(Classify("x", ("a", "b", "c")))
    assert isinstance(probabilities, ClassProbs)
    assert sum(probabilities.probabilities) == pytest.approx(1)
    answer = arbitrary_answer(Loglikelihood("a", " b"))
    assert isinstance(answer, Logprob)
    assert answer.total < 0
