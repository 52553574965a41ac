"""Judges of answers: rubrics, panels, both orders, and what is said where nothing is known."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from harness import compare, evaluate, gate, read_result, read_samples
from harness.errors import (
    ConfigError,
    DataError,
    HarnessError,
    NothingScoredError,
    UnknownNameError,
    UsageError,
)
from harness.protocols import UNCALIBRATED, RoleModel, TaskOptions
from harness.types import (
    Completion,
    Generate,
    Loglikelihood,
    Logprob,
    Round,
    RunResult,
    Sample,
    TaskResult,
)
from harness_judges.judging.arena_task import open_arena
from harness_judges.judging.judge_task import open_judge
from harness_judges.judging.options import TEMPLATES

YES, NO = '{"reason": "so", "met": true}', '{"reason": "so", "met": false}'


def rows(path: Path, given: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in given))
    return path


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    made = [{"id": f"q{n}", "input": f"Question {n}?", "reference": str(n)} for n in range(4)]
    return rows(tmp_path / "prompts.jsonl", made)


def saved(path: Path, texts: list[Any]) -> str:
    made = [{"id": f"q{n}", "response": text} for n, text in enumerate(texts)]
    return f"replay:{rows(path, made)}"


def judged(
    prompts: Path, judges: list[list[Any]], out: str = "run", task: str = "judge", **settings: str
) -> RunResult:
    folder = prompts.parent
    roles = {
        "judge" if place == 0 else f"judge.{place + 1}": saved(
            folder / f"{out}-judge{place}.jsonl", said
        )
        for place, said in enumerate(judges)
    }
    return evaluate(
        saved(folder / f"{out}-answers.jsonl", [f"answer {n} of {out}" for n in range(4)]),
        [task],
        data={task: prompts},
        roles=roles,
        task_settings={task: settings},
        out=folder / out,
        formats=(),
    )


def values(result: TaskResult) -> dict[str, float]:
    return {name: each.estimate.value for name, each in result.metrics.items()}


def test_yes_and_no_with_what_cannot_be_read(prompts):
    said = [YES, "No, it does not.", "As an AI model I cannot judge.", YES]
    result = judged(prompts, [said], rubric="reference").tasks["judge"]
    assert values(result) == {"correct": pytest.approx(2 / 3), "unread": 0.25}
    assert result.errors == 1 and result.metrics["correct"].estimate.n == 3
    assert result.metrics["correct"].calibration == UNCALIBRATED
    assert any("uncalibrated" in note for note in result.notes)


@pytest.mark.parametrize("said", ["I'm sorry, I can't.", "Score: 11", "so " * 3000, ""])
def test_a_judge_that_never_grades_gives_no_number(prompts, said):
    with pytest.raises(NothingScoredError, match="no judgement could be read"):
        judged(prompts, [[said] * 4], rubric="general")
    result = read_result(prompts.parent / "run").tasks["judge"]
    assert math.isnan(result.metrics["quality"].estimate.value) and result.errors == 4
    assert result.metrics["quality"].estimate.n == 0 and values(result)["unread"] == 1


def test_every_criterion_is_asked_on_its_own(prompts):
    said = [["5", "4", "3", "2"]] * 4
    result = judged(prompts, [said], rubric="summary").tasks["judge"]
    assert values(result) == {
        "coherence": 5, "consistency": 4, "fluency": 3, "relevance": 2, "overall": 3.5,
        "unread": 0,
    }  # fmt: skip
    record = next(read_samples(prompts.parent / "run", "judge"))
    asked = [each.request.prompt for each in record.later_rounds[0].asks]
    assert [f"# Criterion: {name}" in text for name, text in zip(
        ("coherence", "consistency", "fluency", "relevance"), asked, strict=True
    )] == [True] * 4  # fmt: skip
    # What the criteria share comes first, so that it is computed once.
    shared = asked[0].index("# Criterion")
    assert len({text[:shared] for text in asked}) == 1
    assert all("answer 0 of run" in text and "replay" not in text for text in asked)


def test_a_panel_votes_and_its_agreement_is_shown(prompts):
    judges = [[YES, YES, NO, YES], [YES, NO, NO, "?"], [YES, YES, NO, NO]]
    result = judged(prompts, judges, rubric="reference").tasks["judge"]
    found = {
        record.sample.id: record.scores["correct"]
        for record in read_samples(prompts.parent / "run", "judge")
    }
    assert found == {"q0": 1.0, "q1": 1.0, "q2": 0.0, "q3": 0.5}  # a tie is no majority
    assert values(result)["unread"] == pytest.approx(1 / 12)
    from harness.stats.agreement import krippendorff_alpha

    expected = krippendorff_alpha([[1, 1, 1], [1, 0, 1], [0, 0, 0], [1, 0]]).value
    assert values(result)["panel_alpha"] == pytest.approx(expected)


def test_own_rubric_with_own_criteria_and_scale(prompts, tmp_path):
    result = evaluate(
        saved(tmp_path / "a.jsonl", ["x"] * 4),
        ["judge"],
        data={"judge": prompts},
        roles={"judge": saved(tmp_path / "j.jsonl", [["7", "10"]] * 4)},
        task_settings={
            "judge": {
                "rubric": "brand",
                "criteria": "names_product: Is the product named?; short: Is it short?",
                "scale": "0-10",
            }
        },
        templates={"judge": {"brand": "{{ answer }} | {{ criterion }} | {{ description }}\n"}},
        out=tmp_path / "run",
        formats=(),
    ).tasks["judge"]
    assert values(result) == {"names_product": 7, "short": 10, "overall": 8.5, "unread": 0}
    assert result.settings["scale"] == "0-10"


def test_a_scale_makes_yes_and_no_of_scores_and_scores_of_yes_and_no():
    yes_no = open_judge(TaskOptions({"rubric": "content", "scale": "yes-no"}))
    assert yes_no.settings["scale"] == "yes or no"
    assert "met" in [each.name for each in yes_no.metrics]
    scores = open_judge(TaskOptions({"rubric": "support", "scale": "0-10"}))
    assert scores.settings["scale"] == "0-10"
    assert "met" not in [each.name for each in scores.metrics]


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"rubric": "sumary"}, UnknownNameError, "Did you mean summary"),
        ({"criteria": "no colon"}, UsageError, "no criterion"),
        ({"criteria": "unread: x"}, UsageError, "none of"),
        ({"criteria": "a: x; a: y"}, UsageError, "each once"),
        ({"criteria": "a b: x"}, UsageError, "one word"),
        ({"scale": "5-1"}, UsageError, "LOW-HIGH"),
        ({"scale": "1-500"}, UsageError, "LOW-HIGH"),
        ({"scale": "stars"}, UsageError, "or yes-no"),
        ({"reading": "logprobs"}, UsageError, "no log-probabilities"),
        ({"calibration": "none.json"}, DataError, "none.json"),
        ({"labels": "none.jsonl"}, DataError, "none.jsonl"),
        ({"prompt": "{{ nothing }}"}, ConfigError, "nothing"),
        ({"prompt": "{{ input"}, ConfigError, "not valid Jinja2"),
    ],
)
def test_bad_settings_end_before_anything_is_asked(prompts, settings, error, said):
    with pytest.raises(error, match=said):
        judged(prompts, [[YES] * 4], **settings)
    assert not (prompts.parent / "run").exists()


def test_own_template_without_criteria_is_refused():
    options = TaskOptions({"rubric": "brand"}, templates={"brand": "{{ answer }}"})
    with pytest.raises(UsageError, match="has no criteria"):
        open_judge(options)


def test_without_a_judge_the_run_ends_before_it_asks(prompts):
    with pytest.raises(UsageError, match="--judge MODEL"):
        judged(prompts, [])


# --------------------------------------------------------------------------- log-probabilities


def role(supports: set[type], fingerprint: str = "j") -> RoleModel:
    return RoleModel("m", fingerprint, frozenset(supports))


def test_expected_score_by_log_probabilities():
    roles = {"judge": role({Loglikelihood, Generate})}
    task = open_judge(TaskOptions({"scale": "1-3"}, roles=roles))
    sample = Sample("1", "Question?", metadata={"reference": "", "policy": "", "facts": ""})
    (request,) = task.requests(sample, ())
    first = Round((), (Completion("Answer."),))
    asks = task.follow_up(sample, [first])
    assert [each.request.continuation for each in asks] == [" 1", " 2", " 3"]
    assert len({each.request.context for each in asks}) == 1
    said = [Logprob(math.log(share), 1, False) for share in (0.1, 0.2, 0.7)]
    scores = task.score(sample, [Completion("Answer."), *said])
    assert scores["quality"] == pytest.approx(0.1 + 0.4 + 2.1)
    assert task.follow_up(sample, [first, Round(tuple(asks), tuple(said))]) == ()
    nan = [Logprob(math.nan, 1, False), *said[1:]]
    assert task.score(sample, [Completion("Answer."), *nan])["unread"] == 1
    assert isinstance(request, Generate)
    in_text = open_judge(TaskOptions({"reading": "text"}, roles=roles))
    assert isinstance(in_text.follow_up(sample, [first])[0].request, Generate)


def test_probability_of_yes_by_log_probabilities():
    task = open_judge(TaskOptions({"rubric": "reference"}, roles={"judge": role({Loglikelihood})}))
    sample = Sample("1", "?", metadata={"reference": "r"})
    said = [Logprob(math.log(0.3), 1, False), Logprob(math.log(0.1), 1, False)]
    assert task.score(sample, [Completion("a"), *said])["correct"] == pytest.approx(0.75)


def test_a_judge_that_is_the_model_itself_is_said(prompts):
    answers = saved(prompts.parent / "same.jsonl", [YES] * 4)
    result = evaluate(
        answers,
        ["judge"],
        data={"judge": prompts},
        roles={"judge": answers},
        task_settings={"judge": {"rubric": "reference"}},
        out=prompts.parent / "run",
        formats=(),
    )
    assert any("is the model that is judged" in note for note in result.tasks["judge"].notes)


def test_templates_are_filled_from_any_row():
    for name in TEMPLATES:
        task = open_judge(TaskOptions({"rubric": name}))
        sample = Sample("1", "x", metadata={"reference": "", "policy": "", "facts": ""})
        assert task.requests(sample, ())


# --------------------------------------------------------------------------- arena


@pytest.fixture
def baseline(prompts: Path) -> Path:
    judged(prompts, [["3"] * 4], out="base")
    return prompts.parent / "base"


def test_pairs_are_judged_in_both_orders(prompts, baseline):
    said = [["A", "B"], ["A", "A"], ["B", "A"], ["[[B]]", "It depends."]]
    result = judged(prompts, [said], task="arena", baseline=str(baseline)).tasks["arena"]
    found = values(result)
    # Won, tied by disagreeing with itself, lost; the fourth is unread.
    assert found["win_rate"] == 0.5 and found["consistency"] == pytest.approx(2 / 3)
    assert found["unread"] == 0.125 and result.errors == 1
    assert result.metrics["win_rate"].calibration == UNCALIBRATED
    records = list(read_samples(prompts.parent / "run", "arena"))
    won = {each.sample.id: each.scores["win_rate"] for each in records[:3]}
    assert won == {"q0": 1.0, "q1": 0.5, "q2": 0.0}
    first, second = (each.request.prompt for each in records[0].later_rounds[0].asks)
    assert first.index("of run") < first.index("of base")
    assert second.index("of base") < second.index("of run")


def test_a_judge_that_follows_the_place_wins_nothing(prompts, baseline):
    result = judged(prompts, [[["A", "A"]] * 4], task="arena", baseline=str(baseline))
    found = values(result.tasks["arena"])
    assert found["win_rate"] == 0.5 and found["consistency"] == 0 and found["first_position"] == 1


def test_equal_answers_are_a_tie_and_are_not_asked_about(prompts, baseline):
    answers = [f"answer {n} of base" for n in range(4)]
    result = evaluate(
        saved(prompts.parent / "again.jsonl", answers),
        ["arena"],
        data={"arena": prompts},
        roles={"judge": saved(prompts.parent / "j.jsonl", [["A", "B"]] * 4)},
        task_settings={"arena": {"baseline": str(baseline)}},
        out=prompts.parent / "run",
        formats=(),
    )
    assert values(result.tasks["arena"])["win_rate"] == 0.5
    assert not any(each.later_rounds for each in read_samples(prompts.parent / "run", "arena"))


def test_bad_baselines(prompts, baseline, tmp_path):
    with pytest.raises(UsageError, match="none is given"):
        judged(prompts, [[["A", "B"]] * 4], task="arena")
    with pytest.raises(DataError, match="results.json|No such"):  # noqa: RUF043
        judged(prompts, [[["A", "B"]] * 4], task="arena", baseline=str(tmp_path / "none"))
    with pytest.raises(UnknownNameError, match="task of the baseline"):
        judged(prompts, [[["A", "B"]] * 4], task="arena", baseline=str(baseline),
               baseline_task="squad")  # fmt: skip
    others = rows(tmp_path / "others.jsonl", [{"id": "x1", "input": "?"}])
    with pytest.raises(DataError, match="answers none of the samples"):
        evaluate(
            saved(tmp_path / "a.jsonl", ["x"]),
            ["arena"],
            data={"arena": others},
            roles={"judge": saved(tmp_path / "j.jsonl", [["A", "B"]])},
            task_settings={"arena": {"baseline": str(baseline)}},
            out=tmp_path / "run",
            formats=(),
        )


def test_arena_by_log_probabilities():
    task = open_arena(TaskOptions({"baseline": "b"}, roles={"judge": role({Loglikelihood})}))
    sample = Sample("1", "?", metadata={"reference": "", "baseline_answer": "other"})
    asks = task.follow_up(sample, [Round((), (Completion("mine"),))])
    assert [each.request.continuation for each in asks] == [" A", " B", " A", " B"]
    said = [Logprob(value, 1, False) for value in (-1.0, -2.0, -2.0, -1.0)]
    assert task.score(sample, [Completion("mine"), *said])["win_rate"] == 1.0
    said = [Logprob(value, 1, False) for value in (-1.0, -2.0, -1.0, -2.0)]
    assert task.score(sample, [Completion("mine"), *said])["win_rate"] == 0.5


# --------------------------------------------------------------------------- gates


def test_a_gate_refuses_an_uncalibrated_judge(prompts):
    judged(prompts, [[YES] * 4], rubric="reference")
    rule = {"metric": "judge.correct", "min": 0.1}
    verdict = gate(prompts.parent / "run", config={"rule": [rule]})
    assert verdict.verdict == "block" and "uncalibrated judge" in verdict.sentence
    allowed = gate(prompts.parent / "run", config={"rule": [rule], "allow_uncalibrated": True})
    assert allowed.sentence.startswith("judge.correct (uncalibrated) is 1 ")
    advisory = [{"metric": "judge.unread", "max": 1.0}, {**rule, "tier": "advisory"}]
    assert "uncalibrated" not in gate(prompts.parent / "run", config={"rule": advisory}).sentence
    with pytest.raises(ConfigError, match="true or false"):
        gate(prompts.parent / "run", config={"rule": [rule], "allow_uncalibrated": "yes"})


def test_a_gate_of_the_run_is_refused_before_it_asks(prompts):
    with pytest.raises(HarnessError, match="uncalibrated judge"):
        evaluate(
            saved(prompts.parent / "a.jsonl", ["x"] * 4),
            ["judge"],
            data={"judge": prompts},
            roles={"judge": saved(prompts.parent / "j.jsonl", [YES] * 4)},
            task_settings={"judge": {"rubric": "reference"}},
            gate={"rule": [{"metric": "judge.correct", "min": 0.1}]},
            out=prompts.parent / "run",
            formats=(),
        )
    assert not (prompts.parent / "run").exists()


def test_a_comparison_says_uncalibrated_too(prompts, capsys):
    from harness.cli import main

    judged(prompts, [[YES] * 4], "one", rubric="reference")
    judged(prompts, [[YES, NO, NO, YES]], "two", rubric="reference")
    compared = compare(prompts.parent / "one", prompts.parent / "two")
    found = {each.metric: each.calibration for each in compared.tasks[0].metrics}
    assert found == {"correct": UNCALIBRATED, "unread": None}
    with pytest.raises(SystemExit):
        main(["compare", str(prompts.parent / "one"), str(prompts.parent / "two")])
    shown = " ".join(capsys.readouterr().out.split())  # wherever lines end
    assert "judge.correct (uncalibrated)" in shown
    assert "judge.correct ↑ (uncalibrated)" in shown


def test_a_judgement_asked_for_again_tells_the_judges_own_noise(prompts):
    # Within: 4, 4 and 2, 4 and 1, 5 and 3, unread: (0 + 2 + 8)/3 with one degree of freedom each.
    said = [["4", "4"], ["2", "4"], ["1", "5"], ["3", "I cannot."]]
    result = judged(prompts, [said], repeats="2", judge_temperature="0.7").tasks["judge"]
    found = values(result)
    assert found["quality"] == pytest.approx((4 + 3 + 3 + 3) / 4)
    assert found["judge_noise"] == pytest.approx(math.sqrt(10 / 3))
    assert found["unread"] == 0.125 and result.errors == 0
    record = next(read_samples(prompts.parent / "run", "judge"))
    asked = [each.request for each in record.later_rounds[0].asks]
    assert asked[0].prompt == asked[1].prompt and asked[0] != asked[1]
    assert {each.sampling.temperature for each in asked} == {0.7}
    assert result.settings["judge_repeats"] == "2"


def test_a_steady_judge_has_no_noise(prompts):
    result = judged(prompts, [[["4", "4", "4"]] * 4], repeats="3").tasks["judge"]
    assert values(result)["judge_noise"] == 0
