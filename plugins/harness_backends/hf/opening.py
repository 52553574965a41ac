"""From the user's options to the backend of a checkpoint's kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.protocols import BackendOptions, ModelBackend
from harness_backends.hf.backend import HuggingFaceBackend
from harness_backends.hf.kinds.backend import KindBackend
from harness_backends.hf.kinds.classifier import ClassifierHead
from harness_backends.hf.kinds.embedding import EmbeddingHead
from harness_backends.hf.kinds.encoder import EncoderAnswerer, Head
from harness_backends.hf.kinds.extractive import ExtractiveHead
from harness_backends.hf.kinds.masked import MaskedHead
from harness_backends.hf.kinds.seq2seq import Seq2SeqAnswerer
from harness_backends.hf.kinds.token_classifier import TokenClassifierHead
from harness_backends.hf.loading import Checkpoint, load
from harness_backends.hf.memory import Budget, PassMemory, default_tokens
from harness_backends.hf.settings import Settings
from harness_backends.hf.threads import ThreadCount

LOGIT_BYTES = 1 << 30
"""Most that the logits of one pass may take where a model gives them for every token."""


def open_checkpoint(options: BackendOptions, threads: ThreadCount | None = None) -> ModelBackend:
    """Loads the checkpoint that ``options`` names.

    Args:
        options: The user's.
        threads: What chooses the number of threads on a CPU; None keeps torch's.

    Raises:
        ModelError: It cannot be used.
        UsageError: An option's value is not one of those expected, or belongs to another kind.
    """
    settings = Settings.read(options.values)
    checkpoint = load(options.model, options.dtype, options.device, settings)
    if options.deadline is not None:
        _before_passes(checkpoint.model, options.deadline.check)
    if threads is not None and checkpoint.device.type == "cpu":
        threads.choose()
        _before_passes(checkpoint.model, threads.follow)
    rows = options.batch_size
    match checkpoint.kind:
        case "causal":
            return HuggingFaceBackend.open(checkpoint, settings, rows)
        case "seq2seq":
            budget = _budget(checkpoint, settings, rows, logits=True)
            return KindBackend(checkpoint, Seq2SeqAnswerer(checkpoint, settings, budget))
        case "classifier":
            # A decoder with a classification head finds the last token by the padding's id.
            alone = checkpoint.model.config.pad_token_id is None
            head: Head[Any] = ClassifierHead(checkpoint, settings)
            budget = _budget(checkpoint, settings, 1 if alone else rows)
        case "masked":
            head = MaskedHead(checkpoint)
            budget = _budget(checkpoint, settings, rows, logits=True)
        case "extractive_qa":
            head = ExtractiveHead(checkpoint, settings)
            budget = _budget(checkpoint, settings, rows)
        case "encoder":
            head = EmbeddingHead(checkpoint, settings)
            budget = _budget(checkpoint, settings, rows)
        case "token_classifier":
            head = TokenClassifierHead(checkpoint, settings)
            budget = _budget(checkpoint, settings, rows)
    return KindBackend(checkpoint, EncoderAnswerer(checkpoint, head, budget))


def _before_passes(model: Any, act: Callable[[], None]) -> None:
    """Calls ``act`` before every pass of the model, and so before every step of generation."""
    from torch import nn

    for module in model.modules():
        if isinstance(module, nn.Embedding):  # where every pass begins, on whichever path
            module.register_forward_pre_hook(lambda *_: act())


def _budget(
    checkpoint: Checkpoint, settings: Settings, rows: int | None, logits: bool = False
) -> Budget:
    if settings.token_budget is not None:
        return Budget(settings.token_budget, rows)
    tokens = default_tokens(checkpoint.model)
    if logits:
        vocabulary = checkpoint.model.config.get_text_config().vocab_size
        tokens = min(tokens, max(1, LOGIT_BYTES // (4 * vocabulary)))
    return Budget(tokens, rows, PassMemory.guess(checkpoint.model))
