"""The language-model head where it is needed, a slice of positions at a time.

Computing logits at every position costs memory and time in proportion to the vocabulary; here
they exist for a slice of the scored positions at a time, and only the requested values are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from harness_backends.hf.prefix_tree.packed_linear import PackedLinears

SLICE, LEAST = 1 << 22, 64
"""Logits that exist at a time (16 MB in float32), and the positions that are worth a call:
each call goes through the head's whole weight once."""


@dataclass(frozen=True, slots=True)
class TokenScores:
    """Of (position, target) pairs: natural-log probability, and whether it was the argmax."""

    logprobs: torch.Tensor
    greedy: torch.Tensor


class UnknownHeadError(RuntimeError):
    """What the model does between its last hidden state and its logits is not understood."""


class Head:
    """Hidden states → log-probabilities.

    Args:
        model: A ``transformers`` causal language model.
        packed: Its linear layers.

    Raises:
        UnknownHeadError: Its logits are not the head's output, capped or scaled as configured.
    """

    def __init__(self, model: Any, packed: PackedLinears) -> None:
        self._packed = packed
        self._project = model.get_output_embeddings()
        self._finish = _find_finish(model, self._project)
        self._size = max(LEAST, SLICE // self._project.weight.shape[0])

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Float32 logits, shape [positions, vocabulary], of [positions, width]."""
        with self._packed.used():
            return self._finish(self._project(hidden)).float()

    def slices(self, hidden: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Cuts [positions, width] so that the logits of a slice stay small."""
        return torch.split(hidden, self._size)

    def score(self, hidden: torch.Tensor, rows: torch.Tensor, targets: torch.Tensor) -> TokenScores:
        """Scores targets.

        Args:
            hidden: Shape [positions, width].
            rows: For each target its position in ``hidden``, ascending; shape [pairs].
            targets: Token ids, shape [pairs].
        """
        logprobs = torch.empty(len(targets))
        greedy = torch.empty(len(targets), dtype=torch.bool)
        size = self._size
        bounds = torch.searchsorted(rows, torch.arange(0, len(hidden) + size, size))
        for part, first, last in zip(
            self.slices(hidden), bounds[:-1].tolist(), bounds[1:].tolist(), strict=False
        ):
            logits = self.logits(part)
            pair_rows = (rows[first:last] % size).to(logits.device)
            pair_targets = targets[first:last].to(logits.device)
            best, place = logits.max(dim=-1)
            chosen = logits[pair_rows, pair_targets] - best[pair_rows]
            total = logits.sub_(best[:, None]).exp_().sum(-1).log_()
            logprobs[first:last] = (chosen - total[pair_rows]).cpu()
            greedy[first:last] = (place[pair_rows] == pair_targets).cpu()
        return TokenScores(logprobs, greedy)


def _find_finish(model: Any, project: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """What the model does to its head's output, found by trying it on a short text."""
    if project is None or not hasattr(project, "weight"):
        raise UnknownHeadError(type(model).__name__)
    ids = torch.arange(6, device=model.device)[None] % model.config.get_text_config().vocab_size
    seen = torch.ones_like(ids)
    with torch.inference_mode():
        raw = project(model.base_model(ids, attention_mask=seen, use_cache=False)[0])
        expected = model(ids, attention_mask=seen, use_cache=False).logits
    for finish in _candidates(model.config.get_text_config()):
        if torch.allclose(finish(raw).float(), expected.float(), rtol=1e-3, atol=1e-4):
            return finish
    raise UnknownHeadError(type(model).__name__)


def _candidates(config: Any) -> list[Callable[[torch.Tensor], torch.Tensor]]:
    found: list[Callable[[torch.Tensor], torch.Tensor]] = [lambda logits: logits]
    cap = getattr(config, "final_logit_softcapping", None)
    if cap:
        found.append(lambda logits: cap * torch.tanh(logits / cap))
    scale = getattr(config, "logit_scale", None)  # Cohere
    if scale:
        found.append(lambda logits: logits * scale)
    divisor = getattr(config, "logits_scaling", None)  # Granite
    if divisor:
        found.append(lambda logits: logits / divisor)
    return found
