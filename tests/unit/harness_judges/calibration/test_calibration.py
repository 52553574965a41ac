"""From a judged run and labels to a calibration; what does not fit is refused or said."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness import compare, evaluate, gate, read_samples
from harness.authoring.reporting import numbers
from harness.cli import app
from harness.errors import ConfigError, DataError, UnknownNameError, UsageError
from harness.protocols import NO_AGREEMENT, UNCALIBRATED
from harness.stats.prediction_powered import infer_corrected_share
from harness_judges.annotation import store
from harness_judges.annotation.items import Answer, Item
from harness_judges.calibration import record
from harness_judges.calibration.calibrate import calibrate

N = 60


def rows(path: Path, given: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in given))
    return path


def judged(folder: Path, said: list[Any], out: str = "run", judge: str = "j", **settings: str):
    """A run whose judge said these things; the judge's answers are the same file each time."""
    folder.mkdir(exist_ok=True)
    prompts = [{"id": f"q{n}", "input": f"Question {n}?"} for n in range(len(said))]
    replies = [{"id": f"q{n}", "response": "x" * (1 + n % 7)} for n in range(len(said))]
    spoken = [{"id": f"q{n}", "response": text} for n, text in enumerate(said)]
    result = evaluate(
        f"replay:{rows(folder / 'answers.jsonl', replies)}",
        ["judge"],
        data={"judge": rows(folder / "prompts.jsonl", prompts)},
        roles={"judge": f"replay:{rows(folder / f'{judge}.jsonl', spoken)}"},
        task_settings={"judge": settings},
        out=folder / out,
        formats=(),
    )
    return folder / out, result.tasks["judge"]


def labelled(path: Path, values: list[Any], **more: Any) -> Path:
    return rows(path, [{"id": f"q{n}", "value": v, **more} for n, v in enumerate(values)])


# A binary judge: of 40 that people call good it calls 36 so, of 20 bad ones 15.
TRUTH = [1] * 40 + [0] * 20
SAID = ["Yes"] * 36 + ["No"] * 4 + ["No"] * 15 + ["Yes"] * 5


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run, _ = judged(tmp_path_factory.mktemp("binary"), SAID, rubric="reference")
    return run


def test_figures_of_a_binary_judge(binary, tmp_path):
    found = calibrate(binary, labelled(tmp_path / "labels.jsonl", TRUTH))
    figures = found.figures["correct"]
    assert figures["sensitivity"].value == 0.9 and figures["specificity"].value == 0.75
    assert figures["agreement"].value == pytest.approx(51 / 60)
    # p_e = (41·40 + 19·20)/60²
    expected = (41 * 40 + 19 * 20) / 3600
    assert figures["kappa"].value == pytest.approx((51 / 60 - expected) / (1 - expected))
    assert figures["bias"].value == pytest.approx(1 / 60)
    assert all(each.low <= each.value <= each.high for each in figures.values())
    known = found.calibration.criteria["correct"]
    assert known.positive == (36, 40) and known.negative == (15, 20)
    assert any("one annotator only" in note for note in found.calibration.notes)


def test_a_calibrated_run_is_corrected_and_may_be_gated(binary, tmp_path):
    out = tmp_path / "calibration.json"
    labels = labelled(tmp_path / "labels.jsonl", TRUTH)
    done = CliRunner().invoke(
        app, ["judge", "calibrate", str(binary), "--labels", str(labels), "--out", str(out)]
    )
    assert done.exit_code == 0 or done.return_value == 0, done.output
    assert "sensitivity" in done.output and oct(out.stat().st_mode)[-3:] == "600"
    run, task = judged(binary.parent, SAID, "again", rubric="reference", calibration=str(out))
    assert task.metrics["correct"].calibration.startswith("κ 0.")
    assert any(note.startswith("correct: calibrated, κ") for note in task.notes)
    corrected = task.metrics["correct_corrected"].estimate
    pairs = [(1.0, 1.0)] * 36 + [(0.0, 1.0)] * 4 + [(0.0, 0.0)] * 15 + [(1.0, 0.0)] * 5
    by_hand = infer_corrected_share([1.0] * 41 + [0.0] * 19, pairs)
    assert corrected.value == pytest.approx((41 / 60 + 0.75 - 1) / 0.65)
    assert (corrected.low, corrected.high) == pytest.approx(by_hand.interval(0.95))
    verdict = gate(run, config={"rule": [{"metric": "judge.correct", "min": 0.1}]})
    assert verdict.verdict == "pass"
    # The gate's interval has the calibration's error in it, too.
    (ruled,) = gate(run, config={"rule": [{"metric": "judge.correct_corrected", "min": 0.1}]}).rules
    assert (ruled.evidence.low, ruled.evidence.high) == pytest.approx(by_hand.interval(0.9))
    changes = {each.metric: each.difference for each in compare(run, run).tasks[0].metrics}
    assert "Fieller" in changes["correct_corrected"].method


