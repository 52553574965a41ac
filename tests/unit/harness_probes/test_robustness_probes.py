"""Robustness probes: what each does, and what all of them keep."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.authoring.metrics import Mean
from harness.errors import UnknownNameError, UsageError
from harness.protocols import ProbeOptions, TaskOptions, TaskSpec
from harness.testing import check_probe
from harness.types import Sample, Score, Skipped
from harness_probes.robustness import spelling
from harness_probes.robustness.specs import SPECS
from harness_probes.robustness.wording import synonyms_of

BY_NAME = {spec.name: spec for spec in SPECS}
GRADED = ("typos", "misspellings", "homoglyphs", "whitespace", "fillers", "synonyms")
SENTENCE = "The movie isn't really beautiful, because I do not believe that its story is excellent."

texts = st.text(max_size=60) | st.lists(
    st.sampled_from([*SENTENCE.split(), "Paris", "a", "—", "42", "你好"]), max_size=15
).map(" ".join)
samples = st.builds(
    Sample,
    st.text(min_size=1, max_size=5),
    texts,
    st.lists(texts, max_size=2).map(tuple),
    st.lists(texts, max_size=4, unique=True).map(tuple),
    metadata=st.just({}) | st.builds(lambda context: {"context": context}, texts),
)


def variants(name: str, sample: Sample, seed: int = 7, **values: str) -> list:
    probe = BY_NAME[name].open(ProbeOptions(values))
    return list(probe.perturb(sample, random.Random(seed)))


def edited(name: str, text: str, **values: str) -> list[str]:
    return [variant.input for variant in variants(name, Sample("1", text), **values)]


@settings(deadline=None, max_examples=40)
@given(samples)
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_ids_targets_and_some_text_are_kept(spec, sample) -> None:
    check_probe(spec.open(ProbeOptions()), [sample])


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(SENTENCE.split()), st.integers(0, 99))
@pytest.mark.parametrize("name", [*GRADED, "case", "punctuation", "contractions"])
def test_an_answer_in_the_text_survives(name, answer, seed) -> None:
    answer = answer.strip(",.")
    sample = Sample("1", SENTENCE, (answer,))
    for variant in variants(name, sample, seed):
        assert answer in variant.input.split() or answer in variant.input


@pytest.mark.parametrize("name", [*GRADED, "case", "punctuation", "contractions"])
def test_a_text_to_work_on_is_changed(name) -> None:
    made = list(variants(name, Sample("1", SENTENCE)))
    assert made
    for variant in made:
        assert variant.input != SENTENCE
        assert len(variant.input.split()) >= 10


@pytest.mark.parametrize("name", GRADED)
def test_strength_makes_levels_that_grow(name) -> None:
    probe = BY_NAME[name].open(ProbeOptions({"strength": "0.1,0.5,1"}))
    assert probe.labels == ("0.1", "0.5", "1")
    made = [variant.input for variant in probe.perturb(Sample("1", SENTENCE), random.Random(1))]
    same = [sum(a == b for a, b in zip(text, SENTENCE, strict=False)) for text in made]
    assert len(set(made)) == 3
    assert same[0] >= same[2]


@pytest.mark.parametrize("strength", ["0", "1.5", "much", ""])
def test_a_strength_out_of_range_is_refused(strength) -> None:
    with pytest.raises(UsageError, match="strength"):
        BY_NAME["typos"].open(ProbeOptions({"strength": strength}))


def test_other_fields_can_be_edited() -> None:
    sample = Sample("1", "Who?", ("Paris",), metadata={"context": "People love Paris very much."})
    (variant,) = variants("typos", sample, fields="context", strength="1")
    assert variant.input == "Who?"
    assert "Paris" in variant.metadata["context"]
    assert variant.metadata["context"] != sample.metadata["context"]


# --------------------------------------------------------------------------- spelling


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["movie", "Great", "letter", "NASA"]))
def test_a_slip_is_one_edit_away(seed, word) -> None:
    slipped = spelling.slip(word, random.Random(seed))
    assert slipped != word
    assert abs(len(slipped) - len(word)) <= 1
    if len(slipped) == len(word):
        wrong = [(a, b) for a, b in zip(word, slipped, strict=True) if a != b]
        if len(wrong) == 1:
            (right, typed) = wrong[0]
            assert typed.lower() in spelling.NEIGHBOURS[right.lower()]
        else:
            assert wrong[0] == wrong[1][::-1]


def test_neighbours_are_those_of_the_keyboard() -> None:
    assert set(spelling.NEIGHBOURS["g"]) == set("tyfhvb")
    assert set(spelling.NEIGHBOURS["q"]) == set("wa")


def test_homoglyphs_look_alike_and_are_others() -> None:
    for letter, other in spelling.HOMOGLYPHS.items():
        assert letter.isascii()
        assert 0x400 <= ord(other) < 0x500
    (text,) = edited("homoglyphs", "a cat sat", strength="1")
    assert text != "a cat sat"
    assert len(text) == 9


def test_no_misspelling_is_a_word_of_the_list() -> None:
    right = [row[0] for row in spelling.lexicon(spelling.LEXICON / "misspellings.txt")]
    assert len(right) > 100
    for word, *wrong in spelling.lexicon(spelling.LEXICON / "misspellings.txt"):
        assert wrong, word
        assert not set(wrong) & (set(right) - {"its", "your"}), word


# --------------------------------------------------------------------------- surface


@pytest.mark.parametrize(
    ("name", "kind", "before", "after"),
    [
        ("case", "lower", "Is NASA great?", "is nasa great?"),
        ("case", "upper", "Is it?", "IS IT?"),
        ("case", "title", "is it don't", "Is It Don't"),
        ("punctuation", "dropped", 'He said: "3.5, isn\'t it?" (ok)', "He said 3.5 isn't it ok"),
        ("punctuation", "final", "Good film.", "Good film"),
        ("punctuation", "final", "Good film", "Good film."),
        ("contractions", "expanded", "It's bad, I can't; it's been long. That's John's.",
         "It is bad, I cannot; it has been long. That is John's."),
        ("contractions", "expanded", "It's made of wood; he's made it; she's there.",
         "It's made of wood; he's made it; she is there."),
        ("contractions", "expanded", "Let's go, we should've won", "Let us go, we should have won"),
        ("contractions", "contracted", "Everyone is here, and it will not last",
         "Everyone's here, and it won't last"),
        ("contractions", "expanded", "everyone's favorite", "everyone's favorite"),
        ("contractions", "expanded", "WON'T! I’m", "WILL NOT! I am"),
        ("contractions", "contracted", "I am sure it is not. Do not go, they are here",
         "I'm sure it's not. Don't go, they're here"),
        ("contractions", "contracted", "I know who it is.", "I know who it is."),
    ],
)  # fmt: skip
def test_surfaces(name, kind, before, after) -> None:
    assert edited(name, before, kinds=kind) == [after]


def test_an_unknown_kind_lists_the_known() -> None:
    with pytest.raises(UnknownNameError, match="upper"):
        BY_NAME["case"].open(ProbeOptions({"kinds": "uper"}))


# --------------------------------------------------------------------------- wording


def test_synonyms_go_both_ways_and_keep_the_form() -> None:
    assert "film" in synonyms_of("movie")
    assert "movie" in synonyms_of("film")
    assert all(word.endswith("s") for word in synonyms_of("movies"))
    assert synonyms_of("xylophone") == ()
    assert edited("synonyms", "An automobile stopped.", strength="1") == ["An automobile stopped."]


def test_fillers_leave_the_words() -> None:
    (text,) = edited("fillers", "one two three four", strength="1")
    assert [word for word in text.split() if word in {"one", "two", "three", "four"}] == [
        "one", "two", "three", "four",
    ]  # fmt: skip


# --------------------------------------------------------------------------- context

QUESTION = Sample(
    "1", "Where?", ("Paris",), metadata={"context": "It is in Paris. It was built in 1889. Yes."}
)


def test_distractors_add_sentences_and_keep_the_others_in_order() -> None:
    made = variants("distractors", QUESTION, sentences="1,3")
    for variant, count in zip(made, (1, 3), strict=True):
        context = variant.metadata["context"]
        assert variant.input == "Where?"
        places = [context.index(s) for s in ("It is in Paris.", "It was built in 1889.", "Yes.")]
        assert places == sorted(places)
        assert context.count(".") == 3 + count
        assert "  " not in context


def test_distractors_need_a_context_and_never_mention_an_answer() -> None:
    assert variants("distractors", Sample("1", "x")) == [Skipped("no context to add to")]
    sample = replace(QUESTION, targets=("kettle",), choices=("ladder",))
    for seed in range(20):
        (variant,) = variants("distractors", sample, seed, sentences="9")
        assert "kettle" not in variant.metadata["context"]
        assert "ladder" not in variant.metadata["context"]


def test_padding_stands_before_what_is_read() -> None:
    short, long = variants("padding", QUESTION, words="50,300")
    for variant, words in ((short, 50), (long, 300)):
        padding, _, rest = variant.metadata["context"].partition("\n\n")
        assert rest == QUESTION.metadata["context"]
        assert words <= len(padding.split()) < words + 25
    assert long.metadata["context"].endswith(short.metadata["context"])
    (plain,) = variants("padding", Sample("1", "Good film."))
    assert plain.input.endswith("\n\nGood film.")


# --------------------------------------------------------------------------- asking

CHOICE = Sample("1", "?", ("b",), ("a", "b", "c"))


def test_orders_are_distinct_and_never_the_original() -> None:
    for values, count in (({}, 3), ({"permutations": "all"}, 5), ({"permutations": "99"}, 5)):
        made = variants("option_order", CHOICE, **values)
        orders = {variant.choices for variant in made}
        assert len(orders) == len(made) == count
        assert CHOICE.choices not in orders
        assert all(sorted(order) == ["a", "b", "c"] for order in orders)


def test_what_has_no_other_order() -> None:
    assert isinstance(variants("option_order", Sample("1", "?"))[0], Skipped)
    many = Sample("1", "?", choices=tuple("abcdef"))
    assert isinstance(variants("option_order", many, permutations="all")[0], Skipped)
    with pytest.raises(UsageError, match="permutations"):
        BY_NAME["option_order"].open(ProbeOptions({"permutations": "some"}))


def test_the_spread_over_orders_is_reported() -> None:
    probe = BY_NAME["option_order"].open(ProbeOptions())
    original = [Score(str(i), "acc", 1.0) for i in range(4)]
    perturbed = [Score(str(i), "acc", float(i < 2), "option_order", 0) for i in range(4)]
    perturbed += [Score(str(i), "acc", 0.0, "option_order", 1) for i in range(4)]
    found = probe.aggregate(Mean("acc"), original, perturbed)
    assert found["spread"].value == 1.0
    assert found["flip_rate"].value == 0.75


class Asked:
    version, metrics = "1", ()

    def __init__(self, options: TaskOptions) -> None:
        self.name = options.values.get("template", "default")
        self.settings = {"template": self.name}


TASK = TaskSpec("t", "", Asked, templates={"default": "{{ input }}", "other": "Q: {{ input }}"})


def test_templates_are_other_ways_to_ask() -> None:
    options = TaskOptions(templates={"mine": "{{ input }}!"})
    probe = BY_NAME["templates"].open(ProbeOptions({}, TASK, options))
    assert probe.labels == ("other", "mine")
    assert [task.name for task in probe.tasks] == ["other", "mine"]
    assert list(probe.perturb(CHOICE, random.Random(1))) == []
    chosen = TaskOptions({"template": "other"})
    probe = BY_NAME["templates"].open(ProbeOptions({"names": "default,other"}, TASK, chosen))
    assert probe.labels == ("default",)
    with pytest.raises(UnknownNameError, match="other"):
        BY_NAME["templates"].open(ProbeOptions({"names": "othr"}, TASK))
