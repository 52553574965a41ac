"""The split that keeps the sample data out of the training text."""

import itertools

from demo_model.corpus import documents, examples
from demo_model.examples import HELD_BACK_SHARE, Source, is_held_back
from demo_model.families import qa, stereotypes, translation
from demo_model.words import PEOPLE, TOWNS


def test_about_one_combination_in_six_is_held_back():
    pairs = [is_held_back(person, town) for person in PEOPLE for town in TOWNS]
    assert abs(sum(pairs) / len(pairs) - 1 / HELD_BACK_SHARE) < 0.05


def test_parts_are_kept_apart():
    together = [is_held_back(f"{a}{b}") for a in PEOPLE for b in TOWNS]
    apart = [is_held_back(a, b) for a in PEOPLE for b in TOWNS]
    assert together != apart


def test_both_sides_draw_disjoint_facts():
    def facts(held_back):
        source = Source(1, held_back=held_back)
        return {
            (question.subject, question.text, question.answer)
            for _ in range(600)
            for question in qa.passage(source, 3).questions
        }

    training, samples = facts(False), facts(True)
    assert len(training) > 500 and len(samples) > 500
    assert not training & samples


def test_both_sides_draw_disjoint_sentences():
    for style in translation.STYLES:
        sides = [
            {style(Source(seed, held_back=held_back)) for seed in range(400)}
            for held_back in (False, True)
        ]
        assert not sides[0] & sides[1]


def test_both_sides_draw_disjoint_scenes_and_pairs():
    sides = []
    for held_back in (False, True):
        source = Source(5, held_back=held_back)
        drawn = {stereotypes.scene(source).ambiguous for _ in range(500)}
        drawn |= {stereotypes.pair(source).more for _ in range(500)}
        sides.append(drawn)
    assert not sides[0] & sides[1]


def test_same_seed_same_text_and_another_seed_another():
    first, again, other = (list(itertools.islice(documents(seed), 300)) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_training_text_holds_every_family_in_both_forms():
    drawn = list(itertools.islice(documents(0), 2000))
    families = {document.examples[0].family for document in drawn}
    assert families == {
        "qa", "summary", "translation", "sentiment", "choices", "continuation", "bbq", "sentence",
        "story",
    }  # fmt: skip
    prompted = [document for document in drawn if document.examples[0].prompt]
    chat = sum(document.chat for document in prompted) / len(prompted)
    assert 0.45 < chat < 0.55
    assert not any(document.chat for document in drawn if not document.examples[0].prompt)
    assert any(len(document.examples) > 3 for document in drawn)


def test_held_back_examples_do_not_occur_among_training_examples():
    training = {example.prompt for example in itertools.islice(examples(0), 20_000)} - {""}
    held_back = {
        example.prompt for example in itertools.islice(examples(0, held_back=True), 2_000)
    } - {""}
    assert not training & held_back
