"""Several answers to each sample: seeds, keys, error bars, comparisons and gates."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import api
from harness.authoring.metrics import Corpus, Mean
from harness.config import RunSpec
from harness.errors import UsageError
from harness.protocols import BackendSpec, TaskSpec
from harness.results import runfolder
from harness.results.baseline import load_run
from harness.run import runner
from harness.stats import estimates
from harness.testing import FakeBackend
from harness.types import Completion, Failed, Response, RunResult
from support.echo import Echo

K = 5


def chance(text: str) -> float:
    """How often a sample is answered rightly: some always, some never, most now and then."""
    return {0: 0.0, 1: 1.0}.get(int(text.split()[1]) % 4, 0.6)


def drawing(request: Any) -> Response:
    """Right by the chance of the sample, drawn with the request's seed."""
    text = request.prompt.rsplit("say ", 1)[1]
    drawn = random.Random(f"{text} {request.sampling.seed}").random()
    return Completion(text if drawn < chance(text) else f"wrong {int(drawn * 3)}")


@pytest.fixture
def model(registry) -> FakeBackend:
    fake = FakeBackend(drawing)
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: fake)
    return fake


def run(registry, path: Path, out: Path, **settings: Any) -> RunResult:
    return runner.run(
        RunSpec("fake:", ("echo",), {"echo": str(path)}, out=out, **settings), registry
    ).result


def test_each_repeat_has_a_seed_and_an_answer_of_its_own(
    registry, model, echo_rows, tmp_path
) -> None:
    once = run(registry, echo_rows, tmp_path / "once")
    again = run(registry, echo_rows, tmp_path / "again", repeats=K, temperature=0.0)
    assert len(model.asked) == 12 * K
    seeds = [each.request.sampling.seed for each in model.asked if "text 3" in str(each.request)]
    assert sorted(seeds) == list(range(K))
    assert again.usage.cached == 12
    assert again.tasks["echo"].n == once.tasks["echo"].n == 12
    assert (again.tasks["echo"].repeats, once.tasks["echo"].repeats) == (K, 1)
    first = [
        line
        for line in (tmp_path / "again/samples/echo.jsonl").read_text("utf-8").splitlines()
        if "repeat" not in json.loads(line)
    ]
    assert first == (tmp_path / "once/samples/echo.jsonl").read_text("utf-8").splitlines()
    records = list(runfolder.read_samples(tmp_path / "again", "echo"))
    assert [each.repeat for each in records[:K]] == list(range(K))
    assert runfolder.read_result(tmp_path / "again") == again
    assert "likeliest, not drawn" in " ".join(again.tasks["echo"].notes)


def test_another_seed_draws_other_answers(registry, model, echo_rows, tmp_path) -> None:
    run(registry, echo_rows, tmp_path / "first", repeats=2, temperature=0.7)
    assert len(model.asked) == 24
    other = run(registry, echo_rows, tmp_path / "other", repeats=2, temperature=0.7, seed=5)
    assert (len(model.asked), other.usage.cached) == (48, 0)
    same = run(registry, echo_rows, tmp_path / "same", repeats=2, temperature=0.7, seed=5)
    assert (len(model.asked), same.usage.cached) == (48, 24)


def values(folder: Path) -> np.ndarray:
    records = list(runfolder.read_samples(folder, "echo"))
    return np.array([each.scores["match"] for each in records]).reshape(-1, K)


