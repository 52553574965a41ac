from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from harness.authoring.reporting import records
from harness.authoring.reporting.page import embedded_json
from harness.authoring.reporting.records import Clipper
from harness.results import runfolder
from harness.types import (
    Ask,
    Classify,
    ClassProbs,
    Completion,
    DataSource,
    Estimate,
    ExtractAnswer,
    Failed,
    Generate,
    Loglikelihood,
    Logprob,
    Message,
    MetricResult,
    Request,
    Response,
    RollingLoglikelihood,
    Round,
    RunResult,
    Sample,
    SampleRecord,
    ScoreValue,
    TaskResult,
    Unscored,
)
from harness_reports.records import browser

SAMPLE = Sample("s", "the input", ("b",), ("a", "b"))
GENERATED = (Generate("the prompt"),)


def task(**directions: bool | None) -> TaskResult:
    metrics = {
        name: MetricResult(Estimate(0.5, 0.1, 0.3, 0.7, 3, "mean"), direction)
        for name, direction in directions.items()
    }
    return TaskResult("t", "1", 3, 0, DataSource("path", "t.jsonl"), "00", metrics)


def payload(folder: Path, shown: TaskResult, *records: SampleRecord) -> dict[str, Any]:
    runfolder.write_samples(folder, shown.name, records)
    result = browser.payload(folder, shown, Clipper())
    assert result is not None
    embedded_json(result)
    return result


def record(
    scores: dict[str, ScoreValue],
    requests: tuple[Request, ...] = GENERATED,
    responses: tuple[Response, ...] = (Completion("an answer"),),
) -> SampleRecord:
    return SampleRecord(SAMPLE, requests, responses, scores)


def test_right_and_wrong_follow_the_first_metric_of_fractions(tmp_path: Path) -> None:
    shown = payload(
        tmp_path,
        task(share=None, length=True, f1=True, exact=True),
        record({"share": 1.0, "length": 12.0, "f1": 1.0, "exact": 0.0}),
        record({"share": 1.0, "length": 0.0, "f1": 0.5, "exact": 0.0}),
        record({"share": 1.0, "length": 1.0, "f1": 0.0, "exact": 1.0}),
        record({"length": 1.0, "f1": Unscored("cannot be parsed")}),
        record({"length": 1.0}),
        record({}, responses=(Failed("no answer"),)),
    )
    assert shown["primary"] == "f1"
    verdicts = [sample["verdict"] for sample in shown["samples"]]
    assert verdicts == ["right", "partial", "wrong", "error", "scored", "error"]
    assert shown["samples"][3]["error"] == "cannot be parsed"


def test_where_lower_is_better_zero_is_right(tmp_path: Path) -> None:
    shown = payload(tmp_path, task(loss=False), record({"loss": 0.0}), record({"loss": 1.0}))
    assert [sample["verdict"] for sample in shown["samples"]] == ["right", "wrong"]


def test_corpus_statistics_make_nothing_right_or_wrong(tmp_path: Path) -> None:
    shown = payload(tmp_path, task(bleu=True), record({"bleu": (3.0, 1.0, "text")}))
    assert shown["primary"] is None
    assert shown["samples"][0]["verdict"] == "scored"
    assert shown["samples"][0]["scores"] == [[3.0, 1.0, "text"]]


def test_choices_carry_their_log_likelihoods_and_share_the_prompt(tmp_path: Path) -> None:
    requests = tuple(Loglikelihood("Question: q\nAnswer:", f" {choice}") for choice in "ab")
    responses = (Logprob(-2.5, 1, False), Logprob(-math.inf, 1, False))
    (sample,) = payload(tmp_path, task(acc=True), record({"acc": 0.0}, requests, responses))[
        "samples"
    ]
    assert sample["prompt"] == "Question: q\nAnswer:"
    assert sample["responses"] == []
    assert sample["choices"] == [
        {"text": " a", "logprob": -2.5, "tokens": 1, "greedy": False},
        {"text": " b", "logprob": None, "tokens": 1, "greedy": False},
    ]


def test_requests_without_a_common_prompt_show_each_whole_text(tmp_path: Path) -> None:
    requests = (Loglikelihood("one ", "end"), Loglikelihood("two ", "end"))
    responses = (Logprob(-1.0, 1, False), Logprob(-2.0, 1, False))
    (sample,) = payload(tmp_path, task(acc=True), record({"acc": 1.0}, requests, responses))[
        "samples"
    ]
    assert sample["prompt"] == "the input"
    assert [choice["text"] for choice in sample["choices"]] == ["one end", "two end"]


