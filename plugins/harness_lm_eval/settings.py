"""The options of the tasks, declared once."""

from __future__ import annotations

from pydantic import BaseModel, Field


class TaskSettings(BaseModel):
    """``--set lm_eval:NAME.KEY=VALUE``: how one task is asked."""

    num_fewshot: int | None = Field(
        None, ge=0, description="solved examples before each question (default: the task's own)"
    )
    shots: str | None = Field(None, description="file with solved examples, beside --data")
    fewshot_seed: int = Field(1234, description="seed of the draw of solved examples")
    apply_chat_template: bool = Field(
        False, description="ask through the model's chat template, as --apply_chat_template"
    )
    system_instruction: str | None = Field(None, description="system prompt")
    fewshot_as_multiturn: bool = Field(
        True, description="solved examples are turns of their own, where a chat template is used"
    )
    gen_kwargs: str | None = Field(
        None, description="KEY=VALUE,… that replace the task's own for generation"
    )
    input: str | None = Field(
        None, description="field of a document that probes may change (default: found in the text)"
    )


class SourceSettings(TaskSettings):
    """``--set lm_eval.KEY=VALUE``: what holds for all of the run's tasks."""

    include: list[str] = Field(
        default_factory=list, description="folders with task definitions (YAML) of one's own"
    )
    metadata: str | None = Field(
        None, description='JSON object for tasks that make their data: {"max_seq_lengths": [4096]}'
    )
    allow_code: bool = Field(
        False, description="let the task run code of the model, of its folder or of the hub"
    )
