"""The options of saved outputs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ReplaySettings(BaseModel):
    """``--set KEY=VALUE`` of the replay backend."""

    model_config = ConfigDict(frozen=True)

    replay_field: str | None = Field(
        None,
        description="column that holds the output (default: response; lm-evaluation-harness: "
        "filtered_resps); COLUMN.KEY is the text under a key of an object",
    )
    replay_id: str | None = Field(
        None,
        description="column that holds the sample's id (default: id, sample_id, doc_id, or BBQ's "
        "category-example_id)",
    )
    replay_format: Literal["conll"] | None = Field(
        None,
        description="a token and its tag a line, a blank line after each sentence (default: by "
        "the suffix)",
    )
    replay_filter: str | None = Field(
        None, description="of lm-evaluation-harness's rows, the filter whose answers to take"
    )
