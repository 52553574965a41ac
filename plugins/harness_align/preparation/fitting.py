"""Whether a model can be trained on given rows: its chat template, its context, whole batches.

Trainers cut what is too long, leave out groups that do not fill a batch, and stop in the middle
over a turn that the template refuses. All of it is known here, before the base is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.authoring.chat import encoding
from harness.authoring.chat.templates import ChatTemplate, RefusedTurnsError
from harness.errors import UsageError
from harness.types import Message, Prompt
from harness_align.dataset import training_rows
from harness_align.dataset.training_rows import Row, Rows
from harness_align.dataset.validation import Refuse
from harness_align.spec import AlignSpec


def refusal(spec: AlignSpec, rows: Rows, samples: bool) -> Refuse:
    """Says why the model cannot be trained on a row; also checks model and tokenizer.

    Args:
        spec: The training.
        rows: What it is trained on.
        samples: Whether the training samples answers to the prompts itself.

    Raises:
        ModelError: The model or its tokenizer cannot be used for this training.
    """
    from harness_align.training import models

    conversational = bool(rows.rows) and not isinstance(rows.rows[0].prompt, str)
    config = models.check_architecture(spec)
    tokenizer = models.open_tokenizer(spec, conversational)
    wrapped = not conversational and models.wraps(spec, tokenizer, rows.kind)
    render = _renderer(tokenizer) if conversational or wrapped else _plain_renderer(tokenizer)
    context = models.room(spec, config)
    encoder = encoding.Encoder(tokenizer, spec.max_length, chat=False)
    limit = spec.max_length if context is None else min(spec.max_length, context)
    bound = ", the model's context" if limit < spec.max_length else ""

    def length(row: Row, answer: Prompt | None) -> int:
        (tokens,) = encoder.encode_many([render(row, answer)]).values()
        return len(tokens)

    def refuse(row: Row) -> str | None:
        if wrapped:
            row = training_rows.as_conversation(row)
        try:
            longest = max((length(row, answer) for answer in row.answers), default=0)
            prompt = length(row, None) if samples or not row.answers else 0
        except RefusedTurnsError as error:
            return f"that the model's chat template refuses: {error.reason}"
        if max(longest, prompt) > limit:
            return f"longer than {limit:,} tokens{bound}"
        if samples and context is not None and prompt + spec.max_new_tokens > context:
            return (
                f"whose prompt leaves no room for max_new_tokens={spec.max_new_tokens} in the "
                f"model's context of {context:,} tokens"
            )
        return None

    return refuse


Render = Callable[[Row, Prompt | None], str]
"""The text that is trained on: a row with one of its answers, or None for only its prompt."""


def _renderer(tokenizer: Any) -> Render:
    template = ChatTemplate.of(tokenizer)
    assert template is not None

    def render(row: Row, answer: Prompt | None) -> str:
        turns = [
            {"role": turn.role, "content": turn.content}
            for part in (row.prompt, answer or ())
            for turn in ((Message("assistant", part),) if isinstance(part, str) else part)
        ]
        return template.render(turns, answering=answer is None)

    return render


def _plain_renderer(tokenizer: Any) -> Render:
    def render(row: Row, answer: Prompt | None) -> str:
        assert isinstance(row.prompt, str)
        return row.prompt if answer is None else f"{row.prompt}{answer}{tokenizer.eos_token}"

    return render


def check_context(spec: AlignSpec) -> None:
    """Refuses a length of sampled answers that leaves no room for a prompt.

    Raises:
        UsageError: It does.
    """
    from harness_align.training import models

    context = models.room(spec, models.check_architecture(spec))
    if context is not None and spec.max_new_tokens >= context:
        raise UsageError(
            f"max_new_tokens={spec.max_new_tokens} leaves no room for a prompt: "
            f"the model's context is {context:,} tokens",
            f"Give --set max_new_tokens=N, with N well below {context}.",
        )
