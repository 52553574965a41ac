"""LLMBar's published statistics of GPT-4 and ChatGPT, from their stored judgements."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness import evaluate, read_samples
from harness.stats.agreement import cohen_kappa
from harness.types import Completion
from harness_judges.judging import parsing
from support.shared_data import SHARED

FOLDER = SHARED / "data/llmbar"
SETS = ("Natural", "Adversarial/Neighbor", "Adversarial/Manual")
JUDGES = ("GPT-4", "ChatGPT")
STRATEGIES = ("Vanilla", "Swap", "Swap_CoT")
ORDERS = ("swap = False", "swap = True")
pytestmark = pytest.mark.shared


def saved(name: str, judge: str, strategy: str, out: Path) -> tuple[Path, list[list[str | None]]]:
    """The judge's last answers about each pair as outputs to replay, and the winners as stored."""
    rows = json.loads((FOLDER / name / f"{judge}-{strategy}-result.json").read_text())
    answers = [row["results"][-1] for row in rows]
    with out.open("w") as file:
        for place, each in enumerate(answers, start=1):
            texts = [each[order]["completion"][0] for order in ORDERS]
            file.write(json.dumps({"id": place, "response": texts}) + "\n")
    return out, [[each[order]["winner"] for order in ORDERS] for each in answers]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("name", SETS)
def test_published_statistics(name: str, judge: str, strategy: str, tmp_path: Path) -> None:
    path, winners = saved(name, judge, strategy, tmp_path / "judgements.jsonl")
    result = evaluate(
        f"replay:{path}",
        ["llmbar"],
        data={"llmbar": FOLDER / name / "dataset.json"},
        task_settings={"llmbar": {"verdict": "published"}},
        out=tmp_path / "run",
        formats=(),
    ).tasks["llmbar"]
    published = json.loads((FOLDER / name / f"{judge}-{strategy}-statistics.json").read_text())
    named = {
        "accuracy_given": "correct_False",
        "accuracy_swapped": "correct_True",
        "accuracy_both": "correct_both",
        "consistency": "equal",
    }
    for ours, theirs in named.items():
        count, total = map(int, re.match(r"(\d+) / (\d+)", published[theirs]).groups())
        estimate = result.metrics[ours].estimate
        assert (round(estimate.value * total), estimate.n) == (count, total), ours
        assert estimate.value == pytest.approx(count / total, rel=1e-14)
    average = float(published["correct_average"].rstrip("%")) / 100
    assert result.metrics["accuracy"].estimate.value == pytest.approx(average, rel=1e-12)
    # Every single judgement is read as they read it, and the orders agree with their kappa.
    chosen = []
    for record in read_samples(tmp_path / "run", "llmbar"):
        said = [parsing.named_output(each.text) for each in record.responses
                if isinstance(each, Completion)]  # fmt: skip
        second = said[1] if said[1] is None else 1 - said[1]
        chosen.append([None if each is None else str(each + 1) for each in (said[0], second)])
    assert chosen == winners
    given, swapped = ([each[place] for each in winners] for place in (0, 1))
    if None not in (*given, *swapped):
        kappa = cohen_kappa(given, swapped).value
        assert kappa == pytest.approx(published["kappa_agreement"], abs=1e-9)


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("name", SETS)
def test_the_last_verdict_is_the_published_one_where_answers_are_plain(name, judge, tmp_path):
    for strategy in ("Vanilla", "Swap"):
        path, winners = saved(name, judge, strategy, tmp_path / "judgements.jsonl")
        texts = [json.loads(line)["response"] for line in path.read_text().splitlines()]
        for (given, swapped), (first, second) in zip(texts, winners, strict=True):
            options = {"1": parsing.FIRST, "2": parsing.SECOND, None: parsing.TIE}
            assert parsing.preference(given) == options[first]
            # They count a tie that a judge gave in spite of the question as nothing.
            assert parsing.preference(swapped) == {"1": 1, "2": 0, None: parsing.TIE}[second]
