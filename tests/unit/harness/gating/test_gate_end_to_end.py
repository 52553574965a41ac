"""What gates promise, through the command: each case is a pair of run folders and a gate."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.authoring.metrics import Mean
from harness.types import Estimate, Unscored
from harness_tasks.metrics import choices, classification, perplexity

METRICS = (
    *classification.metrics(),
    Mean("f1", bounds=(0.0, 1.0)),
    Mean("length"),
    *choices.calibration_metrics(),
    *perplexity.metrics(),
)
PLUGIN = """
from harness import hookimpl
from harness.authoring.metrics import Mean
from harness.protocols import TaskSpec
from harness_tasks.metrics import choices, classification, perplexity

class Quiz:
    name, version = "quiz", "1"
    metrics = (
        *classification.metrics(), Mean("f1", bounds=(0.0, 1.0)), Mean("length"),
        *choices.calibration_metrics(), *perplexity.metrics(),
    )

@hookimpl
def harness_register_tasks():
    return [TaskSpec("quiz", "a quiz", lambda options: Quiz())]
"""
Scores = Mapping[str, Mapping[str, Any]]


def numbers(values: Any, metric: str) -> Scores:
    return {f"s{i:04}": {metric: float(value)} for i, value in enumerate(values)}


def right(n: int, of: range, failed: range = range(0)) -> Scores:
    """0/1 scores: right in ``of``; the samples in ``failed`` could not be scored."""
    return {
        f"s{i:04}": {"accuracy": Unscored("no answer") if i in failed else float(i in of)}
        for i in range(n)
    }


def classes(n: int, positives: int, wrong: int) -> Scores:
    """Two classes; the first ``wrong`` samples of each are taken for the other."""
    return {
        f"s{i:04}": classification.values(
            int(i < positives), int((i < positives) != (i < wrong or i >= n - wrong)), 2
        )
        for i in range(n)
    }


def probabilities(n: int, right_as_said: bool) -> Scores:
    """Probabilities of 0.55 to 0.95 of the chosen of two options, true or far too high."""
    rng = np.random.default_rng(3)
    said = rng.uniform(0.55, 0.95, n)
    hit = rng.random(n) < (said if right_as_said else 0.5)
    return {
        f"s{i:04}": choices.calibration([p, 1 - p], 0 if h else 1)
        for i, (p, h) in enumerate(zip(said, hit, strict=True))
    }


def texts(n: int, loss: float) -> Scores:
    """Perplexity over texts of many lengths; ``loss`` is the mean nats a word."""
    rng = np.random.default_rng(4)
    sizes = rng.integers(5, 60, n)
    totals = -loss * sizes * rng.uniform(0.8, 1.2, n)
    return {
        f"s{i:04}": perplexity.values(float(t), "word " * int(size - 1) + "end")
        for i, (t, size) in enumerate(zip(totals, sizes, strict=True))
    }


def clusters(sizes: list[int]) -> dict[str, str]:
    names = np.repeat(np.arange(len(sizes)), sizes)
    return {f"s{i:04}": f"passage {name}" for i, name in enumerate(names)}


F1 = np.random.default_rng(1).beta(8, 3, 50)
UNEVEN = [1] * 40 + [3] * 10 + [30, 60, 100]
FLIPS = Estimate(0.0, 0.0, 0.0, 0.278, 10, "changed predictions; mean, Wilson")


@dataclass(frozen=True)
class Case:
    """Run folders, a gate, and what the command must say."""

    rule: str
    code: int
    words: str
    after: Callable[[], Scores]
    before: Callable[[], Scores] | None = None
    gate: str = ""
    more: dict[str, Any] = field(default_factory=dict)


CASES = {
    "one collapse among fifty is no pass": Case(
        'metric = "quiz.f1"\nmax_drop = 0.05', 4, "too close to the drop of 5",
        lambda: numbers(np.where(np.arange(50) == 7, 0.0, F1), "f1"), lambda: numbers(F1, "f1"),
    ),
    "failing only where it would be wrong is no pass": Case(
        'metric = "quiz.accuracy"\nmax_drop = 0.02', 4, "45 more not scored in both runs",
        lambda: right(1000, range(800), range(45)), lambda: right(1000, range(800)),
    ),
    "a sequential gate does not pass it either": Case(
        'metric = "quiz.accuracy"\nmax_drop = 0.02', 4, "inconclusive",
        lambda: right(1000, range(800), range(45)), lambda: right(1000, range(800)),
        'mode = "sequential"',
    ),
    "every request failed blocks": Case(
        'metric = "quiz.accuracy"\nmax_drop = 0.5', 1, "none of 100 samples could be scored",
        lambda: right(100, range(80), range(100)), lambda: right(100, range(80)),
        'mode = "sequential"',
    ),
    "20 of 160 samples are no pass": Case(
        'metric = "quiz.accuracy"\nmax_drop = 0.5', 4, "did not run 140 of the baseline's 160",
        lambda: right(20, range(20)), lambda: right(160, range(160)),
    ),
    "nor in sequential mode": Case(
        'metric = "quiz.accuracy"\nmax_drop = 0.5', 4, "did not run 140 of the baseline's 160",
        lambda: right(20, range(20)), lambda: right(160, range(160)), 'mode = "sequential"',
    ),
    "macro F1 of a rare class is refused": Case(
        'metric = "quiz.f1_macro"\nmax_drop = 0.05', 2, "a class has 2 samples",
        lambda: classes(50, 2, 0), lambda: classes(50, 2, 1), 'inconclusive = "pass"',
    ),
    "MCC at 5 % positives is no pass": Case(
        'metric = "quiz.mcc"\nmax_drop = 0.05', 4, "too close",
        lambda: classes(200, 10, 2), lambda: classes(200, 10, 2),
    ),
    "MCC that fell to nothing is blocked": Case(
        'metric = "quiz.mcc"\nmax_drop = 0.05', 1, "more than the 5 allowed",
        lambda: classes(400, 100, 50), lambda: classes(400, 100, 5),
    ),
    "perplexity that rose is blocked": Case(
        'metric = "quiz.word_perplexity"\nmax_drop = 2', 1, "rose by",
        lambda: texts(300, 3.4), lambda: texts(300, 3.0),
    ),
    "perplexity that stayed passes": Case(
        'metric = "quiz.word_perplexity"\nmax_drop = 2', 0, "a rise of 2 is allowed",
        lambda: texts(300, 3.0), lambda: texts(300, 3.0),
    ),
    "perplexity with failed texts is no pass": Case(
        'metric = "quiz.word_perplexity"\nmax_drop = 2', 4, "has no bound",
        lambda: {**texts(300, 3.0), "s0001": {"word_perplexity": Unscored("time-out")}},
        lambda: texts(300, 3.0),
    ),
    "scores up to 100": Case(
        'metric = "quiz.length"\nmax_drop = 3', 1, "fell by 10",
        lambda: numbers(np.linspace(20, 80, 300), "length"),
        lambda: numbers(np.linspace(30, 90, 300), "length"),
    ),
    "one collapse on that scale": Case(
        'metric = "quiz.length"\nmax_drop = 3', 4, "too close",
        lambda: numbers(np.where(np.arange(40) == 3, 0, np.linspace(30, 90, 40)), "length"),
        lambda: numbers(np.linspace(30, 90, 40), "length"),
    ),
    "a calibrated model is not blocked": Case(
        'metric = "quiz.ece"\nmax = 0.05', 4, "too close to the maximum",
        lambda: probabilities(100, True),
    ),
    "one that is far too sure is": Case(
        'metric = "quiz.ece"\nmax = 0.05', 1, "above the maximum",
        lambda: probabilities(1000, False),
    ),
    "no calibration error of twelve": Case(
        'metric = "quiz.ece"\nmax = 0.05', 2, "no interval below 20 samples",
        lambda: probabilities(12, True),
    ),
    "a Brier score": Case(
        'metric = "quiz.brier"\nmax = 0.5', 1, "above the maximum",
        lambda: probabilities(1000, False),
    ),
    "five clusters say little": Case(
        'metric = "quiz.accuracy"\nmax_drop = 0.05', 4, "did not change",
        lambda: right(200, range(5, 155)), lambda: right(200, range(150)),
        more={"clusters": clusters([40] * 5)},
    ),
    "what did not change is not blocked in uneven clusters": Case(
        'metric = "quiz.accuracy"\nmax_drop = 0.02', 4, "did not change",
        lambda: right(260, range(20, 170)), lambda: right(260, range(150)),
        'mode = "sequential"', {"clusters": clusters(UNEVEN)},
    ),
    "a share of almost nothing": Case(
        'metric = "quiz.accuracy"\nmax_relative_drop = 0.1', 1, "too near 0",
        lambda: right(200, range(2)), lambda: right(200, range(2)),
    ),
    "advice decides nothing": Case(
        'metric = "quiz.accuracy"\nmin = 0.5\n[[gate.rule]]\nmetric = "quiz.accuracy"\n'
        'max_drop = 0.05\ntier = "advisory"', 0, "[1 of 1 advisory rules broken]",
        lambda: right(400, range(300)), lambda: right(400, range(400)),
    ),
    "a floor near 1 with few samples": Case(
        'metric = "quiz.accuracy"\nmin = 0.95', 4, "too close", lambda: right(20, range(18)),
    ),
    "no flip among ten": Case(
        'metric = "quiz.typos.accuracy.flip_rate"\nmax = 0.01', 4, "10 samples",
        lambda: right(10, range(8)),
        more={"probes": {"typos": {"accuracy": {"flip_rate": FLIPS}}}},
    ),
}  # fmt: skip


@pytest.fixture
def judge(command, make_run, tmp_path: Path):
    """Writes the runs and judges them; returns exit code and output."""
    (tmp_path / "quiz_plugin.py").write_text(PLUGIN)

    def run(case: Case) -> tuple[int, str]:
        rules = f"[gate]\n{case.gate}\n[[gate.rule]]\n{case.rule}\n"
        (tmp_path / "gate.toml").write_text(rules, "utf-8")
        arguments = [make_run("after", case.after(), known=METRICS, **case.more)]
        if case.before is not None:
            before = make_run("before", case.before(), known=METRICS, **case.more)
            arguments += ["--baseline", before]
        given = ("gate", *arguments, "--config", "gate.toml")
        code, out, err = command("--plugin", "quiz_plugin.py", *given)
        return code, out + err

    return run


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_verdict(judge, case: Case) -> None:
    code, said = judge(case)
    assert code == case.code, said
    assert case.words in said


def test_words_intervals_and_p_values_agree_and_none_has_width_0(
    command, make_run, tmp_path: Path
) -> None:
    (tmp_path / "quiz_plugin.py").write_text(PLUGIN)
    parts = [classes(200, 20, 3), probabilities(200, True), texts(200, 3.0)]
    same = {name: {**parts[0][name], **parts[1][name], **parts[2][name]} for name in parts[0]}
    worse = {name: {**same[name], **classes(200, 20, 14)[name]} for name in same}
    runs = [make_run(name, each, known=METRICS) for name, each in (("a", same), ("b", worse))]
    again = make_run("again", same, known=METRICS)
    given = ("compare", runs[0], runs[1], again, "--format", "json")
    code, out, _ = command("--plugin", "quiz_plugin.py", *given)
    assert code == 0
    found = [each for page in json.loads(out) for each in page["tasks"][0]["metrics"]]
    assert len(found) == 2 * 10
    for each in found:
        low, high = each["difference"]["low"], each["difference"]["high"]
        assert low is None or low < high
        decided = each["verdict"] != "no difference shown"
        assert decided == (each["adjusted_p_value"] <= 0.05 and each["difference"]["value"] != 0)
        if each["p_value"] < 0.049 or each["p_value"] > 0.051:  # one test behind both
            assert low is None or (low > 0 or high < 0) == (each["p_value"] <= 0.05)
    assert {each["verdict"] for each in found[:5]} == {"worse"}
    assert {each["verdict"] for each in found[10:]} == {"no difference shown"}


def test_nothing_is_cut_at_80_columns(command, make_run, monkeypatch) -> None:
    from rich.console import Console

    from harness.comparison.run_comparison import compare
    from harness.results.baseline import load_run
    from harness_reports.comparison import print_tables

    runs = [make_run(name, right(200, range(n))) for name, n in (("main", 160), ("worse", 140))]
    before, after = map(load_run, runs)
    page = compare(before, after)
    for width in (80, 60, 40):
        out = Console(width=width, record=True, force_terminal=True, file=io.StringIO())
        print_tables([page], out)
        text = out.export_text()
        assert "…" not in text.replace(" …", "").replace("… ", "")
        assert "accuracy" in text and "worse" in text and "<0.001" in text
