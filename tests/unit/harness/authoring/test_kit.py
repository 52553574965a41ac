"""The shells of tasks: what a third party's task is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.authoring import generation, multiple_choice, perplexity
from harness.authoring.answers.choices import softmax
from harness.authoring.generation import CUT_OFF
from harness.authoring.grading import Graded, Grader, Only, metrics_of
from harness.authoring.metrics import Mean
from harness.authoring.multiple_choice import Choice
from harness.authoring.prompts import Prompt
from harness.authoring.readers.samples import named
from harness.errors import PluginError, UsageError, plugin_call
from harness.protocols import DeclaresScoring, Task, TaskOptions
from harness.types import (
    Classify,
    ClassProbs,
    Completion,
    DataSource,
    Generate,
    Logprob,
    RollingLoglikelihood,
    Sample,
    Sampling,
    Unscored,
)

COLOURS = Sample("1", "What is snow?", ("white",), ("red", "white", "blue"))
SAID: Grader[str] = Graded(
    (Mean("length"), Mean("right")),
    lambda text, sample: {"length": float(len(text)), "right": float(text in sample.targets)},
)
RIGHT: Grader[Choice] = Graded((Mean("right"),), lambda choice, _: {"right": choice.correct})


def read(data: DataSource) -> Iterator[Sample]:
    if data.label == "broken":
        raise ZeroDivisionError("a fault of the reader")
    yield COLOURS


def generating(**more: Any) -> Task:
    prompt = Prompt("default", "Q: {{ q }}", "q", lambda each: each.targets[0])
    return generation.task("colours", read, prompt, Sampling(8, ("\n",)), [SAID], **more)


def choosing(scoring: str, labels: tuple[str, ...] = (), **options: str) -> Task:
    asking = multiple_choice.asking_for(
        TaskOptions(options),
        {"default": "{{ q }}", "lettered": "{{ q }}\n{{ options }}"},
        "q",
        scoring=scoring,
        labels=labels,
    )
    return multiple_choice.task(
        "colours", read, asking, [RIGHT], [SAID], settings=multiple_choice.settings_of(asking)
    )


def test_a_text_is_generated_after_solved_examples_and_graded() -> None:
    task = generating(notes={"language": "en"})
    (request,) = task.requests(COLOURS, [COLOURS])
    assert request == Generate("Q: What is snow? white\n\nQ: What is snow?", Sampling(8, ("\n",)))
    assert task.score(COLOURS, [Completion("white")]) == {"length": 5.0, "right": 1.0}
    assert isinstance(task, DeclaresScoring)
    assert set(task.scored_by) == {"scoring", "template", "language"}


def test_an_answer_that_did_not_come_is_neither_right_nor_wrong_where_the_task_says_so() -> None:
    cut = Completion("", finish_reason="length")
    unanswerable = Sample("2", "?")
    assert generating(notes={}).score(unanswerable, [cut])["length"] == len(CUT_OFF)
    task = generating(notes={}, unscored=lambda answer: "cut" if answer.cut_off else None)
    assert task.score(COLOURS, [cut]) == dict.fromkeys(("length", "right"), Unscored("cut"))


@pytest.mark.parametrize(
    ("template", "asked"),
    [("default", [" red", " white", " blue"]), ("lettered", [" A", " B", " C"])],
)
def test_options_are_asked_for_by_text_or_by_letter(template: str, asked: list[str]) -> None:
    task = choosing("loglikelihood", template=template)
    requests = task.requests(COLOURS, [])
    assert [request.continuation for request in requests] == asked
    found = task.score(COLOURS, [Logprob(total, 1, False) for total in (-3.0, -1.0, -2.0)])
    assert found == {"right": 1.0, "length": 5.0}


def test_a_written_answer_is_read_and_counted_where_it_names_nothing() -> None:
    task = choosing("generate", template="lettered")
    assert [metric.name for metric in task.metrics][:2] == ["right", "unread"]
    assert task.score(COLOURS, [Completion("B")])["unread"] == 0.0
    unread = task.score(COLOURS, [Completion("none of them, says the cat")])
    assert (unread["right"], unread["unread"]) == (0.0, 1.0)


def test_labels_are_the_options_of_every_sample() -> None:
    task = choosing("classify", labels=("red", "white"))
    assert task.requests(COLOURS, []) == [Classify("What is snow?", ("red", "white"))]
    assert task.score(COLOURS, [ClassProbs((0.4, 0.6))])["right"] == 1.0
    assert task.score(COLOURS, [ClassProbs((0.5, 0.5))])["right"] == 0.0  # the first of equals


@given(st.lists(st.floats(-50, 0), min_size=3, max_size=3))
def test_the_likeliest_option_is_the_choice(totals: list[float]) -> None:
    asking = multiple_choice.asking_for(
        TaskOptions(), {"default": "{{ q }}"}, "q", scoring="loglikelihood"
    )
    choice = asking.choice(COLOURS, [Logprob(total, 1, False) for total in totals])
    assert choice.index is not None
    assert totals[choice.index] == max(totals)
    assert list(choice.probabilities) == softmax(totals)
    assert choice.correct == (choice.index == 1)


def test_a_text_is_scored_whole() -> None:
    grader: Grader[float] = Graded((Mean("total"),), lambda total, _: {"total": total})
    task = perplexity.task("prose", read, [grader], version="1")
    assert task.requests(COLOURS, [COLOURS]) == [RollingLoglikelihood("What is snow?")]
    assert task.score(COLOURS, [Logprob(-7.0, 3, False)]) == {"total": -7.0}


def test_some_of_a_graders_metrics() -> None:
    only = Only(SAID, ("right",))
    assert [metric.name for metric in metrics_of([only])] == ["right"]
    assert only.grade("white", COLOURS) == {"right": 1.0}


def test_without_a_hub_the_error_says_what_to_give() -> None:
    task = generating(notes={}, without_hub="FOLDER")
    with pytest.raises(UsageError, match="no data set on the hub") as error:
        list(task.samples(DataSource("hub", "x")))
    assert error.value.hint == "Give --data colours=FOLDER."


def test_a_fault_is_of_the_plugin_whose_reader_it_is_not_of_the_shell() -> None:
    task = generating(notes={})
    with pytest.raises(PluginError) as error, plugin_call(task, "it failed"):
        list(task.samples(DataSource("path", "broken")))
    assert error.value.hint is not None
    assert __name__.partition(".")[0] in error.value.hint
    assert "test_kit.py" in error.value.hint


def test_a_mapped_column_wins_over_the_datas_own_name() -> None:
    row = {"sentence": "a", "text": "b"}
    assert named(DataSource("path", "x"), row, "sentence", "text") == "sentence"
    mapped = DataSource("path", "x", columns=(("text", "review"),))
    assert named(mapped, row, "sentence", "text") == "text"
    assert named(mapped, {}, "sentence", "text") == "text"
