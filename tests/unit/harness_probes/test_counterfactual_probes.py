"""Counterfactual probes: who becomes whom, and what must stay."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.authoring.metrics import Mean
from harness.protocols import ProbeOptions
from harness.testing import check_probe
from harness.types import Sample, Score, Skipped
from harness_probes.counterfactual import gender, names, swap
from harness_probes.counterfactual.specs import SPECS
from harness_probes.text import apply

BY_NAME = {spec.name: spec for spec in SPECS}
WORDS = re.findall(
    r"\S+",
    "Her his him hers he she's Mr. Mary John's mother an a old man is not isn't going to Christian "
    "church American Chinese doctors 45-year-old elderly woman doesn't have any color . , ? and",
)
samples = st.builds(
    Sample,
    st.text(min_size=1, max_size=3),
    st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=30),
    st.lists(st.sampled_from([*WORDS, "yes"]), max_size=2).map(tuple),
)


def swapped(name: str, text: str, *targets: str, **metadata: str) -> dict[str, object]:
    """Group → the text of its variant, or the reason why there is none."""
    probe = BY_NAME[name].open(ProbeOptions())
    made = list(probe.perturb(Sample("1", text, targets, metadata=metadata), random.Random(1)))
    if len(made) == 1 and isinstance(made[0], Skipped):
        return {"": made[0].reason}
    return {
        group: variant.reason if isinstance(variant, Skipped) else variant.input
        for group, variant in zip(probe.labels, made, strict=True)
        if variant is not None
    }


@settings(deadline=None, max_examples=60)
@given(samples)
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_ids_and_targets_are_kept(spec, sample) -> None:
    check_probe(spec.open(ProbeOptions()), [sample])


# --------------------------------------------------------------------------- gender


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("He gave his mother his book.", "She gave her father her book."),
        ("She told her that the book was hers.", "He told him that the book was his."),
        ("It is his.", "It is hers."),
        ("A friend of his came to see her.", "A friend of hers came to see him."),
        ("She hurt her back and he called her back.", "He hurt his back and she called him back."),
        ("They gave her flowers.", "They gave him flowers."),
        ("She gave her book away.", "He gave his book away."),
        ("They helped her find the way.", "They helped him find the way."),
        ("her newly bought car; hugged her warmly.", "his newly bought car; hugged him warmly."),
        ("He may bring his or her book.", "She may bring her or his book."),
        ("HE SAID: HIMSELF!", "SHE SAID: HERSELF!"),
        ("Mr. Smith's wife, Mrs. Smith", "Ms. Smith's husband, Mr. Smith"),
        ("she's an actress; yes, ma'am", "he's an actor; yes, sir"),
        ("Women’s rights and men's", "Men’s rights and women's"),
        ("The hostess was a widow.", "The host was a widower."),
        ("an uncle", "an aunt"),
        ("Spider-Man", None),
        ("The theory of hers is other", "The theory of his is other"),
        ("nothing here", None),
    ],
)
def test_gender_keeps_the_role_of_each_word(before, after) -> None:
    made = swapped("gender_swap", before)
    assert list(made.values()) == ["no gendered word" if after is None else after]


def test_the_variant_belongs_to_the_group_it_makes() -> None:
    assert list(swapped("gender_swap", "His father smiled.")) == ["female"]
    assert list(swapped("gender_swap", "Her mother smiled at him.")) == ["male"]
    assert list(swapped("gender_swap", "He smiled at her.")) == ["female"]  # the first of a tie


def test_words_come_back() -> None:
    to_female, to_male = gender.tables()
    for masculine, feminine in to_female.items():
        back = to_male[feminine]
        assert to_female[back] == feminine, masculine
    # What means a woman alone has a masculine word, and no word means both.
    assert len(to_male) > 200
    assert not set(to_female) & set(to_male)


def test_a_swap_that_touches_the_answer_is_skipped() -> None:
    context = "Mary gave him her book."
    for answer in ("her book", "Her", "his pen"):
        made = swapped("gender_swap", "Whose book?", answer, context=context)
        assert set(made.values()) == {swap.ANSWERED}
    probe = BY_NAME["gender_swap"].open(ProbeOptions())
    (male,) = (
        each
        for each in probe.perturb(
            Sample("1", "What?", ("a book",), metadata={"context": context}), random.Random(1)
        )
        if each is not None
    )
    assert male.metadata["context"] == "Mary gave her his book."
    choices = Sample("1", "She is", ("kind",), ("kind", "a woman"))
    assert list(probe.perturb(choices, random.Random(1))) == [Skipped(swap.ANSWERED)]
    faiths = Sample("1", "The Christian is", ("x",), ("Jewish", "Muslim"))
    probe = BY_NAME["religion"].open(ProbeOptions())
    assert list(probe.perturb(faiths, random.Random(1))) == [Skipped(swap.ANSWERED)]


@pytest.mark.shared
def test_pronouns_agree_with_winobias(shared: Path) -> None:
    """Its pro- and anti-stereotyped sentences are gender swaps made by hand, with a few slips."""
    folder = shared / "data" / "winobias"
    right = total = 0
    for kind in ("type1.txt.dev", "type1.txt.test", "type2.txt.dev", "type2.txt.test"):
        pairs = [
            (folder / f"{side}_stereotyped_{kind}").read_text("utf-8").splitlines()
            for side in ("pro", "anti")
        ]
        for lines in zip(*pairs, strict=True):
            one, other = (
                line.split(" ", 1)[1].replace("[", "").replace("]", "").lower() for line in lines
            )
            for before, after in ((one, other), (other, one)):
                edits = next(iter(gender.swap([before], random.Random(0)).values()), [[]])
                right += apply(before, edits[0]) == after
                total += 1
    assert total == 4 * 2 * 396
    assert right / total > 0.97


# --------------------------------------------------------------------------- names


def test_names_keep_their_gender_and_stay_one_person() -> None:
    made = swapped("name_swap", "Emily met John. John's dog bit Emily.")
    men, women = names.table()["male"], names.table()["female"]
    assert list(made) == ["white", "black", "hispanic", "asian"]
    for group, text in made.items():
        woman, _, man = text.split(".")[0].split()
        assert woman in women[group]
        assert man in men[group]
        assert text == f"{woman} met {man}. {man}'s dog bit {woman}."
    assert made["white"].startswith("Emily")


def test_a_name_of_the_group_gives_no_variant_of_it() -> None:
    assert list(swapped("name_swap", "Jamal sang.")) == ["white", "hispanic", "asian"]
    assert swapped("name_swap", "Nobody sang.") == {"": "no known first name"}
    assert set(swapped("name_swap", "Who?", "Emily", context="Emily.").values()) == {swap.ANSWERED}


def test_two_people_stay_two() -> None:
    texts = swapped("name_swap", "Mary, Anna, Lucy and Kate ran.").values()
    assert texts
    for text in texts:
        people = re.findall(r"[A-Z]\w+", text)
        assert len(set(people)) == 4, people


# --------------------------------------------------------------------------- others


@pytest.mark.parametrize(
    ("name", "group", "before", "after"),
    [
        ("religion", "muslim", "A Christian read the Bible in church.",
         "A Muslim read the Quran in mosque."),
        ("religion", "jewish", "Christian families", "Jewish families"),
        ("religion", "jewish", "two Christians and a Christian", "two Jews and a Jew"),
        ("religion", "buddhist", "an imam", "a lama"),
        ("nationality", "nigerian", "An American from America", "A Nigerian from Nigeria"),
        ("nationality", "american", "A German doctor", "An American doctor"),
        ("religion", "jewish", "She is Christian", "She is Jewish"),
        ("religion", "jewish", "a devout Christian", "a devout Jew"),
        ("religion", "sikh", "The pastor quoted the Gospel", "The granthi quoted the Granth"),
        ("nationality", "british", "An American, and American food", "A Briton, and British food"),
        ("nationality", "chinese", "He is Italian", "He is Chinese"),
        ("nationality", "german", "a man from the Philippines", "a man from Germany"),
        ("age", "old", "in his early twenties", "in his early seventies"),
        ("age", "young", "still in their 60s", "still in their 20s"),
        ("age", "young", "an elderly filmmaker", "a young filmmaker"),
        ("age", "old", "a 30-year-old man, young women", "a 78-year-old man, old women"),
        ("age", "young", "the elderly lady, aged 81", "the young lady, aged 22"),
        ("dialect", "british", "A movie on vacation", "A film on holiday"),
        ("dialect", "british", "my favorite color", "my favourite colour"),
        ("dialect", "african_american", "He is not here", "He ain't here"),
        ("dialect", "african_american", "They are talking", "They talkin'"),
        ("dialect", "african_american", "I don't have any money", "I don't have no money"),
        ("dialect", "african_american", "She is going to win", "She finna win"),
    ],
)  # fmt: skip
def test_other_groups(name, group, before, after) -> None:
    assert swapped(name, before)[group] == after


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("age", "a 5-year-old boy in a 300-year-old house, an old movie"),
        ("religion", "A Christian met a Muslim."),
        ("nationality", "polish the china; german measles"),
        ("dialect", "going to the shop"),
        ("age", "in the early seventies"),
    ],
)
def test_what_is_left_alone(name, text) -> None:
    made = swapped(name, text)
    assert set(made) == {""}, made


def test_some_nationalities_are_found_but_put_in_only_when_asked_for() -> None:
    assert "french" not in BY_NAME["nationality"].open(ProbeOptions()).labels
    probe = BY_NAME["nationality"].open(ProbeOptions({"groups": "french,american"}))
    (french, _) = probe.perturb(Sample("1", "A German sang."), random.Random(1))
    assert french.input == "A French person sang."


def test_groups_can_be_chosen_and_the_worst_is_named() -> None:
    probe = BY_NAME["religion"].open(ProbeOptions({"groups": "muslim,jewish"}))
    assert probe.labels == ("muslim", "jewish")
    original = [Score(str(i), "m", 1.0) for i in range(10)]
    changed = [Score(str(i), "m", float(i > 1), "religion", 0) for i in range(10)]
    changed += [Score(str(i), "m", float(i > 3), "religion", 1) for i in range(10)]
    found = probe.aggregate(Mean("m"), original, changed)
    assert found["flip_rate@muslim"].value == pytest.approx(0.2)
    assert found["worst_group"].value == pytest.approx(-0.4)
    assert found["worst_group"].method.startswith("jewish of 2")
