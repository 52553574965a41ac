"""Reading which option a generated answer names."""

import string

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.authoring.answers.normal import normalize
from harness.authoring.answers.reader import read

CITIES = [["Oslo"], ["Rome"], ["Quito"], ["Lima"]]


def reads(text: str, *options: str, lettered: bool = True) -> int | None:
    return read(text, [[option] for option in options], lettered)


@pytest.mark.parametrize(
    "text",
    [
        *("B", " (B)", "**B**", "b", "(b)", "B.", "B!", "[B]", '"B"', "`B`", "Ｂ", "（Ｂ）"),
        *("B. Rome", "**B.** Rome", "**B) Rome**", "B - Rome", "(b) rome", "Rome", "It is Rome."),
        *("B, since the pope lives there.", "B because of the pope", "B: the pope lives there"),
        "B\n\nExplanation: Oslo (A) is in Norway.",
    ],
)
def test_the_whole_answer_or_its_beginning(text: str) -> None:
    assert read(text, CITIES, lettered=True) == 1


@pytest.mark.parametrize(
    "text",
    [
        *("The answer is **B**.", "Answer: B", "answer: b", "ANSWER: B", "Answer = B", "#### B"),
        *("The correct option is B", "The answer is option B", "Choice: B", "Answer - B"),
        *("The answer is:\n\nB", "**Final Answer:** B", "**Answer: B**", "### Answer\nB"),
        *("\\boxed{B}", "It is $\\boxed{\\text{B}}$.", "\\boxed{Rome}", "<answer> Rome </answer>"),
        *('{"answer": "B"}', '```json\n{"why": "A is north", "answer": "B"}\n```'),
        *(
            "I choose B",
            "I would go with B.",
            "Option B is correct.",
            "It's B",
            "A is wrong, so B.",
        ),
        *("The answer is Rome, because Oslo is in Norway.", "The answer is not A but B."),
        "The correct answer to this question, in my view, would be B.",
        "The answer is B. A is wrong because it is in Norway.",
        *("Respuesta: B", "La respuesta es la B.", "La réponse est B", "Réponse : B", "Antwort: B"),
        *("Die Antwort ist B.", "La risposta è B", "A resposta correta é a letra B.", "Ответ: B"),
        *("Правильный ответ — B", "答案：B", "正确答案是 B。", "答え：B", "答えはBです", "정답: B"),
        *("정답은 B입니다", "الإجابة الصحيحة هي B", "उत्तर: B", "सही उत्तर B है", "答案：Ｂ"),
    ],
)
def test_a_final_statement(text: str) -> None:
    assert read(text, CITIES, lettered=True) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Option A: cold, Oslo is north. Option C: too high. So the answer is B.",
        "Answer: A. No, wait. Answer: B",
        "A. Oslo\nB. Rome\nC. Quito\nD. Lima\n\nAnswer: B",
        "Oslo (A) is in Norway, Quito (C) is not in Europe. The answer is (B).",
        "Let me see.\nOslo is cold.\n\n**B**",
        "It must be Rome, not Oslo.",
    ],
)
def test_what_is_met_on_the_way_does_not_count(text: str) -> None:
    assert read(text, CITIES, lettered=True) == 1


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "Because",
            "I do not know.",
            "Z",
            "The answer is E.",
            "A man walks in",
            "A question.",
        ),
        *("The answer is A or B", "Both A and B", "either option A or B", "A, B", "Oslo or Rome"),
        *("not B", "It is neither A nor B", "The answer is A man", "A.M. or P.M."),
        "A. Oslo\nB. Rome\nC. Quito\nD. Lima",
        "Option A and option C are both plausible.",
    ],
)
def test_what_names_none_or_several_is_unread(text: str) -> None:
    assert read(text, CITIES, lettered=True) is None


@pytest.mark.parametrize(
    ("text", "options", "index"),
    [
        ("7.0", ["70", "7", "700", "0.7"], 1),
        ("€2.50", ["€250", "€2.50", "€25"], 1),
        ("It costs 2,500 in all", ["2.5", "250", "2500"], 2),
        ("2.72 or so", ["272", "2.72"], 1),
        ("-3", ["3", "-3"], 1),
        ("the", ["a", "the", "no article"], 1),
        ('The missing word is "an".', ["a", "an"], 1),
        ("C#", ["C", "C++", "C#"], 2),
        ("I would use C++ here", ["C", "C++", "C#"], 1),
        ("/", ["*", "/", "#"], 1),
        ("The answer is *.", ["+", "*"], 1),
        ("B. Franklin", ["Madison", "B. Franklin", "Adams"], 1),
        ("A. Adams was it", ["Madison", "A. Adams"], 1),
        ("B. A. Adams", ["Madison", "A. Adams"], 1),
        ("应该是罗马吧", ["奥斯陆", "罗马"], 1),
        ("A", ["B", "A"], 0),
    ],
)
def test_options_that_lose_something_in_normalization(
    text: str, options: list[str], index: int
) -> None:
    assert reads(text, *options) == index


