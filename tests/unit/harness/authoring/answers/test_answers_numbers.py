"""Reading the number in which a generated answer ends."""

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.authoring.answers.numbers import read, value

numbers = st.fractions(-(10**9), 10**9, max_denominator=1).map(int)


@pytest.mark.parametrize(
    "text",
    [
        *("36", "36.", "36.0", "**36**", "$36", "36 €", "US$36.00", "36 dollars", "36%", "USD 36"),
        *("#### 36", "####36 plums", "The answer is 36.", "Answer: $36", "**Final answer:** 36"),
        *("\\boxed{36}", "$\\boxed{\\$36}$", "\\[\\boxed{36\\text{ plums}}\\]", "A: 36"),
        *('{"steps": "4 * 9", "answer": 36}', "<answer> 36 </answer>", "Ответ: 36", "答案是36。"),
        *("La respuesta es 36", "الإجابة: ٣٦", "उत्तर: ३६", "３６", "72/2", "3.6e1", "3.6 × 10^1"),
        *("4 * 9 = 36", "4 * 9 = <<4*9=36>>36 plums", "It is 4 * 9, so 36", "not 35 but 36"),
        "The answer is 4 * 9 = 36. For 2 people it is twice that.",
        "The answer is 36, because 40 - 4 = 36 and 4 are lost.",
        "First I thought the answer is 12.\nNo: the answer is 36.\nCheck: 36 - 12 = 24",
        "In 5 steps:\n1. 4 rows\n2. 9 each\n\n#### 36",
    ],
)
def test_thirty_six(text: str) -> None:
    assert read(text) == 36


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("1,234.50", "1234.5"), ("1.234,50", "1234.5"), ("1 234,5", "1234.5"), ("3,5", "3.5")),
        *(("12,34,567", "1234567"), ("1.234.567", "1234567"), ("1'234", "1234"), ("1 000", "1000")),
        *(("0,125", "0.125"), ("0.125", "0.125"), (".5", "0.5"), ("1{,}234", "1234")),
        *(("3/4", "3/4"), ("\\frac{3}{4}", "3/4"), ("1 1/2", "3/2"), ("½", "1/2"), ("2¾", "11/4")),
        *(("-7", "-7"), ("−7", "-7"), ("-$7", "-7"), ("$-7", "-7"), ("= -7", "-7")),
        *(("9 - 7", "7"), ("9-7", "7"), ("pages 3–7", "7"), ("- 7 plums", "7")),
        *(("2 million", "2000000"), ("1.5 billion people", "1500000000"), ("1.5e3", "1500")),
    ],
)
def test_how_numbers_are_written(text: str, expected: str) -> None:
    assert read(text) == Fraction(expected)


@pytest.mark.parametrize("text", ["", "I cannot say.", "H2O", "5/0", "9" * 5000, "####", "twelve"])
def test_without_a_number(text: str) -> None:
    assert read(text) is None


@given(number=numbers, before=st.sampled_from(["", "He has 3 of 12.\n", "1 + 1 = 2, so\n"]))
@pytest.mark.parametrize(
    "form", ["#### {}", "The answer is {}.", "\\boxed{{{}}}", "Answer: ${}", "{} km", "x = {}"]
)
@pytest.mark.parametrize("grouped", ["", ","])
def test_any_whole_number_in_any_form(form: str, grouped: str, before: str, number: int) -> None:
    assert read(before + form.format(f"{number:{grouped}}")) == number


@given(number=st.decimals(0, 10**6, places=2))
def test_cents(number: object) -> None:
    assert read(f"#### ${number:,}") == Fraction(str(number)) == value(f"{number:,} euros")


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_is_read_or_not(text: str) -> None:
    found = read(text)
    assert found is None or any(
        character.isdigit() or not character.isascii() for character in text
    )


def test_a_text_that_is_one_number_has_its_value() -> None:
    assert value(" $1,800 ") == 1800
    assert value("1 and 2") is None
    assert value("none") is None


@pytest.mark.parametrize("text", ["9", "1/9", "1 1/", "answer is 1", "½", "\\frac{", "1,", "$ "])
def test_long_runs_take_no_long_time(text: str) -> None:
    start = time.process_time()
    read(text * (40_000 // len(text)))
    assert time.process_time() - start < 30
