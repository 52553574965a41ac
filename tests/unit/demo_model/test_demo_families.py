"""What the families say is right: answers stand in passages, German agrees, labels fit."""

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from demo_model.examples import Source
from demo_model.families import choices, qa, sentiment, stereotypes, stories, summaries, translation
from demo_model.families.translation import Noun, noun_phrase

sources = st.builds(
    lambda seed, held_back: Source(seed, held_back=held_back), st.integers(), st.booleans()
)
often = hypothesis_settings(deadline=None, max_examples=60)


@often
@given(sources, st.sampled_from([2, 3, 4]))
def test_answers_stand_in_the_passage_and_are_unique(source, count):
    made = qa.passage(source, count)
    assert 2 <= made.context.count(".") <= count
    for question in made.questions:
        assert question.answer
        assert question.answer.lower() in made.context.lower()
    texts = [question.text for question in made.questions]
    assert len(set(texts)) == len(texts)
    answers = {question.text: question.answer for question in made.questions}
    assert not any(question.text in answers for question in made.unanswerable)
    assert all(question.answer == "" for question in made.unanswerable)


@often
@given(sources)
def test_prompts_of_a_dialogue_start_with_the_passage(source):
    first, *more = qa.dialogue(source, 3, questions=3)
    assert "Background: " in first.prompt and first.prompt.endswith("\n\nAnswer:")
    assert all(
        each.prompt.startswith("Question: ") and "Background" not in each.prompt for each in more
    )


@often
@given(sources)
def test_summaries_say_what_the_document_says(source):
    made = summaries.item(source)
    assert made.three_sentences.startswith(made.one_sentence)
    assert made.three_sentences.count(".") == 3
    said = set(made.document.lower().replace(",", "").replace(".", "").split())
    told = set(made.three_sentences.lower().replace(",", "").replace(".", "").split())
    assert told <= said


@pytest.mark.parametrize(
    ("gender", "case", "definite", "german"),
    [
        ("m", "nominative", True, "der rote Hut"),
        ("m", "accusative", True, "den roten Hut"),
        ("m", "dative", True, "dem roten Hut"),
        ("m", "nominative", False, "ein roter Hut"),
        ("m", "accusative", False, "einen roten Hut"),
        ("m", "dative", False, "einem roten Hut"),
        ("f", "nominative", True, "die rote Hut"),
        ("f", "accusative", False, "eine rote Hut"),
        ("f", "dative", True, "der roten Hut"),
        ("f", "dative", False, "einer roten Hut"),
        ("n", "nominative", False, "ein rotes Hut"),
        ("n", "accusative", True, "das rote Hut"),
        ("n", "accusative", False, "ein rotes Hut"),
        ("n", "dative", False, "einem roten Hut"),
    ],
)
def test_german_articles_and_adjectives_agree(gender, case, definite, german):
    noun = Noun("hat", "Hut", gender)
    assert noun_phrase(noun, case, ("red", "rot"), definite=definite)[1] == german


def test_english_article_before_a_vowel():
    noun = Noun("apple", "Apfel", "m")
    assert noun_phrase(noun, "accusative", None, definite=False) == ("an apple", "einen Apfel")
    assert noun_phrase(noun, "accusative", ("red", "rot"), definite=False)[0] == "a red apple"


@often
@given(sources, st.sampled_from(translation.STYLES))
def test_translations_are_word_for_word(source, style):
    english, german = style(source)
    assert len(english.split()) == len(german.split())
    assert english.endswith(".") and german.endswith(".")
    assert english[0].isupper() and german[0].isupper()


@often
@given(sources)
def test_negation_and_concession_turn_the_label(source):
    made = sentiment.opinion(source)
    assert made.label in sentiment.LABELS
    words = made.text.lower().replace(",", " ").replace(".", " ").replace("!", " ").split()
    good = [word for word in words if word in sentiment.GOOD]
    bad = [word for word in words if word in sentiment.BAD]
    turned = any(
        mark in made.text for mark in (" not ", " never ", "anything but", "stop complaining")
    )
    if good and not bad:
        assert (made.label == "positive") != turned
    if bad and not good:
        assert (made.label == "negative") != turned
    assert " a a" not in made.text and " a e" not in made.text


@often
@given(sources, st.sampled_from([choices.knowledge, choices.continuation]))
def test_choices_are_four_and_one_is_right(source, make):
    made = make(source)
    assert len(set(made.choices)) == 4
    right = made.choices[made.answer]
    if make is choices.knowledge:
        topic = next(topic for topic in choices.TOPICS if right in topic.facts.values())
        assert any(fact in made.question for fact, answer in topic.facts.items() if answer == right)
    else:
        name = made.question.split(":")[0]
        activity = next(activity for activity in choices.ACTIVITIES if activity.name == name)
        assert right in activity.endings
        assert not set(made.choices) & set(activity.endings) - {right}


@often
@given(sources)
def test_pairs_differ_in_the_group_alone(source):
    made = stereotypes.pair(source)
    more, less = made.more.split(), made.less.split()
    assert made.more != made.less
    assert len(more) == len(less)
    assert 1 <= sum(a != b for a, b in zip(more, less, strict=True)) <= 2


@often
@given(sources, st.booleans())
def test_evidence_names_who_did_what(source, follows):
    made = stereotypes.scene(source)
    context = made.disambiguated(follows=follows)
    assert context.startswith(made.ambiguous)
    assert f"The {made.stereotyped[0]}" in context or f"the {made.stereotyped[0]}" in context
    assert made.disambiguated(follows=True) != made.disambiguated(follows=False)


def test_situations_leave_room_for_answers_against_the_stereotype():
    assert all(
        situation.bias > 0 and situation.fair > 0 and situation.bias + situation.fair < 1
        for situation in stereotypes.SITUATIONS
    )


@often
@given(sources)
def test_stories_are_filled_in(source):
    text = stories.story(source)
    assert "{" not in text and text.endswith(".")
    assert 4 <= text.count(".") <= 5