def test_repeats_are_no_further_labels(tmp_path):
    """Twelve labels are twelve, of the first answers, however often each sample was answered."""
    prompts = rows(tmp_path / "p.jsonl", [{"id": f"q{n}", "input": f"{n}?"} for n in range(12)])
    evaluate(
        "demo",
        ["judge"],
        data={"judge": prompts},
        roles={"judge": "demo"},
        task_settings={"judge": {"rubric": "reference", "answer_tokens": "4"}},
        repeats=3,
        temperature=1.5,
        out=tmp_path / "run",
        formats=(),
    )
    records = list(read_samples(tmp_path / "run", "judge"))
    labels = labelled(tmp_path / "labels.jsonl", [n % 2 for n in range(12)])
    found = calibrate(tmp_path / "run", labels).calibration
    assert found.criteria["correct"].n == 12 and found.criteria["correct"].too_few
    assert not any("no sample" in note for note in found.notes)
    # Labels that name their answers are of these, whichever repeat they are of.
    named = [
        {"id": each.sample.id, "value": 1, "answers": [each.responses[0].text]}
        for each in records
        if each.repeat == 1
    ]
    found = calibrate(tmp_path / "run", rows(tmp_path / "named.jsonl", named)).calibration
    assert found.criteria["correct"].n == 12


@pytest.mark.parametrize("baseline", [None, "itself"])
def test_a_verdict_on_an_uncalibrated_judge_says_so(binary, baseline):
    rule = {"max_drop": 0.5} if baseline else {"min": 0.1}
    config = {"allow_uncalibrated": True, "rule": [{"metric": "judge.correct", **rule}]}
    verdict = gate(binary, binary if baseline else None, config=config)
    assert verdict.verdict == "pass"
    assert verdict.sentence.startswith("judge.correct (uncalibrated) ")
    assert verdict.rules[0].sentence == verdict.sentence
    fine = gate(binary, config={"rule": [{"metric": "judge.unread", "max": 0.5}]})
    assert "uncalibrated" not in fine.sentence


def test_labels_of_some_samples_and_judgements_of_all(binary, tmp_path):
    few = labelled(tmp_path / "few.jsonl", TRUTH)
    lines = few.read_text().splitlines()[10:50]
    few.write_text("\n".join(lines) + "\n")
    _, task = judged(binary.parent, SAID, "labelled", rubric="reference", labels=str(few))
    found = task.metrics["correct_with_labels"]
    assert "PPI++, 40 labels and 20 judgements" in found.estimate.method
    assert "labels of people" in found.calibration  # so a gate may rest on it
    assert task.metrics["correct"].calibration == UNCALIBRATED
    assert any("labels of people for 40 of 60" in note for note in task.notes)


def test_scores_with_several_people(tmp_path):
    said = [str(1 + n % 5) for n in range(N)]
    run, _ = judged(tmp_path / "s", said)
    people = [
        {"id": f"q{n}", "score": min(5, max(1, 1 + n % 5 + shift)), "annotator": name}
        for n in range(N)
        for name, shift in (("ada", 0), ("ben", -1 if n % 4 == 0 else 0))
    ]
    found = calibrate(run, rows(tmp_path / "labels.jsonl", people))
    figures = found.figures["quality"]
    assert 0.8 < figures["alpha_interval"].value < 1 and figures["people_alpha"].n == N
    assert 0 < figures["bias"].value < 0.2
    assert not any("one annotator" in note for note in found.calibration.notes)