def test_error_bars_cluster_by_sample(registry, model, echo_rows, tmp_path) -> None:
    result = run(registry, echo_rows, tmp_path / "o", repeats=K, temperature=0.7)
    found = values(tmp_path / "o")
    match = result.tasks["echo"].metrics["match"].estimate
    assert match == estimates.mean(found.mean(axis=1), [None] * 12)
    assert match.stderr == pytest.approx(found.mean(axis=1).std(ddof=1) / math.sqrt(12))
    reduced = result.tasks["echo"].reduced["match"]
    assert reduced["at_least_one"].value == pytest.approx((found.max(axis=1)).mean())
    assert reduced[f"pass^{K}"].value == pytest.approx((found.min(axis=1)).mean())
    assert 0 <= reduced["majority"].value <= 1
    within = math.sqrt(found.var(axis=1, ddof=1).mean())
    assert reduced["spread_within"].value == pytest.approx(within)
    between = found.mean(axis=1).var(ddof=1) - within**2 / K
    assert reduced["spread_between"].value == pytest.approx(math.sqrt(between))
    assert reduced["spread_within"].low <= within <= reduced["spread_within"].high
    assert "match over 5 answers to each sample: at least one" in " ".join(
        result.tasks["echo"].notes
    )


def test_reducers_are_chosen_and_checked(registry, model, echo_rows, tmp_path) -> None:
    chosen = run(registry, echo_rows, tmp_path / "o", repeats=K, reducers="pass@1,pass@3,mean")
    reduced = chosen.tasks["echo"].reduced["match"]
    assert list(reduced) == ["pass@1", "pass@3", "mean", "spread_within", "spread_between"]
    match = chosen.tasks["echo"].metrics["match"].estimate.value
    assert reduced["pass@1"].value == pytest.approx(match)
    assert reduced["mean"].value == pytest.approx(match)
    for names, message in (
        ("pass@9", "takes 9 answers to each sample, and there are 5"),
        ("pass@0", "no reducer 'pass@0'"),
        ("pass@x", "no reducer"),
        ("best", "no reducer 'best'"),
    ):
        with pytest.raises(UsageError, match=message):
            RunSpec("m", ("t",), repeats=K, reducers=(names,))
    for settings in ({"repeats": 0}, {"temperature": -1.0}, {"temperature": math.nan}):
        with pytest.raises(UsageError):
            RunSpec("m", ("t",), **settings)


def test_majorities_go_by_the_answer(registry, tmp_path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "yes"}\n', "utf-8")
    said = ["yes", " Yes\n", "no", "yes", "perhaps"]

    def answer(request: Any) -> Completion:
        return Completion(said[request.sampling.seed])

    registry.backends["fake"] = BackendSpec("fake", "", lambda options: FakeBackend(answer))
    result = run(registry, path, tmp_path / "o", repeats=K)
    # Two of the three that are equal but for case are right.
    assert result.tasks["echo"].reduced["match"]["majority"].value == pytest.approx(2 / 3)


def test_failures_count_a_sample_once(registry, echo_rows, tmp_path) -> None:
    def answer(request: Any) -> Response:
        if "text 3" in request.prompt and request.sampling.seed < 2:
            return Failed("refused")
        return Failed("gone") if "text 4" in request.prompt else drawing(request)

    registry.backends["fake"] = BackendSpec("fake", "", lambda options: FakeBackend(answer))
    task = run(registry, echo_rows, tmp_path / "o", repeats=K).tasks["echo"]
    assert (task.n, task.errors, task.metrics["match"].estimate.n) == (12, 2, 11)
    sample = load_run(tmp_path / "o").samples["echo"]["4"]
    assert sample.error == "refused"
    assert sample.scores["match"] == pytest.approx(values3(tmp_path))


def values3(tmp_path: Path) -> float:
    records = runfolder.read_samples(tmp_path / "o", "echo")
    found = [each.scores["match"] for each in records if each.sample.id == "4" and each.repeat > 1]
    return float(np.mean(found))  # type: ignore[arg-type]


class Pooled(Echo):
    """A ratio of sums beside the mean."""

    metrics = (Mean("match"), Corpus("ratio", lambda sums: sums[:, 0] / sums[:, 1]))

    def score(self, sample, responses):
        found = dict(super().score(sample, responses))
        return {**found, "ratio": (found["match"], float(len(sample.input)))}


