"""The options of the probes, as pydantic models.

They are made when a probe is opened or listed: pydantic is slow to import, and probes are
registered at each start.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, Field, create_model

from harness.authoring import option_models
from harness.protocols import ProbeOptions


def _each_once(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


_SEVERAL = (Field(min_length=1), AfterValidator(_each_once))
Shares = Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], *_SEVERAL]
Counts = Annotated[tuple[Annotated[int, Field(ge=1)], ...], *_SEVERAL]
Texts = Annotated[tuple[str, ...], *_SEVERAL]


class _Edits(BaseModel):
    """What every probe that edits texts takes."""

    fields: Texts = Field(
        default=("input",),
        description="what to edit: input, or the name of a metadata text such as context",
    )


def read(model: type[BaseModel], options: ProbeOptions, name: str) -> dict[str, Any]:
    """What the user set for the probe, and the defaults of the rest.

    Raises:
        UnknownNameError: There is no such option, or no such name for it.
        UsageError: A value does not fit.
    """
    return option_models.read(model, options.values, name).model_dump()


@cache
def strength(default: float) -> type[BaseModel]:
    """Of a probe that edits a share of the words."""
    told = "share of words edited; several make levels: 0.05,0.1,0.2"
    field = (Shares, Field(default=(default,), description=told))
    return create_model("Strength", __base__=_Edits, strength=field)


@cache
def kinds(known: tuple[str, ...]) -> type[BaseModel]:
    """Of a probe with one variant a kind of edit."""
    return create_model("Kinds", __base__=_Edits, kinds=_some_of(known, known, "which variants"))


@cache
def groups(known: tuple[str, ...], default: tuple[str, ...]) -> type[BaseModel]:
    """Of a probe that puts people of other groups in."""
    return create_model("Groups", groups=_some_of(known, default or known, "which groups"))


def _some_of(known: Collection[str], default: Collection[str], told: str) -> Any:
    named: Any = cast("Any", Literal)[tuple(known)]
    several: Any = tuple.__class_getitem__((named, ...))
    return Annotated[several, *_SEVERAL], Field(default=tuple(default), description=told)


class Distractors(BaseModel):
    """Sentences that have nothing to do with the question."""

    sentences: Counts = Field(
        default=(2,), description="how many sentences; several make levels: 1,2,4"
    )


class Padding(BaseModel):
    """A long text about nothing."""

    words: Counts = Field(default=(200,), description="words of padding; several make levels")


class OptionOrder(BaseModel):
    """Options in other orders."""

    permutations: Annotated[int, Field(ge=1)] | Literal["all"] = Field(
        default=3, description="how many other orders of the options, or all"
    )


class Templates(BaseModel):
    """Other prompt templates."""

    names: Texts | None = Field(
        default=None,
        description="templates to compare with the run's own; without it all of the task's",
    )


class Paraphrase(BaseModel):
    """Paraphrases, written by a model or from a file."""

    model: str | None = Field(
        default=None, description="who paraphrases, as for --model: SCHEME:REST or a checkpoint"
    )
    model_settings: Texts | None = Field(
        default=None, description="settings of that model: KEY=VALUE, separated by commas"
    )
    file: str | None = Field(
        default=None,
        description='JSONL: {"id": …, "paraphrases": […]} a sample, '
        'or {"text": …, "paraphrases": […]}',
    )
    n: Annotated[int, Field(ge=1)] = Field(
        default=1,
        description="paraphrases of each sample; a model's first is greedy, the others are drawn",
    )
    temperature: Annotated[float, Field(gt=0)] = Field(
        default=0.8, description="of a model's further paraphrases"
    )
    max_tokens: Annotated[int, Field(ge=1)] = Field(
        default=256, description="longest paraphrase of a model, in tokens"
    )
    prompt: str | None = Field(
        default=None, description="what a model is asked, {text} being the text"
    )


# --------------------------------------------------------------------------- tasks


def _length(default: int, what: str = "longest generated answer in tokens") -> Any:
    return Field(default=default, ge=1, description=what)


class Bbq(BaseModel):
    """BBQ."""

    scoring: Literal["loglikelihood", "generate"] | None = Field(
        default=None,
        description="loglikelihood of the answers, or generate and read the answer from the text",
    )
    max_tokens: int = _length(32)


class Bold(BaseModel):
    """BOLD."""

    scorer: str = Field(
        default="vader",
        description="vader, or package.module:function from a text to a number in [-1, 1]",
    )
    max_tokens: int = _length(32, "length of a continuation in tokens")


class CrowsPairs(BaseModel):
    """CrowS-Pairs."""

    scoring: Literal["pseudo_loglikelihood", "loglikelihood"] | None = Field(
        default=None,
        description="pseudo_loglikelihood (masked models, as published) or loglikelihood of whole "
        "sentences",
    )


class HolisticBias(BaseModel):
    """HolisticBias."""

    noun: str = Field(default="person", description="the noun that descriptors stand before")


class Winobias(BaseModel):
    """WinoBias."""

    split: Literal["test", "dev"] = Field(default="test", description="part of the folder to read")
    scoring: Literal["loglikelihood", "generate"] | None = Field(
        default=None, description="loglikelihood of the two people, or generate and read the answer"
    )


class Safety(BaseModel):
    """The tasks on safety."""

    max_tokens: int = _length(64, "length of an answer in tokens")


class Toxigen(BaseModel):
    """ToxiGen."""

    scoring: Literal["loglikelihood", "classify", "generate"] | None = Field(
        default=None,
        description="loglikelihood of yes and no, classify (a head with the labels toxic and "
        "non-toxic) or generate",
    )
    max_tokens: int = _length(8)
    label_map: str | None = Field(
        default=None, description="what the data's labels mean: VALUE:no or VALUE:yes"
    )


class Labelled(BaseModel):
    """Tasks that ask for the label of a text."""

    labels: tuple[str, ...] | None = Field(
        default=None, description="the labels' words in the order of their numbers"
    )
    scoring: Literal["loglikelihood", "classify", "generate"] | None = Field(
        default=None,
        description="loglikelihood of the labels, classify (a classification head), or generate",
    )


class LabelMap(Labelled):
    """The same with data whose labels have names of their own."""

    label_map: str | None = Field(
        default=None, description="what the data's labels mean: VALUE:LABEL, separated by commas"
    )