def test_length_bias_is_seen(tmp_path):
    """A judge that adds a point for long answers; people do not."""
    said = [str(2 + (n % 7 > 3)) for n in range(N)]
    run, _ = judged(tmp_path / "s", said)
    found = calibrate(run, labelled(tmp_path / "labels.jsonl", [2] * N))
    bias = found.figures["quality"]["length_bias"]
    assert bias.value > 0.6 and bias.low > 0.4
    assert any("all labels are equal" in note for note in found.calibration.notes)


@pytest.mark.parametrize(
    ("values", "note", "what"),
    [
        ([1] * N, "all labels are yes", "specificity"),
        ([0] * N, "all labels are no", "sensitivity"),
        (TRUTH[:10] + TRUTH[-10:], "stays uncalibrated", None),
        ([1] * 57 + [0] * 3, "fewer than 5 labels of a class", None),
    ],
)
def test_a_calibration_that_says_little_says_so(binary, tmp_path, values, note, what):
    found = calibrate(binary, labelled(tmp_path / "labels.jsonl", values))
    assert any(note in each for each in found.calibration.notes)
    if what is not None:
        assert math.isnan(found.figures["correct"][what].value)
    out = tmp_path / "calibration.json"
    record.write(out, found.calibration)
    assert record.read(out) == found.calibration
    _, task = judged(
        binary.parent, SAID, f"few{len(values)}{sum(values)}", rubric="reference",
        calibration=str(out),
    )  # fmt: skip
    assert task.metrics["correct"].calibration == UNCALIBRATED
    assert "correct_corrected" not in task.metrics
    assert any("uncalibrated" in each for each in task.notes)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["Yes", "No"] * 30, "kappa is 0.00 ["),  # half of either class
        (["Yes"] * N, "kappa is 0.00, and"),  # nothing varies, so there is no interval
        (["No", "No", "Yes"] * 13 + ["Yes"] * 21, "kappa is -0."),
    ],
)
def test_a_judge_no_better_than_chance_is_not_usable(tmp_path, said, told):
    run, _ = judged(tmp_path / "r", said, rubric="reference")
    found = calibrate(run, labelled(tmp_path / "labels.jsonl", TRUTH))
    assert any(each.startswith(f"correct: not usable: {told}") for each in found.calibration.notes)
    out = tmp_path / "calibration.json"
    record.write(out, found.calibration)
    run, task = judged(tmp_path / "r", said, "again", rubric="reference", calibration=str(out))
    assert task.metrics["correct"].calibration == NO_AGREEMENT
    corrected = task.metrics["correct_corrected"]
    assert math.isnan(corrected.estimate.value) and math.isnan(corrected.estimate.low)
    assert "no value: the judge does not agree" in corrected.estimate.method
    assert any(f"correct: {NO_AGREEMENT}" in each for each in task.notes)
    shown = numbers.label("correct", True, None, task.metrics["correct"].calibration)
    assert shown == "correct ↑ (calibrated: no agreement beyond chance)"
    rule = {"metric": "judge.correct", "min": 0.0}
    for allowed in (False, True):  # what is known to say nothing is not merely unknown
        config = {"rule": [rule], "allow_uncalibrated": allowed}
        verdict = gate(run, config=config)
        assert verdict.verdict == "block" and "better than chance" in verdict.sentence
        with pytest.raises(ConfigError, match="better than chance"):
            evaluate(
                f"replay:{tmp_path / 'r' / 'answers.jsonl'}",
                ["judge"],
                data={"judge": tmp_path / "r" / "prompts.jsonl"},
                roles={"judge": f"replay:{tmp_path / 'r' / 'j.jsonl'}"},
                task_settings={"judge": {"rubric": "reference", "calibration": str(out)}},
                gate=config,
                out=tmp_path / "gated",
                formats=(),
            )
    advisory = [{"metric": "judge.unread", "max": 1.0}, {**rule, "tier": "advisory"}]
    assert gate(run, config={"rule": advisory}).verdict == "pass"
    compared = compare(run, run).tasks[0].metrics
    assert {each.metric: each.calibration for each in compared}["correct"] == NO_AGREEMENT


