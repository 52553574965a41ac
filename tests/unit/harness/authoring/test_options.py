"""What a user set for a task, checked."""

from typing import Literal

import pytest
from pydantic import BaseModel, Field

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


class Own(BaseModel):
    split: Literal["dev", "test"] = "dev"
    size: int = Field(3, ge=1)


def test_a_tasks_own_options_are_read_by_its_model() -> None:
    assert options.read(Own, chosen(), "quiz") == Own(split="dev", size=3)
    read = options.read(Own, chosen(size="5", template="short"), "quiz")
    assert (read.size, read.split) == (5, "dev")
    with pytest.raises(
        UsageError, match=r"quiz\.size is '0', expected a whole number of at least 1"
    ):
        options.read(Own, chosen(size="0"), "quiz")
    with pytest.raises(UnknownNameError, match=r"quiz\.split.*'tset'"):
        options.read(Own, chosen(split="tset"), "quiz")


def test_a_model_is_imported_when_it_is_looked_at() -> None:
    model = options.lazily("harness_tasks.settings", "Hellaswag")
    assert list(model().model_fields) == ["metrics", "scoring", "max_tokens", "split"]


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