@pytest.mark.parametrize(
    ("text", "labels", "index"),
    [
        ("A", ["A", "B"], 0),
        ("The label is B.", ["A", "B"], 1),
        ("The sentiment is positive.", ["negative", "positive"], 1),
        ("Positive, although it says negative things", ["negative", "positive"], 1),
        ("I find it positive, not negative.", ["negative", "positive"], 1),
        ("not positive", ["negative", "positive"], None),
        ("positive and negative", ["negative", "positive"], None),
        ("very positive", ["positive", "very positive"], 1),
        ("情感是积极的", ["消极", "积极"], 1),
        ("Позитивный.", ["негативный", "позитивный"], 1),
        ("सकारात्मक", ["नकारात्मक", "सकारात्मक"], 1),
        ("إيجابي", ["سلبي", "إيجابي"], 1),
        ("แง่บวก", ["แง่ลบ", "แง่บวก"], 1),
    ],
)
def test_labels_without_letters(text: str, labels: list[str], index: int | None) -> None:
    assert reads(text, *labels, lettered=False) == index


def test_further_names_count_for_their_option() -> None:
    names = [["The man with the cane", "cane"], ["The runner"], ["Unknown", "Not known"]]
    assert read("not known", names) == 2
    assert read("He used a cane", names) == 0
    assert read("a name of two", [["a name of two"], ["A name of two!"]]) == 0
    assert read("it is a name of two", [["a name of two"], ["A name of two!"]]) is None


WRAPPINGS = (
    "{}", " {}\n", "**{}**", "({})", '"{}"', "`{}`", "{}.", "Answer: {}", "The answer is {}.",
    "**Answer:** {}", "The correct answer is **{}**.", "\\boxed{{{}}}", "<answer>{}</answer>",
    '{{"answer": "{}"}}', "Respuesta: {}", "Réponse : {}", "Antwort: {}", "Ответ: {}",
    "答案：{}", "答え：{}", "정답: {}", "उत्तर: {}", "الإجابة: {}", "Thinking it over.\n\n{}",
)  # fmt: skip
PLAIN = st.text(
    st.characters(categories=["L", "N"], max_codepoint=0x2000), min_size=2, max_size=8
).map(lambda word: word + "x")
ANY = st.one_of(
    PLAIN,
    st.from_regex(r"-?[1-9][0-9]{0,3}(\.[0-9]{1,2})?", fullmatch=True),
    st.sampled_from(["C", "C++", "C#", "an", "the", "A. Lincoln", "北京", "上海", "3/4", "x*y"]),
)


@settings(deadline=None)
@given(
    st.lists(ANY, min_size=2, max_size=6, unique_by=normalize),
    st.data(),
    st.sampled_from(WRAPPINGS),
)
def test_a_letter_in_any_wrapping_is_read_back(
    options: list[str], data: st.DataObject, wrapping: str
) -> None:
    index = data.draw(st.integers(0, len(options) - 1))
    letter = string.ascii_uppercase[index]
    assume(letter not in options)  # an option that is itself a letter goes before the letters
    assert reads(wrapping.format(letter), *options) == index
    assert reads(wrapping.format(letter.lower()), *options) == index
    assert reads(wrapping.format(f"{letter}. {options[index]}"), *options) == index


@settings(deadline=None)
@given(
    st.lists(ANY, min_size=2, max_size=6, unique_by=normalize),
    st.data(),
    st.sampled_from(WRAPPINGS),
    st.booleans(),
)
def test_an_option_s_text_in_any_wrapping_is_read_back(
    options: list[str], data: st.DataObject, wrapping: str, lettered: bool
) -> None:
    index = data.draw(st.integers(0, len(options) - 1))
    if lettered:  # there a letter alone is the letter
        assume(not any(len(option) == 1 for option in options))
    assert reads(wrapping.format(options[index]), *options, lettered=lettered) == index


@settings(deadline=None)
@given(st.lists(PLAIN, min_size=2, max_size=4, unique_by=normalize), st.data())
def test_a_later_statement_wins_over_all_before(options: list[str], data: st.DataObject) -> None:
    order = data.draw(st.lists(st.integers(0, len(options) - 1), min_size=1, max_size=5))
    said = " ".join(f"The answer is {string.ascii_uppercase[each]}." for each in order)
    assert reads(said, *options) == order[-1]


@settings(deadline=None)
@given(st.text("bcdfghjklmnpqrstvwz .,\n", max_size=60))
def test_text_without_a_statement_is_unread(text: str) -> None:
    assume(all(len(word) != 1 for word in text.replace(".", " ").replace(",", " ").split()))
    assert reads(text, "Oslo", "Rome", "Quito") is None


@pytest.mark.parametrize("piece", ["(", "[", "*", "\\boxed{", '"answer": ', "<answer>"])
def test_a_long_run_of_marks_names_no_option(piece: str) -> None:
    assert read((piece * 20_000)[:20_000], [["Paris"], ["Rome"]], lettered=True) is None


def test_only_so_many_layers_are_set_around_an_answer() -> None:
    assert read(f"{'(' * 10}B{')' * 10}", [["Paris"], ["Rome"]], lettered=True) == 1
