"""What a user set for a task, checked."""

import pytest

from harness.authoring import options
from harness.errors import UnknownNameError, UsageError
from harness.protocols import TaskOptions
from harness.types import Classify, Generate, Loglikelihood, RollingLoglikelihood

WAYS = ["loglikelihood", "classify", "generate"]


def chosen(*supports: type, **values: str) -> TaskOptions:
    return TaskOptions(values=values, supports=frozenset(supports))


def test_integer() -> None:
    assert options.integer(chosen(), "max_tokens", 64) == 64
    assert options.integer(chosen(max_tokens="8"), "max_tokens", 64) == 8


@pytest.mark.parametrize("text", ["0", "-3", "many", "1.5", ""])
def test_integer_refuses(text: str) -> None:
    with pytest.raises(UsageError, match=f"max_tokens={text} is not a whole number of at least 1"):
        options.integer(chosen(max_tokens=text), "max_tokens", 64)


def test_one_of_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown split 'tset'\nDid you mean test"):
        options.one_of(chosen(split="tset"), "split", ("dev", "test"), "dev")


@pytest.mark.parametrize(
    ("supports", "way"),
    [
        ((), "loglikelihood"),
        ((Loglikelihood, Generate), "loglikelihood"),
        ((Classify,), "classify"),
        ((Classify, Generate), "classify"),
        ((Classify, Loglikelihood), "loglikelihood"),
        ((Generate,), "generate"),
        ((RollingLoglikelihood,), "loglikelihood"),  # the plan refuses what is asked then
    ],
)
def test_scoring_takes_the_first_way_the_backend_answers(
    supports: tuple[type, ...], way: str
) -> None:
    assert options.scoring(chosen(*supports), WAYS) == way


def test_scoring_takes_the_users_choice() -> None:
    assert options.scoring(chosen(Loglikelihood, Generate, scoring="generate"), WAYS) == "generate"


def test_scoring_refuses_what_the_backend_cannot_do() -> None:
    with pytest.raises(UsageError, match=r"scoring=loglikelihood .*\nChoose scoring=generate"):
        options.scoring(chosen(Generate, scoring="loglikelihood"), WAYS)
    with pytest.raises(UnknownNameError, match="unknown scoring 'generat'"):
        options.scoring(chosen(scoring="generat"), WAYS)
