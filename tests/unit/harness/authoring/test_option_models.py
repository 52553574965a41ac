"""Options declared once: reading texts, naming what does not fit, and listing."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_validator

from harness.authoring import option_models
from harness.errors import ConfigError, UnknownNameError, UsageError


class Options(BaseModel):
    """One option of every sort."""

    times: int = Field(default=1, ge=1, le=9, description="how often")
    share: float = Field(default=0.5, gt=0, lt=1, description="how much")
    loud: bool = Field(default=False, description="whether")
    mark: str = Field(default="!", description="with what")
    way: Literal["up", "down"] = Field(default="up", description="which way")
    levels: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(0.1,), description="each")
    least: int | None = Field(default=None, description="at least")
    where: dict[str, str] = Field(default_factory=dict, description="where")

    @field_validator("mark")
    @classmethod
    def _short(cls, value: str) -> str:
        if len(value) > 3:
            raise ValueError("too long, at most 3 letters")
        return value


@given(
    st.integers(1, 9),
    st.floats(0.01, 0.99),
    st.booleans(),
    st.sampled_from(["up", "down"]),
    st.lists(st.floats(0.01, 10), min_size=1).map(tuple),
)
def test_texts_are_read_as_the_values_they_were_written_from(
    times: int, share: float, loud: bool, way: str, levels: tuple[float, ...]
) -> None:
    values = {
        "times": str(times),
        "share": repr(share),
        "loud": str(loud).lower(),
        "way": way,
        "levels": ", ".join(map(repr, levels)),
    }
    read = option_models.read(Options, values)
    assert (read.times, read.share, read.loud, read.way, read.levels) == (
        times, share, loud, way, levels,
    )  # fmt: skip
    assert option_models.given(Options, values).keys() == values.keys()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"times": "0"}, "shout.times is '0', expected a whole number of at least 1 and at most 9"),
        ({"times": "1.5"}, "expected a whole number"),
        ({"share": "1"}, "shout.share is '1', expected a number above 0 and below 1"),
        ({"loud": "perhaps"}, "expected true or false"),
        ({"mark": "!!!!"}, "shout.mark is '!!!!': too long, at most 3 letters"),
        ({"levels": "0.1,-2"}, "shout.levels is '0.1,-2', expected numbers above 0, separated by"),
        ({"where": "here"}, "expected a table"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_does(
    values: dict[str, str], says: str
) -> None:
    with pytest.raises(UsageError) as caught:
        option_models.read(Options, values, "shout")
    assert says in str(caught.value)
    with pytest.raises(ConfigError):
        option_models.given(Options, values, error=ConfigError)


def test_names_that_are_unknown_list_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean times"):
        option_models.read(Options, {"tims": "1"}, "shout")
    with pytest.raises(UnknownNameError, match="Did you mean down"):
        option_models.read(Options, {"way": "dwn"}, "shout")
    with pytest.raises(UnknownNameError, match="option of shout"):
        option_models.given({"mark": "with what"}, {"marc": "!"}, "shout")


def test_all_that_is_declared_is_listed() -> None:
    lines = {each.name: each.line for each in option_models.listed(Options)}
    assert lines["times"] == "how often (a whole number of at least 1 and at most 9, default 1)"
    assert lines["levels"] == "each (numbers above 0, separated by commas, default 0.1)"
    assert lines["way"] == "which way (one of up, down, default up)"
    assert lines["least"] == "at least (a whole number)"
    assert [each.line for each in option_models.listed({"mark": "with what"})] == ["with what"]
    assert [each.name for each in option_models.listed(lambda: Options)] == list(lines)