@pytest.mark.parametrize(
    ("request_", "prompt"),
    [
        (Generate((Message("system", "be brief"), Message("user", "hi"))), "[system]\nbe brief"),
        (RollingLoglikelihood("a text"), "a text"),
        (Classify("a text", ("no", "yes")), "a text"),
        (ExtractAnswer("who?", "a passage"), "a passage\n\nwho?"),
    ],
)
def test_every_kind_of_request_shows_its_prompt(
    tmp_path: Path, request_: Request, prompt: str
) -> None:
    response: Response = (
        ClassProbs((0.25, 0.75)) if isinstance(request_, Classify) else Logprob(-3.0, 2, True)
    )
    shown = payload(tmp_path, task(acc=True), record({"acc": 1.0}, (request_,), (response,)))
    (sample,) = shown["samples"]
    assert sample["prompt"].startswith(prompt)
    if isinstance(request_, Classify):
        assert sample["choices"] == [
            {"text": "no", "probability": 0.25},
            {"text": "yes", "probability": 0.75},
        ]


def test_long_texts_are_clipped_and_say_so(tmp_path: Path) -> None:
    runfolder.write_samples(
        tmp_path, "t", [record({"acc": 1.0}, responses=(Completion("x" * 25_000),))]
    )
    clip = Clipper()
    shown = browser.payload(tmp_path, task(acc=True), clip)
    assert shown is not None
    (response,) = shown["samples"][0]["responses"]
    assert response == "x" * 20_000 + "… [5,000 more characters]"
    assert clip.clipped == 1


def test_a_full_page_clips_harder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "PAGE_LIMIT", 1_000)
    clip = Clipper()
    assert clip("x" * 1_500) == "x" * 1_500
    assert clip("x" * 1_500).startswith("x" * 500 + "… [1,000 more")


def test_records_beyond_the_limit_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser, "RECORD_LIMIT", 2)
    shown = payload(tmp_path, task(acc=True), *[record({"acc": 1.0})] * 5)
    assert (len(shown["samples"]), shown["total"]) == (2, 5)


def test_a_folder_without_samples_has_no_browser(tmp_path: Path) -> None:
    assert browser.payload(tmp_path, task(acc=True), Clipper()) is None


def test_the_task_name_comes_first(run_folder: tuple[RunResult, Path]) -> None:
    result, folder = run_folder
    shown = browser.payload(folder, result.tasks["squad"], Clipper())
    assert json.dumps(shown).startswith('{"task": "squad"')


def test_an_unread_answer_can_be_found_and_is_no_error(tmp_path: Path) -> None:
    cut_off = Completion("", "length", 9, None, "Let me see")
    shown = task(acc=True, unread=False)
    wrong, unread = payload(
        tmp_path,
        shown,
        record({"acc": 0.0, "unread": 0.0}),
        record({"acc": 0.0, "unread": 1.0}, responses=(cut_off,)),
    )["samples"]
    assert (wrong["verdict"], unread["verdict"]) == ("wrong", "unread")
    assert unread["thinking"] == ["Let me see"]
    assert unread["cut_off"] is True
    assert not {"error", "thinking", "cut_off", "unread"} & wrong.keys()


def test_later_rounds_show_what_was_asked_last_and_by_whom(tmp_path: Path) -> None:
    turns = (Message("user", "first"), Message("assistant", "yes"), Message("user", "why?"))
    judging = Generate("judge this")
    talked = SampleRecord(
        SAMPLE,
        (Generate(turns[:1]),),
        (Completion("yes"),),
        {"acc": 1.0},
        later_rounds=(
            Round((Ask("model", Generate(turns)),), (Completion("because"),)),
            Round((Ask("judge", judging),) * 2, (Completion("good"), Completion("fair"))),
            Round((Ask("judge", Loglikelihood("p", " a")),), (Logprob(-0.5, 1, True),)),
        ),
        repeat=1,
    )
    (entry,) = payload(tmp_path, task(acc=True), talked)["samples"]
    assert entry["rounds"] == [
        {"title": "Round 2", "prompt": "why?", "responses": ["because"]},
        {"title": "Round 3, judge", "prompt": "judge this", "responses": ["good", "fair"]},
        {"title": "Round 4, judge", "prompt": "p", "responses": [" a: -0.5"]},
    ]
    assert entry["repeat"] == 2
    (plain,) = payload(tmp_path, task(acc=True), record({"acc": 1.0}))["samples"]
    assert {"rounds", "repeat"} & plain.keys() == set()
