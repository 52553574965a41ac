"""A checkpoint in float64: tells what float32 leaves open from what a program gets wrong.

Two programs that add in another order differ by rounding. In a model of 30 layers that is up to
1e-3 of a sum over a passage, and in a long answer it decides between two tokens that are as likely.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIE = 1e-3
"""Two log-probabilities that are nearer than this are one to float32."""


@dataclass(frozen=True, slots=True)
class Parting:
    """Where two greedy answers part.

    Attributes:
        gap: Difference of the log-probabilities of the two tokens.
        behind: How far the likelier of them is behind the likeliest token of all.
    """

    gap: float
    behind: float

    @property
    def is_tie(self) -> bool:
        """Whether float32 can take either for the likeliest."""
        return self.gap <= TIE and self.behind <= TIE


class Exact:
    """lm_eval's own model of a checkpoint, in float64.

    Args:
        checkpoint: Its folder.
        bos: Whether it writes BOS as the one in float32 does.
    """

    def __init__(self, checkpoint: Path, bos: bool) -> None:
        from lm_eval.models.huggingface import HFLM

        more = {} if bos else {"add_bos_token": False}
        self._model = HFLM(
            pretrained=str(checkpoint), device="cpu", dtype="float64", batch_size=1, **more
        )

    def loglikelihood(self, kind: str, arguments: tuple[Any, ...]) -> float:
        """The log-likelihood of a request of lm_eval's, ``loglikelihood`` or a rolling one."""
        from lm_eval.api.instance import Instance

        asked = [Instance(request_type=kind, doc={}, arguments=arguments, idx=0)]  # type: ignore[arg-type]
        if kind == "loglikelihood_rolling":
            return float(self._model.loglikelihood_rolling(asked, disable_tqdm=True)[0])
        return float(self._model.loglikelihood(asked, disable_tqdm=True)[0][0])

    def parting(self, prompt: str, one: str, other: str) -> Parting:
        """Where two answers to a prompt part; the end of the shorter one is EOS."""
        import torch

        ends = [self._model.eot_token_id]
        ids = [self._model.tok_encode(prompt + text) + ends for text in (one, other)]
        place = next(at for at, pair in enumerate(zip(*ids, strict=False)) if pair[0] != pair[1])
        with torch.inference_mode():
            logits = self._model.model(torch.tensor([ids[0][:place]])).logits[0, -1]
        scores = torch.log_softmax(logits.double(), -1)
        first, second = (float(scores[each[place]]) for each in ids)
        return Parting(abs(first - second), float(scores.max()) - max(first, second))
