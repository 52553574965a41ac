"""In which words each task asks."""

import pytest

from harness.errors import ConfigError, DataError, UnknownNameError
from harness.types import Sample
from support.shipped_tasks import CHOICE, FILM, QUESTION, SPECS, open_task, prompt_of

ELSEWHERE = {"chat", "humaneval"}
"""Tested in files of their own."""
NAMED = Sample("1", "fine film", ("[]",), metadata={"types": ("person", "place")})


@pytest.mark.parametrize(
    ("name", "sample", "prompt"),
    [
        (
            "squad",
            QUESTION,
            "Title: Visit\n\nBackground: Ann came.\n\nQuestion: Who?\n\nAnswer:",
        ),
        (
            "qa",
            Sample("1", "Who?", ("Ann",), metadata={"context": "Ann came.", "title": ""}),
            "Background: Ann came.\n\nQuestion: Who?\n\nAnswer:",
        ),
        (
            "xsum",
            Sample("1", "Rain.", ("Wet.",)),
            "###\nArticle: Rain.\n\nSummarize the above article in 1 sentence.\n",
        ),
        (
            "cnn_dailymail",
            Sample("1", "Rain.", ("Wet.",)),
            "###\nArticle: Rain.\n\nSummarize the above article in 3 sentences.\n",
        ),
        ("wmt22_en_de", Sample("1", "Rain.", ("Regen.",)), "English phrase: Rain.\nGerman phrase:"),
        (
            "sst2",
            FILM,
            "fine film\nQuestion: Is this sentence positive or negative?\nAnswer:",
        ),
        (
            "sentiment",
            FILM,
            "fine film\nQuestion: Is this sentence positive or negative?\nAnswer:",
        ),
        ("multiple_choice", CHOICE, "Question: 2 + 2?\nAnswer:"),
        ("gsm8k", CHOICE, "Question: 2 + 2?\nAnswer:"),
        ("hellaswag", CHOICE, "2 + 2?"),
    ],
)
def test_default_prompts(name: str, sample: Sample, prompt: str) -> None:
    assert prompt_of(open_task(name), sample) == prompt


@pytest.mark.parametrize(
    "name", [name for name in SPECS if SPECS[name].templates and name not in ELSEWHERE]
)
def test_every_template_of_a_spec_can_be_filled_with_and_without_shots(name: str) -> None:
    sample = {"sentiment": FILM, "sst2": FILM, "entities": NAMED}.get(name)
    if sample is None:
        sample = CHOICE if name in ("multiple_choice", "hellaswag") else QUESTION
    for template in SPECS[name].templates:
        task = open_task(name, template=template)
        alone, after = prompt_of(task, sample), prompt_of(task, sample, sample)
        assert sample.input in alone
        assert after.endswith(alone)
        assert len(after) > 2 * len(alone)
        settings = getattr(task, "settings", {})
        assert settings["template"] == template


def test_three_labels_are_listed_in_the_question() -> None:
    task = open_task("sentiment", labels="negative,neutral,positive")
    assert "Is this sentence positive, neutral or negative?" in prompt_of(task, FILM)


def test_languages_are_named_in_the_prompt() -> None:
    task = open_task(
        "translation", source_language="Czech", target_language="Japanese", tokenize="13a"
    )
    assert prompt_of(task, Sample("1", "pes", ("犬",))) == "Czech phrase: pes\nJapanese phrase:"


def test_solved_examples() -> None:
    shot = Sample("0", "Where?", (), metadata={"context": "Here.", "title": ""})
    assert prompt_of(open_task("squad_v2"), QUESTION, shot).startswith(
        "Background: Here.\n\nQuestion: Where?\n\nAnswer: unanswerable\n\nTitle: Visit"
    )
    other = Sample("0", "1 + 2?", ("three",), ("three", "five"))
    assert prompt_of(open_task("multiple_choice"), CHOICE, other) == (
        "Question: 1 + 2?\nAnswer: three\n\nQuestion: 2 + 2?\nAnswer:"
    )
    lettered = prompt_of(open_task("multiple_choice", template="lettered"), CHOICE, other)
    assert lettered.startswith("Question: 1 + 2?\nA. three\nB. five\n")
    assert "Answer: A\n\nQuestion: 2 + 2?" in lettered
    article = Sample("0", "Sun.", ("Dry.",))
    assert prompt_of(open_task("xsum"), Sample("1", "Rain.", ("Wet.",)), article).startswith(
        "###\nArticle: Sun.\n\nSummarize the above article in 1 sentence.\nDry.\n\n###\nArticle: "
    )


def test_your_own_template() -> None:
    own = {"mine": "{{ question }} ({{ context }})"}
    assert (
        prompt_of(open_task("qa", templates=own, template="mine"), QUESTION) == "Who? (Ann came.)"
    )
    with pytest.raises(UnknownNameError, match="unknown template 'mien'\nDid you mean mine"):
        open_task("qa", templates=own, template="mien")
    with pytest.raises(ConfigError, match="'nothing' is undefined"):
        prompt_of(open_task("qa", templates={"t": "{{ nothing }}"}, template="t"), QUESTION)


def test_a_row_s_own_prompt_is_used_as_it_is_and_follows_a_probe() -> None:
    task = open_task("qa")
    row = {"prompt": "Say: Who? Now.", "prompt_input": "Who?", "context": "c", "title": ""}
    assert prompt_of(task, Sample("1", "Who?", ("x",), metadata=row), QUESTION) == "Say: Who? Now."
    assert prompt_of(task, Sample("1", "Whoo?", ("x",), metadata=row)) == "Say: Whoo? Now."
    with pytest.raises(DataError, match="prompt of sample '1' does not contain its input 'Whom"):
        prompt_of(task, Sample("1", "Who?", metadata={**row, "prompt_input": "Whom?"}))