def test_a_judge_that_always_agrees_is_usable(tmp_path):
    """Nothing varies, so there is no interval: that is no reason to refuse it."""
    said = ["Yes" if each else "No" for each in TRUTH]
    run, _ = judged(tmp_path / "r", said, rubric="reference")
    found = calibrate(run, labelled(tmp_path / "labels.jsonl", TRUTH)).calibration
    assert math.isnan(found.criteria["correct"].figures["kappa"]["low"] or math.nan)
    assert found.criteria["correct"].beyond_chance
    assert not any("not usable" in note for note in found.notes)


def test_ties_of_people_and_labels_of_nothing_are_counted(binary, tmp_path):
    path = labelled(tmp_path / "labels.jsonl", TRUTH, annotator="ada")
    more = [{"id": "q0", "value": 0, "annotator": "ben"}, {"id": "q999", "value": 1}]
    path.write_text(path.read_text() + "".join(json.dumps(each) + "\n" for each in more))
    found = calibrate(binary, path)
    assert found.calibration.criteria["correct"].n == 59
    notes = " ".join(found.calibration.notes)
    assert "1 samples are labelled yes and no equally often" in notes
    assert "1 labels are of no sample" in notes


def test_labels_that_do_not_fit_are_refused(binary, tmp_path):
    def refuse(given: list[dict[str, Any]], said: str) -> None:
        with pytest.raises(DataError, match=said):
            calibrate(binary, rows(tmp_path / "labels.jsonl", given))

    refuse([{"id": "x1", "value": 1}], "none of the 1 labels")
    refuse([{"id": "q1", "value": 3}], "not on the judge's scale")
    refuse([{"id": "q1", "value": "maybe"}], "value is 'maybe'")
    refuse([{"id": "q1", "value": "NaN"}], "value is 'NaN'")
    refuse([{"id": "q1"}], "there is no label")
    refuse([{"value": 1}], "there is no id")
    refuse([{"id": "q1", "value": None}], "holds no labels")
    refuse([{"id": "q1", "value": 1, "criterion": "tone"}], "labels 'tone', and the judge graded")
    with pytest.raises(UsageError, match="have no labels"):
        calibrate(binary, None)
    with pytest.raises(UnknownNameError, match="task with a judge"):
        calibrate(binary, labelled(tmp_path / "l.jsonl", TRUTH), "squad")


def test_a_run_with_labels_of_other_samples_ends_before_it_asks(binary, tmp_path):
    others = rows(tmp_path / "labels.jsonl", [{"id": "x", "value": 1}])
    with pytest.raises(DataError, match="none of the 1 labels, such as that of 'x'"):
        judged(binary.parent, SAID, "others", rubric="reference", labels=str(others))
    assert not (binary.parent / "others").exists()


def test_a_calibration_of_another_rubric_or_judge_is_refused(binary, tmp_path):
    out = tmp_path / "calibration.json"
    record.write(out, calibrate(binary, labelled(tmp_path / "l.jsonl", TRUTH)).calibration)
    with pytest.raises(UsageError, match="another rubric: reference"):
        judged(binary.parent, SAID, "other", rubric="reference", calibration=str(out),
               criteria="correct: is it right?")  # fmt: skip
    with pytest.raises(UsageError, match="another judge"):
        judged(binary.parent, SAID[::-1], "other", "k", rubric="reference", calibration=str(out))
    assert not (binary.parent / "other").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.pop("judges"),
        lambda data: data.update(judges=[]),
        lambda data: data.update(schema=9),
        lambda data: data["criteria"]["correct"].update(positive=[41, 40]),
        lambda data: data["criteria"]["correct"].update(n=-1),
        lambda data: data["rubric"].update(sha256=5),
        lambda data: data["criteria"]["correct"]["figures"]["kappa"].update(low="much"),
    ],
)
def test_a_damaged_calibration_is_refused(binary, tmp_path, change):
    out = tmp_path / "calibration.json"
    record.write(out, calibrate(binary, labelled(tmp_path / "l.jsonl", TRUTH)).calibration)
    data = json.loads(out.read_text())
    change(data)
    out.write_text(json.dumps(data))
    with pytest.raises(DataError, match="is no calibration"):
        record.read(out)


