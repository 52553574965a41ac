"""Reducers of repeats are metrics: compared and gated, sample by sample."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import api
from harness.authoring.io import sandbox
from harness.authoring.measures.repeats import pass_at
from harness.authoring.metrics import Mean
from harness.config import RunSpec
from harness.errors import UnknownNameError
from harness.gating import SequentialGate, evaluate_scores, parse_gate
from harness.protocols import BackendSpec, TaskSpec
from harness.results import runfolder
from harness.results.baseline import ScoredRun, load_run, save_baseline
from harness.results.score_table import ScoredSample
from harness.run import runner
from harness.scoring import repeats
from harness.types import (
    DataSource,
    Estimate,
    GateVerdict,
    MetricResult,
    RunResult,
    TaskResult,
)
from support.echo import Echo

Command = Callable[..., tuple[int, str, str]]
_PATH, _FAULT = sandbox._working_bubblewrap()
isolated = pytest.mark.skipif(_PATH is None, reason=f"no sandbox: {_FAULT}")
N, PROBLEMS = 60, 32
REDUCERS = ("pass@2", "pass^2", "at_least_one", "majority")


class Graded(Echo):
    """Right or wrong, and a share of the answer that is right."""

    metrics = (
        Mean("match", bounds=(0.0, 1.0)),
        Mean("share", bounds=(0.0, 1.0)),
        Mean("words", None),
    )

    def score(self, sample: Any, responses: Any) -> dict[str, Any]:
        found = dict(super().score(sample, responses))
        text = responses[0].text
        return {**found, "share": 1 / (1 + len(text)), "words": float(len(text.split()))}


@pytest.fixture
def replay(registry: Any) -> Any:
    from harness_backends.replay import open_replay

    registry.backends["replay"] = BackendSpec("replay", "", open_replay, by_sample=True)
    registry.tasks["echo"] = TaskSpec("echo", "", Graded)
    return registry


def saved(folder: Path, name: str, right: Sequence[Sequence[int]]) -> Path:
    """Saved answers, 1 for a right one, and the rows that they answer."""
    rows = "".join(json.dumps({"text": f"text {place}"}) + "\n" for place in range(len(right)))
    (folder / "rows.jsonl").write_text(rows, "utf-8")
    texts = {
        str(place + 1): [f"text {place}" if each else f"wrong {number}"
                         for number, each in enumerate(answers)]
        for place, answers in enumerate(right)
    }  # fmt: skip
    path = folder / f"{name}.json"
    path.write_text(json.dumps(texts), "utf-8")
    return path


def run(registry: Any, folder: Path, name: str, right: Any, **settings: Any) -> runner.Run:
    path = saved(folder, name, right)
    settings = {"repeats": len(right[0]), "reducers": REDUCERS, **settings}
    return runner.run(
        RunSpec(f"replay:{path}", ("echo",), {"echo": str(folder / "rows.jsonl")},
                out=folder / name, formats=(), **settings),
        registry,
    )  # fmt: skip


def drawn(seed: int, chance: float, answers: int = 4) -> list[list[int]]:
    """Answers of samples of which some are always right, some never, some now and then."""
    rng = np.random.default_rng(seed)
    chances = np.where(np.arange(N) % 4 == 0, 0.0, chance)
    return [[int(each) for each in rng.random(answers) < p] for p in chances]


def test_each_sample_has_a_value_and_the_mean_is_the_reduced_measure(replay, tmp_path) -> None:
    right = drawn(1, 0.6)
    task = run(replay, tmp_path, "o", right).result.tasks["echo"]
    assert [name for name in task.metrics if "." not in name] == [
        "match", "share", "words", "pass@2", "pass^2", "at_least_one", "majority"
    ]  # fmt: skip
    # What is not 0 or 1 has a majority and no pass@k; what has no direction neither.
    assert [name for name in task.metrics if "." in name] == ["share.majority"]
    loaded = load_run(tmp_path / "o").samples["echo"]
    for place, answers in enumerate(right):
        scores = loaded[str(place + 1)].scores
        assert scores["pass@2"] == pytest.approx(pass_at(4, sum(answers), 2))
        assert scores["at_least_one"] == float(any(answers))
        assert scores["match"] == pytest.approx(sum(answers) / 4)
    for name in REDUCERS:
        of_metric, reduced = task.metrics[name], task.reduced["match"][name]
        assert of_metric.estimate == reduced
        assert of_metric.kind == "mean"
        assert of_metric.higher_is_better is True
    save_baseline(tmp_path / "o", tmp_path / "b.gz")
    assert load_run(tmp_path / "b.gz").samples["echo"] == loaded
    first = list(runfolder.read_samples(tmp_path / "o", "echo"))[:4]
    assert ["pass@2" in each.scores for each in first] == [True, False, False, False]


def test_only_what_the_user_names_is_a_metric(replay, tmp_path) -> None:
    task = run(replay, tmp_path, "o", drawn(1, 0.6), reducers=()).result.tasks["echo"]
    assert list(task.metrics) == ["match", "share", "words"]
    assert "pass^4" in task.reduced["match"]
    once = [[each[0]] for each in drawn(1, 0.6)]
    single = run(replay, tmp_path, "once", once, reducers=("majority",), repeats=1)
    assert list(single.result.tasks["echo"].metrics) == ["match", "share", "words"]


def test_comparisons_are_paired_by_sample(replay, tmp_path) -> None:
    before, after = drawn(1, 0.7), drawn(2, 0.2)
    run(replay, tmp_path, "a", before)
    run(replay, tmp_path, "b", after)
    (task,) = api.compare(tmp_path / "a", tmp_path / "b", registry=replay).tasks
    found = {each.metric: each for each in task.metrics}["pass@2"]
    values = [
        np.array([pass_at(4, sum(each), 2) for each in answers]) for answers in (before, after)
    ]
    difference = values[1] - values[0]
    assert found.difference.value == pytest.approx(difference.mean())
    assert found.difference.n == N
    assert found.difference.low < difference.mean() < found.difference.high < 0
    assert found.changed == int((difference != 0).sum())


def test_what_depends_on_the_number_of_answers_is_not_compared_across_it(replay, tmp_path) -> None:
    run(replay, tmp_path, "a", drawn(1, 0.7, 4))
    run(replay, tmp_path, "b", drawn(1, 0.7, 3))
    (task,) = api.compare(tmp_path / "a", tmp_path / "b", registry=replay).tasks
    assert "majority of 4 answers in the baseline, of 3 in the candidate" in task.skipped.values()
    assert {"at_least_one", "majority", "share.majority"} <= set(task.skipped)
    assert {"pass@2", "pass^2", "match"} <= {each.metric for each in task.metrics}


def test_answers_that_failed_are_never_wrong_ones(replay, tmp_path) -> None:
    path = saved(tmp_path, "o", [[1, 1], [0, 0], [1, 0]])
    texts = json.loads(path.read_text())
    texts["1"] = [texts["1"][0], None]  # an empty answer is unscored by this task
    texts["2"] = [texts["2"][0], None]
    path.write_text(json.dumps(texts))
    found = runner.run(
        RunSpec(f"replay:{path}", ("echo",), {"echo": str(tmp_path / "rows.jsonl")}, repeats=2,
                reducers=("pass@2", "at_least_one"), out=tmp_path / "o"),
        replay,
    ).result.tasks["echo"]  # fmt: skip
    scores = {name: each.scores for name, each in load_run(tmp_path / "o").samples["echo"].items()}
    reason = "1 of 2 answers could be scored: empty answer"
    assert scores["1"]["pass@2"].reason == scores["2"]["pass@2"].reason == reason
    assert scores["1"]["at_least_one"] == 1.0  # whatever the other would have been
    assert scores["2"]["at_least_one"].reason == reason
    assert found.metrics["pass@2"].estimate.n == 1
    assert found.metrics["at_least_one"].estimate.n == 2
    assert found.errors == 2


@pytest.mark.parametrize("mode", ["fixed", "sequential"])
@pytest.mark.parametrize(("chance", "verdict"), [(0.8, "pass"), (0.1, "block")])
def test_gates_judge_them_while_running_and_afterwards(
    replay, tmp_path, mode: str, chance: float, verdict: str
) -> None:
    before = [[1, 1], [1, 0], [1, 1], [0, 1]] * 30
    after = before if verdict == "pass" else [[0, 0], [0, 0], [1, 1], [0, 1]] * 30
    run(replay, tmp_path, "a", before)
    gate = {
        "baseline": str(tmp_path / "a"),
        "mode": mode,
        "rule": [{"metric": "echo.pass@2", "max_drop": 0.1}],
    }
    judged = run(replay, tmp_path, "b", after, gate=gate).result.gate
    assert judged is not None
    assert judged.verdict == verdict, judged.sentence
    again: GateVerdict = api.gate(tmp_path / "b", tmp_path / "a", config=gate, registry=replay)
    assert again.verdict == verdict
    assert again.rules[0].sentence == judged.rules[0].sentence


def test_a_level_and_a_relative_drop_are_rules_too(replay, tmp_path) -> None:
    run(replay, tmp_path, "a", [[1, 1], [1, 0], [0, 1], [0, 0]] * 30)
    run(replay, tmp_path, "b", [[1, 1], [0, 0], [0, 0], [0, 0]] * 30)
    for rule, verdict in (
        ({"min": 0.6}, "pass"),
        ({"min": 0.9}, "block"),
        ({"max": 0.9}, "pass"),
    ):
        for mode in ("fixed", "sequential"):
            gate = {"mode": mode, "rule": [{"metric": "echo.pass@2", **rule}]}
            assert api.gate(tmp_path / "a", config=gate, registry=replay).verdict == verdict
    gate = {"rule": [{"metric": "echo.pass@2", "max_relative_drop": 0.2}]}
    assert api.gate(tmp_path / "b", tmp_path / "a", config=gate, registry=replay).verdict == "block"


def test_a_rule_on_a_reducer_that_the_run_does_not_have_says_how_to_get_it(
    replay, tmp_path
) -> None:
    gate = {"rule": [{"metric": "echo.pass@3", "min": 0.5}]}
    for settings in ({"repeats": 4}, {"repeats": 4, "reducers": ("majority",)}):
        with pytest.raises(UnknownNameError, match="--repeats 3 or more and --reduce pass@3"):
            run(replay, tmp_path, "o", drawn(1, 0.5), gate=gate, **settings)
    assert not (tmp_path / "o").exists()  # before the first answer


# --------------------------------------------------------------------------- error rates


def pairs(seed: int, count: int, answers: int) -> tuple[np.ndarray, np.ndarray]:
    """pass@2 of two runs of one model on 164 samples, ``count`` times."""
    rng = np.random.default_rng(seed)
    chances = rng.beta(0.5, 0.7, (count, 164, 1))
    values = np.array([pass_at(answers, right, 2) for right in range(answers + 1)])
    both = [values[(rng.random((count, 164, answers)) < chances).sum(2)] for _ in range(2)]
    return both[0], both[1]


@pytest.mark.parametrize("answers", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_no_change_is_blocked_at_most_as_often_as_promised(answers: int) -> None:
    count, alpha = 1500, 0.05
    config = parse_gate({"alpha": alpha, "rule": [{"metric": "t.pass@2", "max_drop": 0.0}]})
    before, after = pairs(answers, count, answers)
    blocks = sum(
        evaluate_scores(config, list(old), list(new), None).verdict == "block"
        for old, new in zip(before, after, strict=True)
    )
    assert blocks / count <= alpha + 0.01
    assert blocks / count >= alpha / 3  # a gate that never blocks promises nothing


def known(values: Mapping[str, float]) -> ScoredRun:
    """A run with these scores of pass@2."""
    mean = sum(values.values()) / len(values)
    found = MetricResult(Estimate(mean, 0.1, 0.0, 1.0, len(values), "mean"), kind="mean")
    task = TaskResult("quiz", "1", len(values), 0, DataSource("sample", ""), "", {"pass@2": found})
    samples = {name: ScoredSample(name, {"pass@2": value}) for name, value in values.items()}
    return ScoredRun(RunResult("main", "complete", {}, {"quiz": task}), {"quiz": samples})


def test_no_change_is_blocked_as_rarely_sequentially() -> None:
    count, alpha = 150, 0.05
    table = {"alpha": alpha, "mode": "sequential"}
    config = parse_gate({**table, "rule": [{"metric": "quiz.pass@2", "max_drop": 0.0}]})
    before, after = pairs(9, count, 3)
    ids = [f"s{place}" for place in range(164)]
    blocks = 0
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        baseline = known(dict(zip(ids, map(float, old), strict=True)))
        gate = SequentialGate(config, {"quiz": dict.fromkeys(ids)}, baseline, {}, number)
        values: Mapping[str, float] = dict(zip(ids, map(float, new), strict=True))
        for name in gate.order("quiz"):
            if gate.update("quiz", name, {"pass@2": values[name]}):
                break
        blocks += gate.blocked
    assert blocks / count <= alpha + 0.01 + 2 * math.sqrt(alpha * (1 - alpha) / count)


# --------------------------------------------------------------------------- the command


def problems(folder: Path) -> Path:
    """Small programming problems in HumanEval's form."""
    path = folder / "problems.jsonl"
    rows = [
        {
            "task_id": f"Own/{n}",
            "prompt": f'def add_{n}(number):\n    """Add {n}."""\n',
            "entry_point": f"add_{n}",
            "canonical_solution": f"    return number + {n}\n",
            "test": f"def check(candidate):\n    assert candidate(3) == {3 + n}\n",
        }
        for n in range(PROBLEMS)
    ]
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), "utf-8")
    return path


