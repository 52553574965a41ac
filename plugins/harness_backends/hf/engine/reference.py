"""What a path's answers are held against: the model's own forward, one sequence at a time.

In half precision the model's own numbers are rounded, and another order of the same sums is rounded
otherwise: on SmolLM2-135M in bfloat16 a token's log-probability is 0.05 to 0.1 off, and one path
differs from another by as much. So the reference computes in float32, whatever the weights are kept
in, and an answer may be as far from that as the model's own code in half precision is.
"""

from __future__ import annotations

import math

import torch

from harness.authoring.chat.encoding import Scored
from harness_backends.hf.checkpoint.half_precision import in_float32
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.memory import Budget
from harness_backends.hf.plain import PlainEngine

EXACT = 1e-4
"""How far a right answer may be off in float32, per root of its tokens, in nats."""
LEAST, ASSUMED = 0.01, 0.05
"""So in half precision: at least, and where the model does not run in float32."""
SPREAD = 8
"""How many times the model's own error an answer in half precision may be off."""
MEASURED, TAIL = 500, 256
"""Tokens from which its own error is known, and most taken of one sequence beyond the scored."""
KEPT = 4
"""Sequences whose numbers in float32 are kept: some are asked for twice."""


class Reference:
    """Tells whether an answer is right.

    Args:
        checkpoint: The model.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._plain = PlainEngine(checkpoint, Budget(1, 1))
        self.rounds = checkpoint.dtype != "float32"
        """Whether the weights are of half precision and the model was seen to run in float32, or
        was not tried yet."""
        self._squares, self._tokens = 0.0, 0
        self._known: dict[Scored, torch.Tensor] = {}

    @property
    def error(self) -> float | None:
        """How far a token's log-probability is from float32's, as the root of the mean square.

        None in float32, and as long as nothing was checked.
        """
        return math.sqrt(self._squares / self._tokens) if self._tokens else None

    def difference(self, item: Scored, found: float, rounded: bool = True) -> str | None:
        """What is wrong with an answer, in words; None where it is right.

        Args:
            item: What was asked.
            found: The sum of its targets' natural-log probabilities.
            rounded: Whether the path computed in the type of the weights, not in float32.
        """
        # Sums of correct log-probabilities differ by rounding; a wrong mask is much further off.
        exact = self._in_float32(item) if self.rounds else None
        if exact is None:
            ((_, own),) = self._plain.score([item])
            whole = self.checkpoint.dtype == "float32"
            expected, tolerance = own.total, EXACT if whole else ASSUMED
        else:
            expected = float(exact[len(exact) - item.targets :].sum())
            tolerance = max(LEAST, SPREAD * self._measure(item, exact)) if rounded else EXACT
        apart = abs(expected - found)
        if apart <= tolerance * math.sqrt(item.targets):
            return None
        return f"log-probabilities {apart:.2g} apart"

    def _in_float32(self, item: Scored) -> torch.Tensor | None:
        """Log-probabilities of the last tokens, all targets among them; None: it does not run."""
        if item not in self._known:
            try:
                with in_float32(self.checkpoint.model):
                    found = self._plain.logprobs(_with_more_targets(item))
            except RuntimeError:  # some code of the model's mixes types, or memory runs out
                self.rounds = False
                return None
            while len(self._known) >= KEPT:
                del self._known[next(iter(self._known))]
            self._known[item] = found
        return self._known[item]

    def _measure(self, item: Scored, exact: torch.Tensor) -> float:
        """The error so far, this item's included until enough is known."""
        if self._tokens < MEASURED:
            off = self._plain.logprobs(_with_more_targets(item)) - exact
            self._squares += float(off.square().sum())
            self._tokens += len(off)
        error = self.error
        assert error is not None
        return error


def _with_more_targets(item: Scored) -> Scored:
    """The same sequence with more of its tokens scored, as one or two say little of an error."""
    most = len(item.tokens) - 1
    return Scored(item.tokens, min(most, max(item.targets, TAIL)))