def test_a_run_without_a_judge_is_refused(tmp_path):
    from support.judged_runs import summaries

    run = summaries(tmp_path, "plain", ["a", "b"])
    with pytest.raises(UsageError, match="has no task with a judge"):
        calibrate(run, labelled(tmp_path / "l.jsonl", [1, 0]))


def people(folder: Path, items: list[Item], kind: str, values: dict[int, float]) -> Path:
    systems = sorted({each.system for item in items for each in item.answers})
    store.create(folder, items, {"ada": range(len(items))}, store.Settings(kind, "?"), systems)
    with store.opened(folder) as opened:
        for number, value in values.items():
            assert opened.add(store.Label("ada", number, value))
    return folder


def test_labels_of_another_systems_answers_are_not_this_ones(tmp_path):
    """Two systems answered the same questions, and people labelled both."""
    run, _ = judged(tmp_path / "r", ["Yes"] * 30 + ["No"] * 10, rubric="reference")
    items = [Item("judge", f"q{n}", "?", (Answer("this", "x" * (1 + n % 7)),)) for n in range(40)]
    items += [Item("judge", f"q{n}", "?", (Answer("other", f"other {n}"),)) for n in range(40)]
    values = {n: float(n < 30) for n in range(40)} | {n + 40: float(n >= 30) for n in range(40)}
    found = calibrate(run, people(tmp_path / "people", items, "binary", values))
    assert found.figures["correct"]["kappa"].value == 1  # else the others' labels would undo it
    alone = people(tmp_path / "alone", items[40:], "binary", dict.fromkeys(range(40), 1.0))
    with pytest.raises(DataError, match="is of an answer that the judge was read on"):
        calibrate(run, alone)


def test_preferences_are_turned_towards_the_run(tmp_path):
    """Whatever stood first on the page, and whichever run was named first."""
    base, _ = judged(tmp_path / "r", ["5"] * 40, "base")
    folder = base.parent
    said = [{"id": f"q{n}", "response": ["A", "B"] if n % 2 else ["B", "A"]} for n in range(40)]
    mine = [{"id": f"q{n}", "response": f"mine {n}"} for n in range(40)]
    evaluate(
        f"replay:{rows(folder / 'mine.jsonl', mine)}",
        ["arena"],
        data={"arena": folder / "prompts.jsonl"},
        roles={"judge": f"replay:{rows(folder / 'pairs.jsonl', said)}"},
        task_settings={"arena": {"baseline": str(base)}},
        out=folder / "arena",
        formats=(),
    )
    items, values = [], {}
    for n in range(40):
        pair = (Answer("aaa", "x" * (1 + n % 7)), Answer("zzz", f"mine {n}"))
        items.append(Item("arena", f"q{n}", "?", pair[:: 1 if n % 3 else -1]))
        shown_first = items[-1].answers[0].system == "zzz"
        # The judge prefers the run's answers in odd samples; so do people, of whom 0 is the first.
        values[n] = float(shown_first != (n % 2 == 1))
    found = calibrate(folder / "arena", people(tmp_path / "people", items, "preference", values))
    figures = found.figures["win_rate"]
    assert figures["agreement"].value == 1 and figures["kappa"].value == 1
    assert figures["consistency"].value == 1 and figures["first_position"].value == 0.5


def test_a_scale_of_a_hundred_values_is_one_of_numbers(tmp_path):
    said = [str(n) for n in range(90)]
    run, _ = judged(tmp_path / "r", said, scale="0-100")
    found = calibrate(
        run, labelled(tmp_path / "labels.jsonl", [min(100, n + 3) for n in range(90)])
    )
    figures = found.figures["quality"]
    assert figures["alpha_interval"].value > 0.99 and figures["bias"].value == pytest.approx(-3)
    assert "kappa" not in figures
