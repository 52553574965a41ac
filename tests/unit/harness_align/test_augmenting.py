"""``--augment PROBE``: training rows in the variants of any registered probe."""

from __future__ import annotations

import pytest

from harness import load_plugins
from harness.authoring.io import serialization
from harness.errors import DataError, UnknownNameError
from harness.types import Message, Sample
from harness_align.dataset.training_rows import Row, Rows
from harness_align.preparation import augmenting


@pytest.fixture(scope="module")
def registry():
    return load_plugins()


def augmented(rows, probes, registry, settings=None, seed=0):
    found = augmenting.augment(rows, probes, registry, settings or {}, seed)
    return found.rows.rows, found.made


def test_every_gendered_row_gets_its_counterpart_once(registry):
    rows = Rows(
        "preference",
        (
            Row(1, "The man", " said he won", " said nothing"),
            Row(2, "The woman", " said she won", " said nothing"),
            Row(3, "The dog", " barked", " slept"),
            Row(4, "A boy", " ran", " sat"),
            Row(5, "The cook", " lost his keys", " lost"),
        ),
        "x",
    )
    made, counts = augmented(rows, ["gender"], registry)
    assert [(row.prompt, row.chosen) for row in made] == [
        ("The man", " said he won"), ("The woman", " said she won"), ("The dog", " barked"),
        ("A boy", " ran"), ("A girl", " ran"),
        ("The cook", " lost his keys"), ("The cook", " lost her keys"),
    ]  # fmt: skip
    assert counts == {"gender_swap": 2}
    assert made[4].facts == {"augmented_by": "gender_swap"}


def test_a_conversation_is_swapped_as_a_whole(registry):
    prompt = (Message("system", "He is a king."), Message("user", "Who is he?"))
    answer = (Message("assistant", "He is the king."),)
    made, _ = augmented(
        Rows("completion", (Row(1, prompt, answer),), "x"), ["gender_swap"], registry
    )
    assert [turn.content for turn in made[1].prompt] == ["She is a queen.", "Who is she?"]
    assert made[1].chosen[0].content == "She is the queen."


def test_words_are_misspelt_and_the_answer_stays(registry):
    prompt = "Review: a wonderful and moving story about friendship\nSentiment:"
    rows = Rows("preference", (Row(1, prompt, " positive", " negative"),), "x")
    made, counts = augmented(rows, ["typos"], registry, {"typos": {"strength": "0.3,0.6"}})
    assert counts == {"typos": 2}
    assert len({row.prompt for row in made}) == 3
    assert {(row.chosen, row.rejected) for row in made} == {(" positive", " negative")}
    again, _ = augmented(rows, ["typos"], registry, {"typos": {"strength": "0.3,0.6"}})
    assert again == made
    other, _ = augmented(rows, ["typos"], registry, {"typos": {"strength": "0.3,0.6"}}, seed=1)
    assert other != made


def sampled(text, target="positive"):
    """A row as it is made of a task's sample, with solved examples before the question."""
    sample = Sample("7", text, (target,), ("negative", "positive"))
    written = serialization.dumps(serialization.sample_to_json(sample))
    prompt = f"Review: fine\nSentiment: positive\n\nReview: {text}\nSentiment:"
    return Row(1, prompt, " positive", " negative", facts={"task": "sst2", "sample": written})


def test_of_a_tasks_rows_only_the_samples_own_text_changes(registry):
    text = "a wonderful and moving story about friendship"
    rows = Rows("preference", (sampled(text),), "x")
    made, _ = augmented(rows, ["typos"], registry, {"typos": {"strength": "1"}})
    head, tail = "Review: fine\nSentiment: positive\n\nReview: ", "\nSentiment:"
    assert made[1].prompt.startswith(head)
    assert made[1].prompt.endswith(tail)
    changed = made[1].prompt[len(head) : -len(tail)]
    assert changed != text
    kept = serialization.sample_from_json(__import__("json").loads(made[1].facts["sample"]))
    assert (kept.id, kept.input, kept.targets) == ("7", changed, ("positive",))


@pytest.mark.parametrize("written", ["{", "[]", '{"id": 1}', '{"input": 3}', "null"])
def test_a_damaged_sample_in_a_row_is_passed_over(written, registry):
    row = Row(1, "a wonderful story about friendship", " positive", " negative",
              facts={"task": "sst2", "sample": written})  # fmt: skip
    made, _ = augmented(Rows("preference", (row,), "x"), ["case"], registry)
    assert len(made) > 1


def test_a_text_is_augmented_itself(registry):
    rows = Rows("text", (Row(1, "", "The king was old and he slept."),), "x")
    made, _ = augmented(rows, ["gender_swap"], registry)
    assert made[1].chosen == "The queen was old and she slept."
    made, _ = augmented(rows, ["typos"], registry, {"typos": {"strength": "0.5"}})
    assert made[1].chosen != rows.rows[0].chosen


def test_what_cannot_be_done_is_told(registry):
    rows = Rows("completion", (Row(1, "The dog", " barked"),), "x")
    with pytest.raises(UnknownNameError, match="gender_swap"):
        augmenting.augment(rows, ["gender_swop"], registry, {}, 0)
    with pytest.raises(DataError, match=r"makes no variant.*no gendered word \(1\)"):
        augmenting.augment(rows, ["gender_swap"], registry, {}, 0)
    with pytest.raises(DataError, match="option_order makes no variant"):
        augmenting.augment(rows, ["option_order"], registry, {}, 0)
