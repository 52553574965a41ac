"""Reward models: what a sequence classifier with one output says of prompts and answers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.authoring import checkpoint
from harness.authoring.chat.encoding import Encoder
from harness.authoring.chat.templates import ChatTemplate
from harness.errors import ModelError
from harness.types import Message, Prompt

Values = list[float | None]
_HUB_ID = re.compile(r"(?![.~])[\w.-]+/[\w.-]+")


class ModelReward:
    """A reward model: a sequence classifier with one output.

    Args:
        folder: Its checkpoint, with safetensors weights.
        base: Where given, the model as it was before its training instead: the weights of this
            checkpoint, with a new head where it has none, asked by ``folder``'s tokenizer.
        seed: Of the new head; the one of the training makes the same head.

    Raises:
        ModelError: It cannot be read, or has another number of outputs.
    """

    BATCH = 16

    def __init__(self, folder: str, base: str = "", seed: int = 0) -> None:
        import torch
        from transformers import AutoTokenizer, logging

        local = Path(folder).is_dir()
        if not local and not _HUB_ID.fullmatch(folder):
            raise ModelError(
                f"no reward model at {folder!r}",
                "Give a checkpoint's folder or hub id, task:NAME or plugin:FILE.py:FUNCTION.",
            )

        logging.disable_progress_bar()
        with checkpoint.reading(
            f"the reward model {folder}", "Expected a checkpoint folder with safetensors weights."
        ):
            if local:
                checkpoint.check_files(Path(folder))
            self._tokenizer = AutoTokenizer.from_pretrained(folder)
            self._model = _untrained(base, seed) if base else _classifier(folder)
            self._check(folder)
            if base:
                self._model.config.pad_token_id = self._tokenizer.pad_token_id
            self._model.eval().to("cuda" if torch.cuda.is_available() else "cpu")
            limit = int(getattr(self._model.config, "max_position_embeddings", 0) or 1024)
            # What it reads ends as its tokenizer ends it.
            self._encoder = Encoder(self._tokenizer, limit, chat=False, ends=True)
            self._template = ChatTemplate.of(self._tokenizer)

    def _check(self, folder: str) -> None:
        name = f"the reward model {folder}"
        checkpoint.check_values(name, self._model.named_parameters())
        rows = self._model.get_input_embeddings().weight.shape[0]
        checkpoint.check_vocabulary(name, self._tokenizer, rows)
        if self._model.config.num_labels != 1:
            raise ModelError(
                f"{folder} has {self._model.config.num_labels} outputs, a reward model has one",
                "Train one with --method reward.",
            )

    def __call__(
        self,
        prompts: Sequence[Prompt],
        completions: Sequence[str],
        facts: Sequence[Mapping[str, Any]] = (),  # noqa: ARG002
    ) -> Values:
        """The model's outputs, on texts that end as in its training: with the end token."""
        import torch

        values: Values = []
        texts = [self._text(p, c) for p, c in zip(prompts, completions, strict=True)]
        pad = self._model.config.pad_token_id
        size = self.BATCH if pad is not None else 1  # without one the ends of texts are unknown
        for start in range(0, len(texts), size):
            some = texts[start : start + size]
            encoded = self._encoder.encode_many(some)
            rows = [list(encoded[text][: self._encoder.max_length]) for text in some]
            longest = max(1, *map(len, rows))
            ids = [[*row, *[pad or 0] * (longest - len(row))] for row in rows]
            mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
            batch = {
                name: torch.tensor(table, dtype=torch.long, device=self._model.device)
                for name, table in (("input_ids", ids), ("attention_mask", mask))
            }
            with torch.inference_mode():
                outputs = self._model(**batch).logits[:, 0].float().tolist()
            values += [
                output if row and math.isfinite(output) else None
                for row, output in zip(rows, outputs, strict=True)
            ]
        return values

    def _text(self, prompt: Prompt, completion: str) -> str:
        if isinstance(prompt, str):
            if self._template is None:
                return prompt + completion + (self._tokenizer.eos_token or "")
            prompt = (Message("user", prompt),)
        turns = [{"role": turn.role, "content": turn.content} for turn in prompt]
        turns.append({"role": "assistant", "content": completion})
        if self._template is None:
            raise ModelError(
                "the prompts are conversations and the reward model has no chat template",
                "Give a reward model with a chat template, or prompts that are texts.",
            )
        text = self._template.render(turns, answering=False)
        if not text:
            raise ModelError(
                "the reward model's chat template makes an empty text of a conversation",
                "Mend its chat template (chat_template.jinja or tokenizer_config.json).",
            )
        return text


def _classifier(folder: str) -> Any:
    from transformers import AutoModelForSequenceClassification

    model, report = AutoModelForSequenceClassification.from_pretrained(
        folder, use_safetensors=True, output_loading_info=True
    )
    checkpoint.check_loaded(f"the reward model {folder}", report, list(model.state_dict()))
    return model


def _untrained(base: str, seed: int) -> Any:
    """The model that a training of a reward model starts with."""
    import torch
    from transformers import AutoModelForSequenceClassification, logging

    level = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)  # it would warn that the head is new
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return AutoModelForSequenceClassification.from_pretrained(
                base, num_labels=1, dtype=torch.float32, use_safetensors=True
            )
    finally:
        logging.set_verbosity(level)