def programs(folder: Path, name: str, right: Callable[[int, int], bool]) -> str:
    """Two saved programs a problem."""
    path = folder / f"{name}.json"
    texts = {
        f"Own/{n}": [f"    return number + {n if right(n, k) else -1}\n" for k in range(2)]
        for n in range(PROBLEMS)
    }
    path.write_text(json.dumps(texts), "utf-8")
    return f"replay:{path}"


@isolated
def test_pass_at_2_of_programs_is_gated_through_the_command(command: Command, tmp_path) -> None:
    data = f"humaneval={problems(tmp_path)}"
    asked = ("--tasks", "humaneval", "--data", data, "--repeats", 2, "--reduce", "pass@2")
    toml = tmp_path / "harness.toml"
    toml.write_text(
        '[gate]\nbaseline = "main"\n[[gate.rule]]\nmetric = "humaneval.pass@2"\nmax_drop = 0.1\n'
    )
    plain = tmp_path / "plain.toml"
    plain.write_text("")
    good = programs(tmp_path, "good", lambda n, k: n % 4 > 0 and (n + k) % 2 == 0)
    code, out, err = command("run", "--model", good, *asked, "--config", plain, "--out", "main")
    assert code == 0, out + err
    assert "humaneval.pass@2" in out
    # As many right programs, on fewer problems: the mean is the same, and pass@2 is not.
    worse = programs(tmp_path, "worse", lambda n, k: n % 8 in (1, 2, 3))
    code, out, err = command("run", "--model", worse, *asked, "--config", toml, "--out", "worse")
    assert code == 1, out + err
    assert "humaneval.pass@2 fell by 37.5 points" in " ".join((out + err).split())
    code, out, err = command("gate", "worse", "--baseline", "main", "--config", toml)
    assert code == 1, out + err
    again = programs(tmp_path, "again", lambda n, k: n % 4 > 0 and (n + k) % 2 == 1)
    code, out, err = command("run", "--model", again, *asked, "--config", toml, "--out", "again")
    assert code == 0, out + err
    compared = command("compare", "main", "worse")
    assert compared[0] == 0
    assert "pass@2" in compared[1]


def test_repeats_helpers_do_not_need_a_run() -> None:
    own = (Mean("bleu", bounds=(0.0, 100.0)), Mean("match"), Mean("majority", None))
    found = [each.metric.name for each in repeats.reduced_metrics(own, ("pass@2", "majority"))]
    assert found == ["bleu.majority", "match.pass@2", "match.majority"]
