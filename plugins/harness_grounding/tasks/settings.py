"""The options of the tasks, as pydantic models, imported when a task is opened or listed."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Claims(BaseModel):
    """Claims that a text supports or not."""

    scoring: Literal["loglikelihood", "classify", "generate"] | None = Field(
        default=None,
        description="loglikelihood of yes and no, classify (a checkpoint for entailment) or "
        "generate",
    )
    max_tokens: int = Field(default=8, ge=1, description="longest generated answer in tokens")


class LabelledClaims(Claims):
    """The same with data whose labels have names of their own."""

    label_map: str | None = Field(
        default=None, description="what the data's labels mean: VALUE:LABEL, separated by commas"
    )


class Grounded(BaseModel):
    """Answers whose claims a judge looks at."""

    reading: Literal["auto", "logprobs", "text"] = Field(
        default="auto",
        description="auto (the judge's log-probabilities of yes and no where it has them), "
        "logprobs or text",
    )
    prompt: str | None = Field(
        default=None, description="Jinja2 of source and input: what the model is asked"
    )
    answer_tokens: int = Field(default=128, ge=1, description="longest answer in tokens")
    judge_tokens: int = Field(default=16, ge=1, description="of a judgement in words")
    most_claims: int = Field(
        default=32, ge=1, description="claims of an answer that are judged, from its beginning"
    )
