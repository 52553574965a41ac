"""The options that every task has: ``--set TASK.KEY=VALUE``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class CommonOptions(BaseModel):
    """What the planner itself reads of a task's options, whatever the task."""

    model_config = ConfigDict(allow_inf_nan=False)

    template: str | None = Field(None, description="name of the prompt template")
    num_fewshot: int | None = Field(
        None, ge=0, description="solved examples before each question, for this task"
    )
    fewshot: Literal["fixed", "per_sample"] = Field(
        "fixed", description="the same examples for every sample, or others for each"
    )
    shots: str | None = Field(
        None, description="file with few-shot examples, in the task's own format"
    )
    columns: str | None = Field(
        None, description="the data's names for the task's fields: FIELD:COLUMN, with commas"
    )
    thinking_tokens: int = Field(
        0,
        ge=0,
        description="further tokens of each generated answer, for what a model thinks before it",
    )
    fewshot_style: Literal["text", "turns"] = Field(
        "text", description="examples in the question's text, or as turns of a conversation"
    )
    system: str | None = Field(
        None, description="what the system says before every prompt, for this task"
    )
    temperature: float | None = Field(
        None, ge=0, le=100, description="of generated answers, for this task"
    )
    top_p: float | None = Field(
        None, ge=0, le=1, description="likewise: the share of probability that is drawn from"
    )
    prefill: str | None = Field(None, description="what the assistant's answer begins with")
