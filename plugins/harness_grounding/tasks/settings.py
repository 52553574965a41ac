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
