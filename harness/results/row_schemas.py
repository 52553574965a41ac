"""The types of the rows of our own JSON files: samples, stored responses, samples of baselines.

Rows come by the hundred thousand: typed dictionaries are checked without making objects.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, NonNegativeInt, TypeAdapter, with_config
from typing_extensions import TypedDict

_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


class Reason(TypedDict):
    """Why there is no score."""

    unscored: str


Score = float | list[float | str] | Reason | None


@with_config(_STRICT)
class LogprobRow(TypedDict):
    """A stored log-probability; null is not a number."""

    type: Literal["logprob"]
    total: float | Literal["-inf"] | None
    token_count: NonNegativeInt
    is_greedy: bool


@with_config(_STRICT)
class CompletionRow(TypedDict):
    """A stored text."""

    type: Literal["completion"]
    text: str
    finish_reason: str
    tokens: NonNegativeInt | None
    logprob: float | Literal["-inf"] | None
    thinking: NotRequired[str | None]


@with_config(_STRICT)
class ClassProbsRow(TypedDict):
    """Stored probabilities."""

    type: Literal["classprobs"]
    probabilities: list[float]


@with_config(_STRICT)
class TagsRow(TypedDict):
    """Stored tags, and where their words stand."""

    type: Literal["tags"]
    words: list[Annotated[list[NonNegativeInt], Field(min_length=2, max_length=2)]]
    tags: list[str]


@with_config(_STRICT)
class FailedRow(TypedDict):
    """A failure; in samples only."""

    type: Literal["failed"]
    reason: str


StoredResponse = Annotated[
    LogprobRow | CompletionRow | ClassProbsRow | TagsRow, Field(discriminator="type")
]
AnyResponse = Annotated[
    LogprobRow | CompletionRow | ClassProbsRow | TagsRow | FailedRow, Field(discriminator="type")
]


@with_config(_STRICT)
class ScoresRow(TypedDict):
    """What comparisons and gates need of a line of samples."""

    id: str
    scores: dict[str, Score]
    cluster: str | None
    groups: dict[str, str]
    probe: str | None
    repeat: NotRequired[NonNegativeInt]
    error: NotRequired[str | None]


@with_config(_STRICT)
class RoundRow(TypedDict):
    """What was asked at one time after the first answers; lists of equal length."""

    roles: list[str]
    requests: list[dict[str, Any]]
    responses: list[AnyResponse]


@with_config(_STRICT)
class SampleRow(ScoresRow):
    """A whole line of samples; requests are checked as they are read."""

    input: str
    targets: list[str]
    choices: list[str]
    metadata: dict[str, Any]
    variant: int
    requests: list[dict[str, Any]]
    responses: list[AnyResponse]
    later_rounds: NotRequired[list[RoundRow]]


@with_config(_STRICT)
class BaselineRow(TypedDict):
    """A sample of a baseline file."""

    id: str
    scores: dict[str, Score]
    cluster: NotRequired[str | None]
    groups: NotRequired[dict[str, str]]
    error: NotRequired[str | None]
    prompt: NotRequired[str | None]
    response: NotRequired[str | None]
    input: NotRequired[str | None]
    targets: NotRequired[list[str]]


STORED_RESPONSE: TypeAdapter[Any] = TypeAdapter(StoredResponse)
SCORES_ROW: TypeAdapter[Any] = TypeAdapter(ScoresRow)
SAMPLE_ROW: TypeAdapter[Any] = TypeAdapter(SampleRow)