def test_comparisons_treat_samples_as_clusters(registry, model, echo_rows, tmp_path) -> None:
    registry.tasks["echo"] = TaskSpec("echo", "", Pooled)
    for name, fingerprint in (("a", "a"), ("b", "b")):
        model.fingerprint = fingerprint
        run(registry, echo_rows, tmp_path / name, repeats=K, seed=0)
    same = api.compare(tmp_path / "a", tmp_path / "b", registry=registry).tasks[0]
    of = {each.metric: each for each in same.metrics}
    assert of["match"].difference.value == 0.0
    assert of["match"].difference.n == 12
    assert of["ratio"].difference.n in (12, 12 * K)
    loaded = load_run(tmp_path / "a").samples["echo"]
    assert len(loaded) == 12 * K
    assert {each.cluster for each in loaded.values()} == {str(n) for n in range(1, 13)}
    assert loaded["3"].scores["match"] == pytest.approx(values(tmp_path / "a")[2].mean())
    assert "match" not in loaded["3#1"].scores

    run(registry, echo_rows, tmp_path / "once")
    fewer = api.compare(tmp_path / "once", tmp_path / "a", registry=registry).tasks[0]
    assert {each.metric: each.difference.n for each in fewer.metrics}["match"] == 12


@pytest.mark.parametrize("mode", ["fixed", "sequential"])
def test_gates_see_one_value_a_sample(registry, model, tmp_path, mode) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": f"text {n}"}) + "\n" for n in range(60)), "utf-8")
    run(registry, path, tmp_path / "baseline", repeats=K)
    rule = {"metric": "echo.match", "max_drop": 0.1}
    gate = {"baseline": str(tmp_path / "baseline"), "mode": mode, "rule": [rule]}
    same = runner.run(
        RunSpec("fake:", ("echo",), {"echo": str(path)}, repeats=K, gate=gate, out=tmp_path / "s"),
        registry,
    )
    assert same.result.gate is not None
    assert same.result.gate.verdict == "pass"
    assert same.result.gate.samples_used["echo"] <= 60
    worse = FakeBackend(lambda request: Completion("no"))
    worse.fingerprint = "worse"
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: worse)
    found = runner.run(
        RunSpec("fake:", ("echo",), {"echo": str(path)}, repeats=K, gate=gate, out=tmp_path / "w"),
        registry,
    )
    assert found.result.gate is not None
    assert found.result.gate.verdict == "block"


def test_what_cannot_be_drawn_is_asked_once(registry, backend, tmp_path) -> None:
    from harness.types import Loglikelihood, Logprob

    class Scored(Echo):
        def requests(self, sample, shots):
            return [Loglikelihood(sample.input, " x")]

        def score(self, sample, responses):
            return {"match": 1.0}

    registry.tasks["echo"] = TaskSpec("echo", "", Scored)
    fake = FakeBackend(lambda _: Logprob(-1.0, 1, True))
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: fake)
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "yes"}\n{"text": "no"}\n', "utf-8")
    result = run(registry, path, tmp_path / "o", repeats=K)
    assert len(fake.asked) == 2
    assert result.tasks["echo"].reduced == {}
    assert result.tasks["echo"].notes[0].startswith("2 of 2 samples have nothing to be drawn")


def test_saved_outputs_hold_several_answers(registry, tmp_path) -> None:
    from harness_backends.replay import open_replay

    registry.backends["fake"] = BackendSpec("fake", "", open_replay, by_sample=True)
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "yes"}\n{"text": "no"}\n', "utf-8")
    saved = tmp_path / "saved.json"
    saved.write_text(json.dumps({"1": ["yes", "no", "yes"], "2": ["yes", "yes", "no"]}), "utf-8")
    spec = RunSpec(f"fake:{saved}", ("echo",), {"echo": str(rows)}, repeats=3, reducers=("pass@2",))
    result = runner.run(spec, registry).result.tasks["echo"]
    assert result.metrics["match"].estimate.value == pytest.approx(0.5)
    assert result.reduced["match"]["pass@2"].value == pytest.approx((1 + 2 / 3) / 2)
    with pytest.raises(Exception, match="3 texts for sample '1'"):
        runner.run(RunSpec(f"fake:{saved}", ("echo",), {"echo": str(rows)}, repeats=2), registry)
